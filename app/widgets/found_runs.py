"""A finished run that found a forget set, of those that the person may see."""

from collections.abc import Sequence
from typing import Any

import gradio as gr

from app import forms
from app.target_choice import targets_in_words
from app.widgets import Context, FieldWidget, Raw, Updates
from backends.api import runs
from backends.api.choosing import Field


class FoundRuns(FieldWidget):
    """A run on the chosen model that found a hardest set."""

    def build(self, field: Field) -> None:
        self.add(
            forms.Dropdown([], value=None, label=field.label, info=field.info, elem_id=field.name, interactive=True),
            sent=True,
        )

    def value(self, raw: Raw) -> str:
        return str(self.raw(raw) or "")

    def updates(self, field: Field, value: Any, context: Context) -> Updates:
        options = options_for(context, value)
        ids = [run_id for _, run_id in options]
        chosen = value if value in ids else next(iter(ids), None)
        return self.named({"": gr.Dropdown(options, value=chosen, info=field.info)})

    def revealing(self) -> Sequence[str]:
        return [self.name]

    def revealed(self, raw: Raw, context: Context) -> Updates:
        options = options_for(context, self.value(raw))
        ids = [run_id for _, run_id in options]
        return self.named(
            {"": gr.Dropdown(options, value=self.value(raw) if self.value(raw) in ids else next(iter(ids), None))}
        )

    def triggers(self) -> list[Any]:
        return [self.part().input]


def options_for(context: Context, run_id: str = "") -> list[tuple[str, str]]:
    """Finished runs on the model that found a hardest set, as `runs.visible` shows runs to an owner who names one."""
    return [
        (f"{run.id} · {targets_in_words(run.spec.forget, run.spec.family)}", run.id)
        for run in runs.visible(context.owner, *([run_id] if run_id else []))
        if run.spec.model == context.model.id and run.state.status == "done" and (run.path / "found.json").is_file()
    ]


WIDGETS = {"found_runs": FoundRuns}
