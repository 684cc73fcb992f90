"""A parameter schema -> widgets, widget values -> parameters.

The schema is the JSON Schema of a method's, inspector's or attack's pydantic class, as the catalog carries it: bounds,
defaults and descriptions stand there once, and a new parameter needs no line here.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import gradio as gr

from backends.api import params
from backends.api.errors import BadInput
from backends.api.languages import tr

Schema = dict[str, Any]
STEPS = 100  # a bounded number is a slider where it has at most so many steps


class Number(gr.Number):
    """A number that reaches our own check as it was typed: not rounded, and not refused before its range can be named."""

    is_template = True

    def preprocess(self, payload: float | None) -> float | int | None:
        return int(payload) if isinstance(payload, float) and payload.is_integer() else payload


class Slider(gr.Slider):
    """A slider whose typed values reach our own check."""

    is_template = True

    def preprocess(self, payload: float) -> float:
        return payload


def _choice_text(payload: Any) -> str | None:
    """A choice as text; whatever else came is no choice."""
    return payload if isinstance(payload, str) else None


def _choice_texts(payload: Any) -> list[str]:
    """Choices as text; whatever else came is none."""
    return [one for one in payload if isinstance(one, str)] if isinstance(payload, list) else []


class Radio(gr.Radio):
    """A choice that reaches our own check whatever the page offered when it was made.

    A page sends its values before an answer that is under way changes what they can be: then the choices of two models meet.
    That is no error of the person's, the answer that follows puts it right, and what is submitted is checked anyway.
    """

    is_template = True

    def preprocess(self, payload: Any) -> str | None:
        return _choice_text(payload)


class CheckboxGroup(gr.CheckboxGroup):
    """Several choices that reach our own check, for the reason given at `Radio`."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return _choice_texts(payload)


class Dropdown(gr.Dropdown):
    """A choice, or several, that reach our own check, for the reason given at `Radio`."""

    is_template = True

    def preprocess(self, payload: Any) -> Any:
        return _choice_texts(payload) if self.multiselect else _choice_text(payload)


def properties(schema: Schema) -> dict[str, Schema]:
    """Name -> schema of that parameter, references and "or nothing" resolved into one flat field."""
    defined = schema.get("$defs", {})

    def flat(field: Schema) -> Schema:
        if "$ref" in field:
            field = defined[field["$ref"].rsplit("/", 1)[-1]] | {key: field[key] for key in field if key != "$ref"}
        if len(field.get("allOf", [])) == 1:
            field = flat(field["allOf"][0]) | {key: field[key] for key in field if key != "allOf"}
        options = [option for option in field.get("anyOf", []) if option.get("type") != "null"]
        if options:
            field = flat(options[0]) | {key: field[key] for key in field if key != "anyOf"} | {"optional": True}
        return field

    return {name: flat(field) for name, field in schema.get("properties", {}).items()}


def of_role(schema: Schema, role: str) -> list[str]:
    """The parameters that a page shows in a place of their own, by the role that their schema names."""
    return [name for name, field in properties(schema).items() if field.get("role") == role]


def label(name: str) -> str:
    """learning_rate -> "Learning rate"."""
    words = name.replace("_", " ")
    return tr(words[:1].upper() + words[1:])


def widget(name: str, field: Schema) -> gr.components.Component:
    """The widget of one parameter, at its default, with its description and range as help."""
    default = field.get("default")
    sentence = str(field.get("description", "")).strip()
    common: dict[str, Any] = {"label": label(name), "interactive": True}
    range_text = params.allowed(field)
    help_text = " ".join(part for part in (sentence, range_text and f"({range_text})") if part) or None
    if "enum" in field:
        return gr.Dropdown(choices=list(field["enum"]), value=default, info=sentence or None, **common)
    match field.get("type"):
        case "boolean":
            return gr.Checkbox(value=bool(default), info=sentence or None, **common)
        case "integer" | "number":
            step = _slider_step(field)
            if step and not field.get("optional"):
                return Slider(field["minimum"], field["maximum"], default, step=step, info=sentence or None, **common)
            low = field.get("minimum", field.get("exclusiveMinimum"))
            high = field.get("maximum", field.get("exclusiveMaximum"))
            return Number(default, minimum=low, maximum=high, info=help_text, step=_arrow_step(field), **common)
        case _:
            return gr.Textbox(value=_text(default), info=help_text, lines=1, max_lines=4, **common)


