"""A function as programs call it: its arguments checked by its type hints, what is wrong one sentence, what it answers plain JSON."""

import functools
import inspect
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, get_type_hints

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from app.inference import asking_as
from backends.api.choosing import joined
from backends.api.errors import BadInput
from backends.api.params import quoted_value

PROGRAMS: Final = (
    "programs"  # who asks: all programs together hold the places of one visitor, so that they crowd out no page
)
SECTIONS: Final = ("Args:", "Returns:", "Raises:")


class Call:
    """One function of the public interface.

    Attributes:
        name: its name, everywhere.
        waits: it waits for something without holding a thread.
        purpose: what it does.
        returns: what it answers.
        parameters: what each argument is, by name.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self.waits = inspect.iscoroutinefunction(function)
        self._function = function
        parts = _sections(inspect.getdoc(function) or "")
        self.purpose, self.returns = _flowing(parts[""]), _flowing(parts.get("Returns:", ""))
        self.parameters = _described(parts.get("Args:", ""))
        self._arguments = _model(function)

    @property
    def required(self) -> list[str]:
        """The arguments that cannot be left out."""
        return [name for name, field in self._arguments.model_fields.items() if field.is_required()]

    @property
    def schema(self) -> dict[str, Any]:
        """The arguments as a JSON Schema."""
        schema = self._arguments.model_json_schema()
        for name, field in schema.get("properties", {}).items():
            field["description"] = self.parameters[name]
        return schema

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them.

        Raises:
            BadInput: one is missing, unknown or of another kind.
        """
        try:
            model = self._arguments.model_validate(dict(arguments))
        except ValidationError as error:
            raise BadInput(self._sentence(error)) from None
        return {name: getattr(model, name) for name in type(model).model_fields}

    async def __call__(self, arguments: Mapping[str, Any], limiter: anyio.CapacityLimiter | None = None) -> Any:
        """What the function answers.

        Args:
            arguments: by name, as they came.
            limiter: of the threads that functions which do not wait work in.

        Raises:
            LetheError: it cannot be done as asked.
        """
        given = self.checked(arguments)
        if self.waits:
            return plain(await self._function(**given))
        return plain(await anyio.to_thread.run_sync(lambda: self._answer(given), limiter=limiter))

    @property
    def gradio(self) -> Callable[..., Any]:
        """The function with its own signature, as Gradio makes an endpoint of it."""

        def named(values: tuple[Any, ...], more: dict[str, Any]) -> dict[str, Any]:
            return dict(zip(self._arguments.model_fields, values, strict=False)) | more

        @functools.wraps(self._function)
        def answer(*values: Any, **more: Any) -> Any:
            return plain(self._answer(self.checked(named(values, more))))

        @functools.wraps(self._function)
        async def wait(*values: Any, **more: Any) -> Any:
            return plain(await self._function(**self.checked(named(values, more))))

        chosen: Callable[..., Any | Awaitable[Any]] = wait if self.waits else answer
        return chosen

    def _answer(self, given: dict[str, Any]) -> Any:
        with asking_as(PROGRAMS):
            return self._function(**given)

    def _sentence(self, error: ValidationError) -> str:
        """What is wrong with the arguments, in words."""
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "an argument"
        names = list(self._arguments.model_fields)
        takes = f"{self.name} takes {joined(names)}" if names else f"{self.name} takes no arguments"
        match first["type"]:
            case "missing":
                return f"{self.name} was given no {name}; it needs {joined(self.required)}."
            case "extra_forbidden":
                return f"There is no argument {quoted_value(name)}; {takes}."
            case _:
                message = first["msg"].rstrip(".")
                return f"{name} was {quoted_value(first['input'])}, but {message[:1].lower()}{message[1:]}."


def _model(function: Callable[..., Any]) -> type[BaseModel]:
    """The arguments of a function as a model that takes nothing for anything else."""
    hints = get_type_hints(function)
    fields: dict[str, Any] = {
        one.name: (hints[one.name], ... if one.default is inspect.Parameter.empty else one.default)
        for one in inspect.signature(function).parameters.values()
    }
    return create_model(function.__name__, __config__=ConfigDict(strict=True, extra="forbid"), **fields)


def _sections(text: str) -> dict[str, str]:
    """The sections of a docstring by their heads; what stands before them under no head."""
    parts, head = {"": ""}, ""
    for line in text.splitlines():
        if line.strip() in SECTIONS:
            head = line.strip()
            parts[head] = ""
        else:
            parts[head] += f"{line}\n"
    return {head: part.strip("\n") for head, part in parts.items()}


def _described(text: str) -> dict[str, str]:
    """Each argument with what a docstring says of it."""
    lines: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        name, sign, words = line.strip().partition(": ")
        if sign and name.isidentifier() and line.startswith("    ") and not line.startswith("     "):
            last, lines[name] = name, words
        elif last:
            lines[last] += f" {line.strip()}"
    return lines


def _flowing(text: str) -> str:
    return " ".join(text.split())


def plain(value: Any) -> Any:
    """The value as JSON has it: a number that was not measured is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
