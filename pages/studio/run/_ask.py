"""Ask: ask the models of a run something yourself; original, unlearned and retrained answer side by side."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import asking, families, forms, markup, theme, uploads
from app.families import Ask
from app.figures import drawings
from app.inference import LIVE
from app.live_html import JS, Alive
from app.templating import render
from backends.api import catalog, runs
from backends.api.errors import BadInput, LetheError
from backends.api.languages import tr
from backends.api.panels import Role
from pages.studio._shared import Panels, find_run, quiet, section
from pages.studio.run import _protect
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place

LAST_SEED = 2**31 - 1
TAB = "ask"
NOTHING: Final = Markup()
STATE: Final = (
    "prompt",
    "n",
    "seed",
    "steps",
    "guidance",
    "size",
)  # what the address holds, in the order of the widgets
LONGEST: Final = 2600  # characters of a prompt or a drawing that the address holds
WAIT = "document.querySelector('#play-seen')?.classList.add('lethe-waiting');"
SHOWN = "() => document.querySelector('#play-seen')?.classList.remove('lethe-waiting')"
SCRIPT: Final = JS + (theme.STATIC / "ask.js").read_text("utf-8")
ANSWERS: Final = (theme.STATIC / "ask_answers.js").read_text(
    "utf-8"
)  # presses in the answers, heard by one of the widgets


class Asks(Alive):
    """What to ask: prompts, forms with a slot, pictures, a paper. A press, or a drawing, comes as `select` with `prompt`."""

    def __init__(self, value: str = "", *, js: str = SCRIPT, **options: Any) -> None:
        super().__init__(value, js=js, apply_default_css=False, **options)


@dataclass(frozen=True)
class Widgets:
    """The widgets that the tab's events read and fill."""

    prompt: gr.Textbox
    numbers: list[gr.components.Component]
    forms: Asks
    chips: Asks
    pad: Asks
    line: gr.Row
    other: gr.Button
    settings: gr.Accordion
    pictures: gr.Column
    panels: Panels

    @property
    def opening(self) -> list[Any]:
        """Those that `opened` fills, in its order."""
        around = [self.line, self.other, self.settings, self.pictures]
        return [self.prompt, *self.numbers, self.forms, self.chips, self.pad, *around, self.panels]


def build(page: RunPage) -> None:
    """The tab."""
    slots = Asks(elem_id="play-forms")
    with gr.Row(elem_classes="lethe-ask-line") as line:
        prompt = gr.Textbox(
            label=tr("In your own words"), placeholder=tr("In your own words"), container=False, max_lines=3, interactive=True,
            elem_id="play-prompt",
        )  # fmt: skip
        go = gr.Button(tr("Ask"), variant="primary", elem_id="play-go")
        other = gr.Button(tr("Other seeds"), elem_id="play-other", visible=False)
    chips = Asks(elem_id="play-asks", js=SCRIPT + ANSWERS)
    settings = gr.Accordion(tr("Seeds, steps, guidance and size"), open=False, visible=False, elem_id="play-settings")
    with settings, gr.Row():
        numbers = _numbers()
    section(tr("The answers"))
    with gr.Row(elem_classes="lethe-ask-answers"):
        with gr.Column(scale=0, min_width=280, visible=False, elem_id="play-pictures") as pictures:
            pad = Asks(elem_id="play-pad")
            upload = gr.UploadButton(tr("or upload one"), file_types=["image"], elem_id="play-upload")
        with gr.Column(scale=1, min_width=300):
            panels = Panels(elem_id="play-seen", min_height=300)
    tab = Widgets(prompt, numbers, slots, chips, pad, line, other, settings, pictures, panels)
    _events(page, tab, go, upload)
    _protect.build(page, TAB)


