"""The dial of the page Compare: how much of a run's change is applied to the model, and what it then draws or answers."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import families, forms, markup, theme
from backends.api import runs
from backends.api.errors import BadInput, LetheError
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, heading
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

MOST, STEP, AFTER = 1.5, 0.05, 1.0
HOW = (
    "0 is the model before, 1 the model after. In between only that share of the change is applied to every weight, above 1 "
    "more than the method did. A higher dose forgets more and hurts more of the rest: the trade-off."
)


@dataclass(frozen=True)
class Dial:
    """The widgets of the dial that the page fills."""

    column: gr.Column
    prompt: gr.Radio
    dose: gr.Slider
    panels: Panels


def build(page: RunPage) -> Dial:
    """The dial and its pictures or answers, hidden until a run of a model that draws or answers is shown."""
    with gr.Column(visible=False, elem_id="dial") as column:
        heading("Turn the dose", HOW)
        prompt = gr.Radio([], label="Ask for", interactive=True, elem_id="dose-prompt", elem_classes="chips")
        dose = forms.Slider(
            0, MOST, AFTER, step=STEP, label="Share of the change", interactive=True, elem_id="dose-dial",
            buttons=[],
        )  # fmt: skip
        panels = Panels(elem_id="dose-seen", min_height=330)
    gr.on(
        [prompt.input, dose.input],
        of_run(turn),
        page.inputs(prompt, dose),
        panels,
        js=at_place(["prompt", "amount"]),
        trigger_mode="always_last",
        concurrency_limit=4,
        **PRIVATE,
    )
    return Dial(column, prompt, dose, panels)


def for_run(run: RunFolder | None, prompt: str = "") -> tuple[Any, Any, str]:
    """Column, prompts and what stands in the place of the pictures, for a run; hidden without one."""
    if run is None:
        return gr.Column(visible=False), gr.Radio([]), ""
    try:
        asks = families.view_of(run).role_prompts(run.id)
    except LetheError:  # the pictures above say what is wrong
        return gr.Column(visible=False), gr.Radio([]), ""
    options = [(f"{text} ({theme.ROLE_WORDS[role]})", text) for role, text in asks]
    prompts = [text for _, text in options]
    chosen = prompt if prompt in prompts else prompts[0]
    return gr.Column(visible=True), gr.Radio(options, value=chosen), idle(run)


def idle(run: RunFolder) -> Markup:
    """The card that stands in the place of the pictures until the dial is turned."""
    return markup.card("", markup.text(families.view_of(run).dial, "quiet") + families.curves(run.id), empty=True)


def in_address(place: Place) -> float:
    """The dose that the page's address asks for; without one, that of the model after."""
    try:
        dose = float(place.query.get("amount", ""))
    except ValueError:
        return AFTER
    return dose if isfinite(dose) else AFTER


def arrive(at: str, prompt: str | None, dose: float) -> Any:
    """Answer at once where the page's address holds a dose."""
    place = Place.read(at)
    return turn(place.run, prompt, dose) if prompt and place.query.get("amount") else gr.skip()


def turn(run_id: str | None, prompt: str | None, dose: float | None) -> Markup:
    """Four pictures or an answer before, and the same at a dose."""
    if not run_id or not prompt:
        return Markup()
    try:
        if dose is None:
            raise BadInput(f"No dose was given; it can be from 0 to {MOST:g}.")
        names = ("before", "after" if dose == 1 else f"at a dose of {dose:g}")
        return families.view_of(runs.find(run_id)).dosed(run_id, prompt, dose, names)
    except LetheError as error:
        return markup.failed(str(error), now="Turn the dial to another dose.")
