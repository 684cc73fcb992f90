"""The methods of the form, as rows with what was measured of them, and the settings of the chosen one, which alone are on the page."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import forms, job_form, markup, method_bars, theme
from app.job_form import Draft
from app.live_html import Alive
from app.method_bars import Bars
from app.notes import note
from app.templating import render
from app.widgets import Raw, Updates
from backends.api import catalog
from backends.api.catalog import Method
from backends.api.errors import LetheError
from backends.api.estimate import estimate, estimates
from backends.api.languages import tr
from backends.api.model_info import ModelInfo
from pages.studio._shared import heading
from pages.studio.new import _sentence
from pages.studio.new._form import QUIET, FormPage

FEW: Final = 3  # rows that are seen before the others are unfolded; studio.css folds them
NOT_MEASURED: Final = Bars()


def choices(model: ModelInfo) -> list[tuple[str, str]]:
    """One row a method, the recommended one first: its title, and in one plain sentence what it does."""
    return [(f"{entry.title}\n{entry.summary}", entry.id) for entry in _methods(model)]


def _methods(model: ModelInfo) -> list[Method]:
    return job_form.methods(model.family, model.default_method)


def legend(model: ModelInfo) -> Markup:
    """The heads of the bars on the rows, and the style that draws them."""
    measured, past_jobs, rules = method_bars.of_model(model.id), estimates(model.id), []
    for number, entry in enumerate(_methods(model), start=1):
        bars = measured.bars.get(entry.id, NOT_MEASURED)
        best = job_form.recommended(model, entry, model.default_forget)
        needed = estimate(model.id, entry.id, best, past_jobs)
        seconds = theme.seconds(max(1, round(needed.seconds))) if needed else ""
        rules.append(_rule(number, bars, seconds))
    return render("form.legend", Markup("<style>{}</style>").format(Markup("".join(rules))))


def _rule(number: int, bars: Bars, seconds: str) -> str:
    """The rule that draws the bars of the n-th row, and says them to whom does not see them."""
    lengths = "".join(
        f"--{name}:{value:.0f};--{name}-track:var(--bar-track);"
        for name, value in bars._asdict().items()
        if value is not None
    )
    words = tr("{bars}, time: {seconds}", bars=bars_in_words(bars), seconds=seconds or theme.NOT_MEASURED)
    row = f"#method label:nth-of-type({number})"
    return f'{row}{{{lengths}}}{row}::after{{content:"{seconds or "–"}" / "{words}"}}'


def bars_in_words(bars: Bars) -> str:
    """ "forgets 100 %, keeps 98 %, comes back: not measured"."""
    each = zip((tr("forgets"), tr("keeps"), tr("comes back")), bars, strict=True)
    return ", ".join(
        f"{name} {value:.0f} %" if value is not None else f"{name}: {theme.NOT_MEASURED}" for name, value in each
    )


def more(model: ModelInfo) -> Markup:
    """The button that unfolds the rows after the first few, and what was forgotten for the bars."""
    return render("form.more", len(_methods(model)) - FEW, method_bars.of_model(model.id).target)


def detail(method: Method, model: ModelInfo | None) -> Markup:
    """How it works, in plain words and for a student, what was measured, where it comes from, and how this version differs from the paper."""
    source, code = method.source, method.source.code
    paper = markup.external(source.title, source.url) if source.url else source.title
    measured = method_bars.of_model(model.id) if model else None
    bars = measured.bars.get(method.id) if measured else None
    words = (
        tr("Where it forgot {target}: {bars}.", target=measured.target, bars=bars_in_words(bars))
        if measured and bars
        else ""
    )
    return render("form.detail", method, paper, markup.external(tr("authors’ code"), code) if code else "", words)


def build(page: FormPage, first: ModelInfo) -> None:
    """The cards of the methods that work with the model, and below them the settings of the chosen one."""
    with gr.Row(elem_classes="lethe-ask"):
        heading(tr("Method"), tr("the first is recommended for this model"))
        page.add("legend", Alive(legend(first), elem_id="legend"))
    cards = forms.Radio(
        choices(first), value=first.default_method, show_label=False, container=False, label=tr("Method"), elem_id="method",
        elem_classes="method-rows", interactive=True,
    )  # fmt: skip
    page.add("method", cards, sent=True)
    page.add("more", Alive(more(first), elem_id="more"))
    method = catalog.load().get("methods", first.default_method)
    page.add("detail", Alive(detail(method, first), elem_id="detail"))
    page.add("edited", gr.State({}), sent=True)
    # pressed by the page itself once it was out of sight for long: the server then no longer knows what it drew
    page.add("redraw", gr.Button(tr("Draw the settings anew"), visible="hidden", elem_id="redraw"))
    # what the settings are drawn for: they are drawn anew whenever this text changes
    page.add(
        "plan",
        gr.Textbox(
            plan(job_form.at_defaults(first)),
            visible="hidden",
            elem_id="plan",
            label=tr("Settings of"),
            interactive=True,
        ),
    )


def parts() -> list[str]:
    """The parts that choosing another model or method updates."""
    return ["method", "legend", "more", "detail", "plan"]


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
    updates |= {"legend": legend(model), "more": more(model)}
    return updates | {"detail": detail(catalog.load().get("methods", method), model)} if method else updates


def chosen(page: FormPage, raw: Raw) -> Updates:
    """The paragraph and the settings of the chosen method."""
    draft = page.draft(raw)
    method = draft.chosen_method()
    return {"detail": detail(method, draft.model) if method else ""} | planned(draft)


def settings(page: FormPage, start: Callable[..., Any], started: Callable[[Any], None], around: list[Any]) -> None:
    """Draw the settings of the chosen method wherever this is called, and wire what needs them.

    Args:
        page: the form.
        start: starts the job; takes the form's values with what the settings hold, and whether it is done in slices of a GPU, and
            answers `around`.
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
        for button, on_slices in (("start", False), ("lend", True)):
            begin = partial(_begin, start, with_boxes, on_slices)
            started(page.parts[button].click(begin, inputs, around, **page.quiet))

    assert Context.root_block is not None
    for event in Context.root_block.default_config.fns.values():
        if event.renderable is not None:
            event.api_visibility = "private"  # like every other; Gradio has no argument for it here


def _begin(start: Callable[..., Any], read: Callable[[Any], Raw], on_slices: bool, *values: Any) -> Any:
    return start(read(values), on_slices)


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
    with gr.Accordion(tr("Settings"), open=False, elem_id="settings"), gr.Column(elem_classes="lethe-form"):
        more = forms.widgets(method.params, values, leave_out=[apart] if apart else [])
        if not more:
            gr.HTML(note(tr("This method has no settings.")))
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