def widgets(
    schema: Schema, values: dict[str, Any] | None = None, leave_out: Sequence[str] = ()
) -> dict[str, gr.components.Component]:
    """One widget for each parameter but those left out, in the schema's order, at its default or at the value given."""
    values = values or {}
    return {
        name: widget(name, field | ({"default": values[name]} if name in values else {}))
        for name, field in properties(schema).items()
        if name not in leave_out
    }


def defaults(schema: Schema) -> dict[str, Any]:
    """Every parameter that has a default, at it."""
    return {name: field["default"] for name, field in properties(schema).items() if "default" in field}


def to_widgets(schema: Schema, settings: dict[str, Any]) -> list[Any]:
    """Parameters -> one value for each widget; what is left out has its default."""
    return [
        _widget_value(field, settings.get(name, field.get("default"))) for name, field in properties(schema).items()
    ]


def from_widgets(entry_id: str, schema: Schema, values: Sequence[Any]) -> dict[str, Any]:
    """Widget values -> checked parameters.

    Raises:
        BadInput: one is empty, of the wrong kind or out of range; the sentence says what is allowed.
    """
    fields = zip(properties(schema).items(), values, strict=True)
    return params.checked(entry_id, schema, {name: _read(field, value) for (name, field), value in fields})


def problem(entry_id: str, schema: Schema, values: Sequence[Any]) -> str:
    """The sentence that says what is wrong, naming the range; empty where all is well."""
    try:
        from_widgets(entry_id, schema, values)
    except BadInput as error:
        return str(error)
    return ""


def _slider_step(field: Schema) -> float:
    """The step of a slider; 0 where a slider cannot show every value (or its default) exactly."""
    low, high = field.get("minimum"), field.get("maximum")
    if low is None or high is None or field.get("default") is None:
        return 0
    if low >= high:
        return 0
    if field["type"] == "integer":
        return 1 if high - low <= STEPS else 0
    step = (high - low) / STEPS
    at = (field["default"] - low) / step
    return float(step) if abs(at - round(at)) < 1e-9 else 0


def _arrow_step(field: Schema) -> float:
    """The step of the arrow keys: 1 for whole numbers, else a tenth of the default's size, as 0.001 for 0.013."""
    default = field.get("default")
    if field["type"] == "integer" or not default:
        return 1
    return float(10.0 ** (math.floor(math.log10(abs(default))) - 1))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) and "," not in item for item in value):
        return ", ".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def _widget_value(field: Schema, value: Any) -> Any:
    is_text = "enum" not in field and field.get("type") not in ("boolean", "integer", "number")
    return _text(value) if is_text else value


def _read(field: Schema, value: Any) -> Any:
    """A widget's value as the schema's type, where it can be; what cannot is left for the check to name."""
    if "enum" in field:
        return value
    match field.get("type"):
        case "integer":
            return int(value) if isinstance(value, float) and value.is_integer() else value
        case "number" | "boolean":
            return value
        case "string":
            return None if field.get("optional") and not value else value
        case _:
            return _list_or_json(field, str(value or "").strip())


def _list_or_json(field: Schema, text: str) -> Any:
    if not text:
        return None if field.get("optional") else [] if field.get("type") == "array" else None
    try:
        return json.loads(text)
    except ValueError:
        return [word.strip() for word in text.split(",") if word.strip()] if field.get("type") == "array" else text
