"""Step 3 of the form: by which method, with which settings. Only the settings of the chosen method are on the page."""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import forms, job_form, markup
from app.job_form import Draft
from app.live_html import Alive
from app.notes import note
from app.templating import render
from app.widgets import Raw, Updates
from backends.api import catalog
from backends.api.catalog import Method
from backends.api.errors import LetheError
from backends.api.estimate import estimates
from backends.api.model_info import ModelInfo
from pages.studio._shared import heading
from pages.studio.new import _sentence
from pages.studio.new._form import QUIET, FormPage


def choices(model: ModelInfo) -> list[tuple[str, str]]:
    """One card a method: title, one plain sentence, what it needs, how close it is to its paper."""
    past_jobs, cards = estimates(model.id), []
    for entry in job_form.methods(model.family, model.default_method):
        best = job_form.recommended(model, entry, model.default_forget)
        needs = job_form.needs(model.id, entry.id, best, past_jobs)
        cards.append((f"{entry.title}\n{entry.school}\n{needs[:1].upper()}{needs[1:]}", entry.id))
    return cards


def detail(method: Method) -> Markup:
    """The paragraph for a student, where it comes from, and how this version differs from the paper."""
    source, code = method.source, method.source.code
    paper = markup.external(source.title, source.url) if source.url else source.title
    return render("form.detail", method, paper, markup.external("authors’ code", code) if code else "")


def build(page: FormPage, first: ModelInfo) -> None:
    """The cards of the methods that work with the model, and below them the settings of the chosen one."""
    heading(
        "How should it forget?",
        "The first one is recommended for this model. They differ in speed, and in what else gets hurt.",
    )
    cards = forms.Radio(
        choices(first), value=first.default_method, show_label=False, container=False, label="Method", elem_id="method",
        elem_classes=["choice-cards", "recommend"], interactive=True,
    )  # fmt: skip
    page.add("method", cards, sent=True)
    page.add("detail", Alive(detail(catalog.load().get("methods", first.default_method)), elem_id="detail"))
    page.add("edited", gr.State({}), sent=True)
    # pressed by the page itself once it was out of sight for long: the server then no longer knows what it drew
    page.add("redraw", gr.Button("Draw the settings anew", visible="hidden", elem_id="redraw"))
    # what the settings are drawn for: they are drawn anew whenever this text changes
    page.add(
        "plan",
        gr.Textbox(
            plan(job_form.at_defaults(first)), visible="hidden", elem_id="plan", label="Settings of", interactive=True
        ),
    )


def parts() -> list[str]:
    """The parts that choosing another model or method updates."""
    return ["method", "detail", "plan"]


def plan(draft: Draft) -> str:
    """The method and its settings as the form should show them, as a text; empty where none is chosen."""
    method = draft.chosen_method()
    if method is None or draft.model is None:
        return ""
    return json.dumps([draft.model.id, method.id, job_form.widget_values(draft, method)])


def planned(draft: Draft) -> Updates:
    """The settings to show: what is recommended for the model and its forget set, and over it what a person changed."""
    try:
        return {"plan": plan(draft)}
    except LetheError:  # the check of the whole says what is wrong
        return {}


def offered(model: ModelInfo, method: str) -> Updates:
    """The methods that work with a model, of which this one is chosen."""
    updates: Updates = {"method": gr.Radio(choices(model), value=method or None)}
    return updates | {"detail": detail(catalog.load().get("methods", method))} if method else updates


def chosen(page: FormPage, raw: Raw) -> Updates:
    """The paragraph and the settings of the chosen method."""
    draft = page.draft(raw)
    method = draft.chosen_method()
    return {"detail": detail(method) if method else ""} | planned(draft)


def settings(page: FormPage, start: Callable[..., Any], started: Callable[[Any], None], around: list[Any]) -> None:
    """Draw the settings of the chosen method wherever this is called, and wire what needs them.

    Args:
        page: the form.
        start: starts the job; takes the form's values with what the settings hold, and answers `around`.
        started: wires what follows.
        around: what starting updates.
    """

    @gr.render(inputs=page.inputs(), triggers=_when(page), **_LISTENING)  # type: ignore[untyped-decorator]
    def draw(*values: Any) -> None:
        draft = page.draft(page.raw(values))
        method = draft.chosen_method()
        boxes = _boxes(draft, method) if method and draft.model else {}
        method_id = method.id if method else ""

        def with_boxes(values: Any) -> Raw:
            """The form's values, with these settings counted as edited."""
            raw = page.raw(values[: len(values) - len(boxes)])
            held = zip(boxes, values[len(values) - len(boxes) :], strict=True)
            # what stands as recommended is no change where another model or forget set is chosen by now, which recommends otherwise
            typed = {
                name: value
                for name, value in held
                if value != boxes[name].value or f"{method_id}.{name}" in draft.edited
            }
            return raw | {"edited": edited(page, raw, method_id, typed)}

        def change(*values: Any) -> list[Any]:
            raw = with_boxes(values)
            updates = _sentence.whole(page.draft(raw))
            return [raw["edited"], *(updates[name] for name in _sentence.PARTS)]

        inputs = [*page.inputs(), *boxes.values()]
        triggers = [box.change if isinstance(box, gr.Textbox) else box.input for box in boxes.values()]
        if triggers:
            outputs = [page.parts["edited"], *(page.parts[name] for name in _sentence.PARTS)]
            gr.on(triggers, change, inputs, outputs, trigger_mode="always_last", **QUIET)
        begin = page.parts["start"].click(lambda *values: start(with_boxes(values)), inputs, around, **page.quiet)
        started(begin)

    assert Context.root_block is not None
    for event in Context.root_block.default_config.fns.values():
        if event.renderable is not None:
            event.api_visibility = "private"  # like every other; Gradio has no argument for it here


_LISTENING: dict[str, Any] = {"queue": False, "show_progress": "hidden"}


def _when(page: FormPage) -> list[Any]:
    assert Context.root_block is not None
    return [Context.root_block.load, page.parts["plan"].change, page.parts["redraw"].click]


def _boxes(draft: Draft, method: Method) -> dict[str, Any]:
    """The widgets of a method's settings; one with a place of its own stands above the others."""
    try:
        values = job_form.widget_values(draft, method)
    except LetheError:
        values = {}
    fields, boxes = forms.properties(method.params), {}
    apart = job_form.instead_setting(method)
    if apart:
        boxes[apart] = forms.widget("say_this_instead", fields[apart] | {"default": values.get(apart)})
    with gr.Accordion("Settings of the method", open=False, elem_id="settings"), gr.Column(elem_classes="lethe-form"):
        more = forms.widgets(method.params, values, leave_out=[apart] if apart else [])
        if not more:
            gr.HTML(note("This method has no settings."))
    return boxes | more


def edited(page: FormPage, raw: Raw, method: str, typed: dict[str, Any]) -> dict[str, Any]:
    """What a person changed of all methods, with what was typed into the settings of this one; what is recommended is no change."""
    others = {name: value for name, value in (raw.get("edited") or {}).items() if not name.startswith(f"{method}.")}
    draft = page.draft(raw | {"edited": others})
    entry = catalog.load().get("methods", method) if method else None
    if entry is None or draft.model is None:
        return others
    best = job_form.widget_values(draft, entry)
    return others | {f"{method}.{name}": value for name, value in typed.items() if value != best.get(name)}
