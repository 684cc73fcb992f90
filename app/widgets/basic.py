"""Widgets for fields of any family: tiles, a menu, pills, a slider, a number, text, and what is only held."""

from typing import Any

import gradio as gr

from app import forms
from app.templating import render
from app.widgets import Context, FieldWidget, Raw, Updates
from backends.api.choosing import TILES, Field


class Tiles(FieldWidget):
    """Options to tick, each with its pictures; of many, a list to search in."""

    def build(self, field: Field) -> None:
        classes = ["tiles", *(f"tiles-{group}" for group in field.pictures.split()), f"role-{field.role}"]
        few, many = self._split(field)
        self.add(gr.HTML(_head(field), visible=bool(field.heading and field.options)), "head")
        self.add(
            forms.CheckboxGroup(
                few, value=field.value, show_label=False, label=field.label, container=False, elem_id=field.name,
                elem_classes=classes, interactive=True, visible=bool(few),
            ),
            sent=True,
        )  # fmt: skip
        self.add(
            forms.Dropdown(
                many, value=[], multiselect=True, label=field.label, elem_id=f"{field.name}_many", interactive=True, visible=bool(many),
            ),
            "many",
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> list[str]:
        return list(self.raw(raw) or self.raw(raw, "many") or [])

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        few, many = self._split(field)
        return self.named(
            {
                "head": gr.HTML(visible=bool(field.heading and field.options)),
                "": gr.CheckboxGroup(few, value=value if few else [], visible=bool(few)),
                "many": gr.Dropdown(many, value=value if many else [], multiselect=True, visible=bool(many)),
            }
        )

    def triggers(self) -> list[Any]:
        return [self.part().input, self.part("many").input]

    @staticmethod
    def _split(field: Field) -> tuple[list[Any], list[Any]]:
        options = list(field.options)
        return ([], options) if len(options) > TILES else (options, [])


def _head(field: Field) -> str:
    return render("form.tiles_head", field.heading)


class Menu(FieldWidget):
    """A list to choose one option from, or several where the value of the field is a list."""

    def build(self, field: Field) -> None:
        several = isinstance(field.value, list)
        self.add(
            forms.Dropdown(
                list(field.options), value=field.value, multiselect=several, label=field.label, info=field.info or None,
                elem_id=field.name, elem_classes=f"role-{field.role}", interactive=True, min_width=280,
            ),
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> Any:
        return self.raw(raw) or ([] if isinstance(self.field.value, list) else "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        several, options = isinstance(self.field.value, list), list(field.options)
        chosen = value if options else None
        return self.named({"": gr.Dropdown(options, value=chosen, multiselect=several, visible=bool(options))})

    def triggers(self) -> list[Any]:
        return [self.part().input]


class Pills(FieldWidget):
    """One of a few options."""

    def build(self, field: Field) -> None:
        self.add(
            forms.Radio(
                list(field.options), value=field.value or None, show_label=False, container=False, label=field.label,
                elem_id=field.name, elem_classes="choice-pills", interactive=True,
            ),
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": gr.Radio(list(field.options), value=value or None)})

    def triggers(self) -> list[Any]:
        return [self.part().input]


class Slider(FieldWidget):
    """A number between two others."""

    def build(self, field: Field) -> None:
        self.add(
            gr.Slider(
                field.low, field.high, field.value, step=field.step, label=field.label, info=field.info or None,
                elem_id=field.name, interactive=True, min_width=280,
            ),
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> float:
        return float(self.raw(raw) or 0)

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": gr.Slider(minimum=field.low, maximum=field.high, step=field.step, value=value)})

    def triggers(self) -> list[Any]:
        return [self.part().input]


class Number(FieldWidget):
    """A number."""

    def build(self, field: Field) -> None:
        self.add(
            forms.Number(
                field.value, minimum=field.low, step=field.step, label=field.label, info=field.info or None, elem_id=field.name,
                interactive=True, min_width=160,
            ),
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> float:
        return self.raw(raw) or 0

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": value})

    def triggers(self) -> list[Any]:
        return [self.part().input]


class Lines(FieldWidget):
    """Text of several lines."""

    settles = True
    rows, most_rows = 1, 6

    def build(self, field: Field) -> None:
        self.add(
            gr.Textbox(
                field.value or "", label=field.label, info=field.info or None, placeholder=field.placeholder or None,
                lines=self.rows, max_lines=self.most_rows, max_length=int(field.high) or None, elem_id=field.name,
                interactive=True, min_width=300,
            ),
            sent=True,
        )  # fmt: skip

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        texts: dict[str, Any] = {
            "label": field.label,
            "info": field.info or None,
            "placeholder": field.placeholder or None,
        }
        return self.named({"": gr.Textbox(value=value, **texts)})

    def triggers(self) -> list[Any]:
        return [self.part().change]


class Line(Lines):
    """Text of one line."""

    rows, most_rows = 1, 1


class Hidden(FieldWidget):
    """A value that a link brought and no widget shows."""

    def build(self, field: Field) -> None:
        self.add(gr.State(field.value), sent=True)

    def value(self, raw: Raw) -> Any:
        held = self.raw(raw)
        return self.field.value if held is None else held

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        return self.named({"": value})


WIDGETS = {
    "tiles": Tiles, "menu": Menu, "pills": Pills, "slider": Slider, "number": Number, "lines": Lines, "line": Line, "hidden": Hidden,
}  # fmt: skip
