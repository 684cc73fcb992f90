"""Checking parameters by the JSON Schema of the catalog: what is wrong is said in one sentence.

Form, command line, address, job and the process that answers pages all check here. The web process cannot import the pydantic
class behind a method, but the schema the catalog carries says the same.
"""

import json
import math
import unicodedata
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .errors import BadInput, one_line
from .languages import later, tr

MOST = 100_000  # characters of JSON that parameters may take
KINDS = {
    "integer": later("a whole number"),
    "number": "a number",
    "string": "a text",
    "boolean": later("true or false"),
    "array": "a list",
    "object": later("named values"),
    "null": "nothing",
}


def checked(entry_id: str, schema: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The parameters as they will be used: checked, with the schema's defaults filled in.

    Args:
        entry_id: whose parameters they are, for the sentence.
        schema: JSON Schema of an object, as the catalog's `params`.
        params: name -> value; what is left out has its default.

    Raises:
        BadInput: one is unknown, of the wrong kind or out of range; the sentence says what is allowed.
    """
    plain = _plain(entry_id, params)
    error = next(iter(Draft202012Validator(schema).iter_errors(plain)), None)
    if error is not None:
        raise BadInput(_sentence(entry_id, schema, error))
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    return {name: field["default"] for name, field in properties.items() if "default" in field} | plain


def from_text(entry_id: str, schema: dict[str, Any], text: str) -> tuple[str, Any]:
    """Take `name=value` apart and read the value as the schema's type, as in learning_rate=0.01.

    Raises:
        BadInput: there is no such parameter, or the value cannot be read as what it should be.
    """
    name, sign, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not sign or not name:
        raise BadInput(f"{quoted_value(text)} is no parameter; write name=value, as in epochs=3.")
    field = schema.get("properties", {}).get(name)
    if field is None:
        raise BadInput(_unknown(entry_id, schema, name))
    if "string" in _types(field):
        return name, value
    try:
        read = json.loads(value.lower() if value.lower() in ("true", "false", "null") else value)
    except (ValueError, RecursionError):
        if "array" in _types(field):  # a list as people write it: a, b, c
            return name, [word.strip() for word in value.split(",") if word.strip()]
        raise BadInput(
            tr(
                "{entry_id}: {name} was {value}, but {field} is needed.",
                entry_id=entry_id,
                name=name,
                value=quoted_value(value),
                field=_kinds(field),
            )
        ) from None
    return name, read


def allowed(field: dict[str, Any]) -> str:
    """The allowed values in words: "from 1 to 200", "more than 0, at most 1", "one of a, b"; empty where anything may."""
    if "enum" in field:
        return tr("one of {str}", str=", ".join(map(str, field["enum"])))
    low, high = field.get("minimum"), field.get("maximum")
    above, below = field.get("exclusiveMinimum"), field.get("exclusiveMaximum")
    if low is not None and high is not None:
        return tr("from {low:g} to {high:g}", low=low, high=high)
    words = [
        f"{word} {limit:g}"
        for word, limit in (
            (tr("at least"), low),
            (tr("more than"), above),
            (tr("at most"), high),
            (tr("less than"), below),
        )
        if limit is not None
    ]
    return ", ".join(words)


def within(name: str, value: Any, least: float, most: float) -> float:
    """The value as a number, when it lies between its bounds.

    Raises:
        BadInput: it does not, or is none.
    """
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(_beyond(name, _received(value), least, most)) from None
    if not least <= number <= most:
        raise BadInput(_beyond(name, str(number), least, most))
    return number


def whole_number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> int:
    """The value as a whole number, when it lies between its bounds.

    Raises:
        BadInput: it is missing, has a fraction, or does not.
    """
    if not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise BadInput(f"{name} was {_received(value)}; a whole number is needed.")
    if not least <= value <= most:
        raise BadInput(_beyond(name, str(int(value)), least, most))
    return int(value)


def line(name: str, text: object, most: int, example: str = "") -> str:
    """A text on one line, with single spaces.

    Args:
        name: what it is, as in "The prompt".
        text: as it was written.
        most: characters it may have.
        example: what to write, for the sentence about an empty one; where it is left out, an empty one will do.

    Raises:
        BadInput: it is empty, too long, or holds control characters.
    """
    words = one_line(str(text))
    if example and not words:
        raise BadInput(f"{name} was empty; {example}.")
    if len(words) > most:
        raise BadInput(f"{name} has {len(words):,} characters; at most {most:,} are allowed.")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in words):
        raise BadInput(f"{name} holds control characters; write plain words.")
    return words


def _beyond(name: str, received: str, least: float, most: float) -> str:
    return f"{name} was {received}; it can be from {least:g} to {most:g}."


def _received(value: Any) -> str:
    """A value in a sentence, after "was"."""
    if value is None:
        return "empty"
    return f"{value:g}" if isinstance(value, float) else quoted_value(value)


def quoted_value(value: Any) -> str:
    """A value as it is quoted in a sentence: on one line and not too long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        return tr("something very long")
    return text if len(text) <= 80 else f"{text[:79]}…"


def _plain(entry_id: str, params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as JSON would hold them: lists for tuples, no NaN, not too much."""
    try:
        text = json.dumps(params, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        strange = [name for name, value in params.items() if isinstance(value, float) and not math.isfinite(value)]
        if strange:
            raise BadInput(
                tr(
                    "{entry_id}: {strange} was {params}, but a finite number is needed.",
                    entry_id=entry_id,
                    strange=strange[0],
                    params=params[strange[0]],
                )
            ) from None
        raise BadInput(
            f"{entry_id}: a parameter was no plain value; numbers, texts, lists and named values are allowed."
        ) from None
    if len(text) > MOST:
        raise BadInput(f"{entry_id}: the parameters have {len(text):,} characters; at most {MOST:,} are allowed.")
    plain: dict[str, Any] = json.loads(text)
    return plain


def _sentence(entry_id: str, schema: dict[str, Any], error: ValidationError) -> str:
    if error.validator == "additionalProperties" and not error.path:
        extra = [name for name in error.instance if name not in error.schema.get("properties", {})]
        return _unknown(entry_id, schema, extra[0])
    if error.validator == "required" and not error.path:
        missing = [name for name in error.validator_value if name not in error.instance]
        return tr(
            "{entry_id} needs the parameter {missing}, which was not given.", entry_id=entry_id, missing=missing[0]
        )
    name = ".".join(map(str, error.path))
    if error.instance is None:
        return f"{entry_id}: {name} was empty; give {allowed(error.schema) or _kinds(error.schema)}."
    return tr(
        "{entry_id}: {name} was {instance}, but {error}.",
        entry_id=entry_id,
        name=name,
        instance=quoted_value(error.instance),
        error=_allowed(error),
    )


def _unknown(entry_id: str, schema: dict[str, Any], name: str) -> str:
    names = ", ".join(schema.get("properties", {})) or "none"
    return f"{entry_id} has no parameter {quoted_value(name)}; it has {names}."


def _allowed(error: ValidationError) -> str:
    """What the rule that was broken allows, in words."""
    limit = error.validator_value
    match error.validator:
        case "minimum":
            return tr("at least {limit:g} is allowed", limit=limit)
        case "maximum":
            return tr("at most {limit:g} is allowed", limit=limit)
        case "exclusiveMinimum":
            return tr("more than {limit:g} is allowed", limit=limit)
        case "exclusiveMaximum":
            return tr("less than {limit:g} is allowed", limit=limit)
        case "enum":
            return tr("one of {str} is allowed", str=", ".join(map(str, limit)))
        case "minLength" | "minItems":
            return tr(
                "at least {limit} {validator} are needed",
                limit=limit,
                validator="characters" if error.validator == "minLength" else "entries",
            )
        case "maxLength" | "maxItems":
            return tr(
                "at most {limit} {validator} are allowed",
                limit=limit,
                validator="characters" if error.validator == "maxLength" else "entries",
            )
        case "anyOf" if fits := [inner for inner in error.context or () if inner.validator != "type"]:
            return _allowed(fits[0])
        case "type" | "anyOf":
            return tr("{schema} is needed", schema=_kinds(error.schema))
        case _:
            return tr("it must follow {validator} {limit}", validator=error.validator, limit=quoted_value(limit))


def _types(field: dict[str, Any]) -> list[str]:
    """The JSON types a parameter may have."""
    if "type" in field:
        return field["type"] if isinstance(field["type"], list) else [field["type"]]
    if "enum" in field:
        return ["string"] if all(isinstance(value, str) for value in field["enum"]) else []
    return [kind for option in field.get("anyOf", []) for kind in _types(option)]


def _kinds(field: Any) -> str:
    return tr(" or ").join(tr(KINDS.get(kind, kind)) for kind in _types(field)) or tr("another value")