def _events(page: RunPage, tab: Widgets, go: gr.Button, upload: gr.UploadButton) -> None:
    inputs = page.inputs(tab.prompt, *tab.numbers)
    draws: dict[str, Any] = {"js": _written(), "trigger_mode": "multiple", "concurrency_limit": 4, **PRIVATE}
    unwait: dict[str, Any] = {"fn": None, "js": SHOWN, "api_visibility": "private"}
    gr.on([go.click, tab.prompt.submit], stream_answer, inputs, tab.panels, **draws).then(**unwait)
    for event in (
        *(one.select(pressed_prompt, None, tab.prompt, **PRIVATE) for one in (tab.forms, tab.chips, tab.pad)),
        tab.other.click(_next_seeds, tab.numbers[:2], tab.numbers[1], **PRIVATE),
    ):
        event.then(stream_answer, inputs, tab.panels, **draws).then(**unwait)
    received = upload.upload(
        answer_upload,
        page.inputs(upload),
        [upload, tab.prompt, tab.panels],
        js=at_place(),
        concurrency_limit=4,
        **PRIVATE,
    )
    received.then(None, inputs, js=_written(""), api_visibility="private")
    arriving = page.on_open(TAB, opened, tab.opening)
    arriving.then(first_answer, inputs, tab.panels, js=at_place(), concurrency_limit=4, **PRIVATE)


def _written(before: str = WAIT) -> str:
    """JavaScript that writes what is asked into the address; a picture that is too long for one stays out of it,
    and so do numbers that nobody is asked for."""
    short = f"typeof p === 'string' && p.length > {LONGEST} ? '' : p"
    return (
        f"(at, p, ...more) => {{ const write = {at_place(STATE, before)};"
        "const numbers = document.querySelector('#play-settings') ? more : more.map(() => '');"
        f"const [where] = write(at, {short}, ...numbers); return [where, p, ...more]; }}"
    )


def _numbers() -> list[gr.components.Component]:
    """Pictures, first seed, steps, guidance, pixels a side."""
    look: dict[str, Any] = {"interactive": True, "min_width": 220}
    plain: dict[str, Any] = look | {"buttons": [], "minimum": 0}
    return [
        forms.Slider(1, families.PICTURES, 4, step=1, label=tr("Pictures"), elem_id="play-count", buttons=[], **look),
        forms.Number(0, label=tr("First seed"), precision=None, elem_id="play-seed", **look),
        forms.Slider(maximum=100, value=25, step=1, label=tr("Steps"), elem_id="play-steps", **plain | {"minimum": 1}),
        forms.Slider(
            maximum=20,
            value=1.5,
            step=0.1,
            label=tr("Guidance (weight of the words)"),
            elem_id="play-guidance",
            **plain,
        ),
        forms.Number(64, label=tr("Size (pixels a side)"), precision=None, elem_id="play-size", **look),
    ]


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """All that the page's address asks for."""
    place = Place.read(at)
    query = {name: place.query.get(name, "") for name in STATE}
    offer = offered(place.run, query["prompt"])
    drawing = offer.drawing
    family = families.view(family_of(place.run) or "")
    can_ask = askable(place.run)
    written, pictured = family.asked_by(place.run) if can_ask else (False, False)
    return (
        query["prompt"] or offer.prompt,
        _number(query["n"], 4),
        _number(query["seed"], 0),
        *(_number(query[name], drawing.get(name, gr.skip())) for name in ("steps", "guidance", "size")),
        offer.forms,
        offer.chips,
        offer.pad,
        gr.Row(visible=written),
        gr.Button(visible=can_ask and family.numbered),
        gr.Accordion(visible=can_ask and family.numbered),
        gr.Column(visible=pictured),
        drawings.waiting(tr("The answers"), tr("The model is opened.")) if can_ask else no_answer(place.run),
    )


def askable(run_id: str) -> bool:
    """Whether a model, or a finished run's, can be asked anything a person writes."""
    if families.of_model(run_id) is None:
        run, _ = find_run(run_id)
        if run is None or run.state.status != "done":
            return False
    return families.view(family_of(run_id) or "").askable


