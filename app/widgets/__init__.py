"""Widgets of the fields by which targets are chosen: one class a kind of widget, found by a scan of this folder.

A field names its widget, and everything else about it is data; see `backends.api.choosing`. A widget made for one kind of
target alone is a file of its own, whose `WIDGETS` names it.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import gradio as gr

from backends.api.choosing import Field
from backends.api.model_info import ModelInfo

Raw = dict[str, Any]  # part of the page -> its value
Updates = dict[str, Any]  # part of the page -> its update
Handler = Callable[[Raw], Updates]
Part = Any  # a component or a layout block of Gradio


@dataclass(frozen=True)
class Context:
    """For whom a widget is shown: the chosen model, and the mark of whose runs may be listed."""

    model: ModelInfo
    owner: str = ""


class Form(Protocol):
    """What a widget needs of the form that it stands in."""

    @property
    def widgets(self) -> Mapping[str, "FieldWidget"]:
        """Those of all fields, by the names of their main parts."""

    @property
    def quiet(self) -> dict[str, Any]:
        """The arguments of every event listener."""

    def on(self, triggers: Iterable[Any], handler: Handler, names: Iterable[str], own: Iterable[str] = ()) -> Any:
        """Run a handler at any of the triggers.

        Args:
            triggers: events of parts.
            handler: takes the values of the form by the names of its parts, answers updates of some.
            names: the parts that it may update.
            own: parts whose values it needs beside those that every event sends.
        """

    def then(self, event: Any, handler: Handler, names: Iterable[str], own: Iterable[str] = ()) -> Any:
        """Run a handler after an event."""

    def model(self, raw: Raw) -> ModelInfo:
        """The chosen model.

        Raises:
            BadInput: it is a person's own, and was not opened yet.
        """

    def keep_parts(self) -> Sequence[str]:
        """The parts that choosing another way to say what is kept updates."""

    def keep_updates(self, kind: str, model: ModelInfo) -> Updates:
        """Their updates for a way to say what is kept."""


class FieldWidget(ABC):
    """The widget of one field.

    Attributes:
        name: of its main part; other parts begin with it and a point.
        parts: its components by name.
        sent: the parts whose values a job needs, which every event of the form sends.
        own: the parts whose values only its own events need and send beside those.
        settles: whether a change is read only after what else the same answer puts in place.
    """

    settles: ClassVar[bool] = False

    def __init__(self, field: Field, group: str) -> None:
        """Draw it where the page is being built; `group` tells its parts from those of other families."""
        self.field, self.group, self.name = field, group, f"{group}.{field.name}"
        self.parts: dict[str, Part] = {}
        self.sent: list[str] = []
        self.own: list[str] = []
        self.build(field)

    @abstractmethod
    def build(self, field: Field) -> None:
        """Make the parts."""

    def add(self, part: Part, name: str = "", sent: bool = False, own: bool = False) -> Part:
        """Take in a part; `sent` and `own`: which events send its value."""
        full_name = f"{self.name}.{name}" if name else self.name
        self.parts[full_name] = part
        if sent:
            self.sent.append(full_name)
        if own:
            self.own.append(full_name)
        return part

    def part(self, name: str = "") -> Part:
        """One of its parts."""
        return self.parts[f"{self.name}.{name}" if name else self.name]

    def raw(self, raw: Raw, name: str = "") -> Any:
        """The value of one of its parts."""
        return raw.get(f"{self.name}.{name}" if name else self.name)

    def named(self, updates: Mapping[str, Any]) -> Updates:
        """Updates of its parts, by their full names."""
        return {f"{self.name}.{name}" if name else self.name: update for name, update in updates.items()}

    def value(self, raw: Raw) -> Any:
        """The value of the field."""
        return self.raw(raw)

    @abstractmethod
    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        """Its parts for another model, whose field this is, with this value."""

    def revealed(self, raw: Raw, context: Context) -> Updates:
        """Updates once it comes into sight."""
        return {}

    def revealing(self) -> Sequence[str]:
        """The parts that `revealed` may update."""
        return ()

    def triggers(self) -> list[Any]:
        """The events after which the job is another one."""
        return []

    def wire(self, form: Form) -> list[Any]:
        """Wire its own events; those after which the job is another one are given back."""
        return []


@cache
def _widgets() -> Mapping[str, type[FieldWidget]]:
    """Every widget by its name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return MappingProxyType({name: widget for module in modules for name, widget in module.WIDGETS.items()})


def make(field: Field, group: str) -> FieldWidget:
    """Draw the widget of a field."""
    return _widgets()[field.widget](field, group)


def hidden_html(value: str = "", elem_id: str | None = None) -> gr.HTML:
    """A piece of the page that takes no room."""
    return gr.HTML(value, elem_id=elem_id, elem_classes="no-room")