def _number(text: str, otherwise: Any) -> Any:
    """A number of the address; what is none leaves the usual one."""
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) else otherwise


@dataclass(frozen=True)
class Offer:
    """What the tab offers to ask of a run or a model: the first prompt, the HTML of others, and what it draws with by itself."""

    prompt: str = ""
    forms: Markup = NOTHING
    chips: Markup = NOTHING
    pad: Markup = NOTHING
    drawing: Mapping[str, Any] = field(default_factory=dict)


def offered(run: str, prompt: str = "") -> Offer:
    """What can be asked of a run or a model; `prompt` is what the address asks already."""
    if not askable(run):
        return Offer()
    family, first = families.view(family_of(run) or ""), prompt
    try:
        examples = prompts(run)
        first = prompt or (examples[0][1] if examples else "")
        chips = NOTHING if family.asked_by(run)[1] else render("pages.examples", examples) + family.hint(run)
        if slots := family.forms(
            run, first
        ):  # what a small model understands is said before the place for one's own words
            slots, chips = slots + chips, NOTHING
        drawing = usual_drawing(run) if family.numbered else {}
        return Offer(first, slots, chips, family.pad(run), drawing)
    except LetheError as error:
        return Offer(first, chips=quiet(str(error)))


def family_of(what: str) -> str | None:
    """The family of a run or an embedded model; None where there is no such run."""
    family = families.of_model(what)
    if family is not None:
        return family
    run, _ = find_run(what)
    return families.of_run(run) if run is not None else None


def prompts(run: str) -> list[tuple[Role, str]]:
    """Prompts to try: of a run one to forget, a neighbour, one unrelated and a mixed one; of a model, those that it learned.

    Raises:
        LetheError: the run cannot be opened.
    """
    family = families.view(family_of(run) or "")
    if families.of_model(run) is None:
        return family.prompts(run)
    return [("amount", prompt) for prompt in family.learned(catalog.load().get("models", run))]


def usual_drawing(run: str) -> Mapping[str, Any]:
    """The `steps`, the `guidance` and the `size` in pixels that a model draws with by itself.

    Raises:
        LetheError: the model cannot be opened.
    """
    model, data = run, ""
    if families.of_model(run) is None:
        spec = runs.find(run).spec
        model, data = spec.model, spec.data
    description = LIVE.ask("describe", model=model, data=data)
    return {**description["drawing"], "size": description["size"][0]}


def pressed_prompt(event: gr.EventData) -> str:
    """The prompt of a pressed example."""
    return str(event._data.get("prompt", ""))


def _next_seeds(count: float | None, seed: float | None) -> int:
    """The first seed after those that are shown."""
    return int(min(max((seed or 0) + (count or 1), 0), LAST_SEED))


class Turns:
    """The newest question of each open page. A question ends where another is asked on its page; where the page is closed,
    Gradio closes the iterator, which ends it too."""

    def __init__(self) -> None:
        self._newest: dict[str, object] = {}
        self._locks: dict[str, threading.Lock] = {}

    def of(self, page: str, answers: Callable[[], Iterator[Markup]]) -> Iterator[Markup]:
        """The answers to a question, which is the page's newest now; they stop where it no longer is."""
        mine = self._newest[page] = object()
        with self._locks.setdefault(page, threading.Lock()):  # the question before stops first
            try:
                for html in answers() if self._newest.get(page) is mine else ():
                    if self._newest.get(page) is not mine:
                        return
                    yield html
            finally:
                if self._newest.get(page) is mine:
                    del self._newest[page], self._locks[page]


TURNS = Turns()


def first_answer(request: gr.Request, at: str, *inputs: Any) -> Iterator[Any]:
    """Answer at once where there is something to ask."""
    yield from stream_answer(request, at, *inputs) if askable(Place.read(at).run) else [gr.skip()]


def stream_answer(request: gr.Request, at: str, *inputs: Any) -> Iterator[Markup]:
    """The answers of the models as HTML, as they grow; another question on the same page ends them."""
    yield from TURNS.of(str(request.session_hash), lambda: answer(Ask(Place.read(at).run, *inputs)))


def answer_upload(request: gr.Request, at: str, path: str | None) -> Iterator[tuple[Any, ...]]:
    """The answers to an uploaded picture: the widget's new value, the prompt that stands for the picture, and the HTML."""
    run_id = Place.read(at).run
    try:
        picture = uploaded_picture(run_id, path)
    except LetheError as error:
        yield None, gr.skip(), markup.failed(str(error), now=tr("Upload another picture, or choose one."))
        return
    for html in TURNS.of(str(request.session_hash), lambda: answer(Ask(run_id, picture, *[None] * 5))):
        yield None, picture, html


def uploaded_picture(run_id: str, path: str | None) -> str:
    """An uploaded file as the model is given it. The file goes soon after.

    Raises:
        LetheError: there is none, or it is too large or no picture.
    """
    if not isinstance(path, str) or not path:
        raise BadInput(tr("No picture was uploaded; choose a file with one."))
    try:
        size = Path(path).stat().st_size
        if size > asking.UPLOAD:
            raise BadInput(
                tr(
                    "This file has {size}; a picture may have at most {upload}.",
                    size=uploads.size(size),
                    upload=uploads.size(asking.UPLOAD),
                )
            )
        picture: str = LIVE.ask("as_input", run_or_model=run_id, path=path)
        return picture
    except OSError:
        raise BadInput(tr("The upload is no longer here; upload it again.")) from None
    finally:
        uploads.done_with(Path(path))


def answer(ask: Ask) -> Iterator[Markup]:
    """The answers of the models as HTML, in the way of their family; some come as they grow, and the last leads to Inside."""
    if not ask.run:
        yield no_answer("")
        return
    run = None
    family = families.of_model(ask.run)
    if family is None:
        run, wrong = find_run(ask.run)
        if run is None:
            yield markup.failed(wrong, now=tr("Choose a run on the page Runs."))
            return
        family = families.of_run(run)
    answers = families.view(family)
    if not answers.askable or (run is not None and run.state.status != "done"):
        yield no_answer(ask.run)
        return
    try:
        html = Markup()
        for html in answers.answer(ask):
            yield html
        yield html + asking.next_html(run, answers.taken_as, " ".join(str(ask.prompt or "").split()))
    except LetheError as error:
        yield markup.failed(str(error), now=tr("Change what it names and ask again."))


def no_answer(run_id: str) -> Markup:
    """Why nothing is answered, and where to go: there is no run, it is not done, or its model can be asked nothing."""
    if not run_id:
        words = tr("The address names no run. Make a model forget something, and both models answer here side by side.")
        return markup.card(
            tr("Nothing to ask yet"),
            markup.text(words) + markup.link(tr("Make a model forget"), "new", button=True),
            empty=True,
        )
    if families.of_model(run_id) is not None:
        does = families.view(family_of(run_id) or "").does
        words = tr("This model {does}, so there is nothing to ask it.", does=does)
        return markup.card(
            "", markup.verdict(words, "unknown") + markup.link(tr("Make it forget"), f"new?model={run_id}", button=True)
        )
    run, wrong = find_run(run_id)
    if run is None:
        return markup.card("", markup.verdict(wrong, "unknown"))
    if run.state.status != "done":
        words = tr("This run is {status}, so there is no unlearned model to ask yet.", status=run.state.status)
        return markup.card(
            "",
            markup.verdict(words, "unknown")
            + markup.link(tr("Go to the run"), markup.run_address(run.id), button=True),
        )
    does = families.view_of(run).does
    words = tr("The model of this run {does}, so there is nothing to ask it.", does=does)
    more = markup.link(tr("See it before and after"), markup.run_address(run.id), button=True)
    return markup.card("", markup.verdict(words, "unknown") + more)
