"""Ask: ask the models of a run something yourself; before and after answer side by side."""

import threading
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import families, forms, markup
from app.families import Ask
from app.figures import drawings
from app.inference import LIVE
from app.live_html import JS, Alive
from app.templating import render
from backends.api import catalog, runs
from backends.api.errors import LetheError
from backends.api.panels import Role
from pages.studio._shared import Panels, find_run, quiet, section
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place

TAB = "ask"
STATE: Final = (
    "prompt",
    "n",
    "seed",
    "steps",
    "guidance",
    "size",
)  # what the address holds, in the order of the widgets
COPY = """async () => {
  const said = words => { const b = document.querySelector('#play-copy'); const was = b.textContent; b.textContent = words; setTimeout(() => { b.textContent = was; }, 1800); };
  try { await navigator.clipboard.writeText(location.href); said('Copied'); } catch { prompt('The link to this page', location.href); }
}"""
WAIT = "document.querySelector('#play-seen')?.classList.add('lethe-waiting');"
SHOWN = "() => document.querySelector('#play-seen')?.classList.remove('lethe-waiting')"


class Asks(Alive):
    """Prompts to try; a press on one comes as `select` with `prompt`."""

    def __init__(self, value: str = "", **options: Any) -> None:
        press = "root.addEventListener('click', e => { const b = e.target.closest('button[data-prompt]'); if (b) trigger('select', { prompt: b.dataset.prompt }); });"
        super().__init__(value, js=JS + press, **options)


def build(page: RunPage) -> None:
    """The tab."""
    prompt = gr.Textbox(label="What do you ask?", max_lines=3, interactive=True, elem_id="play-prompt")
    asks = Asks(elem_id="play-asks", apply_default_css=False)
    with gr.Row(elem_classes="lethe-play-go"):
        go = gr.Button("Ask", variant="primary", elem_id="play-go")
        other = gr.Button("Other seeds", elem_id="play-other", visible=False)
        copy = gr.Button("Copy link", elem_id="play-copy")
    settings = gr.Accordion("Seeds, steps, guidance and size", open=False, visible=False, elem_id="play-settings")
    with settings, gr.Row():
        numbers = _numbers()
    section("What it answers")
    panels = Panels(elem_id="play-seen", min_height=480)

    inputs = page.inputs(prompt, *numbers)
    draws: dict[str, Any] = {
        "js": at_place(STATE, WAIT), "trigger_mode": "multiple", "concurrency_limit": 4, **PRIVATE,
    }  # fmt: skip
    unwait: dict[str, Any] = {"fn": None, "js": SHOWN, "api_visibility": "private"}
    gr.on([go.click, prompt.submit], stream_answer, inputs, panels, **draws).then(**unwait)
    for event in (
        asks.select(pressed_prompt, None, prompt, **PRIVATE),
        other.click(_next_seeds, numbers[:2], numbers[1], **PRIVATE),
    ):
        event.then(stream_answer, inputs, panels, **draws).then(**unwait)
    copy.click(None, js=COPY, api_visibility="private")
    arriving = page.on_open(TAB, opened, [prompt, asks, *numbers, other, settings, panels])
    arriving.then(first_answer, inputs, panels, js=at_place(), concurrency_limit=4, **PRIVATE)


def _numbers() -> list[gr.components.Component]:
    """Pictures, first seed, steps, guidance, pixels a side."""
    look: dict[str, Any] = {"interactive": True, "min_width": 220}
    plain: dict[str, Any] = look | {"buttons": [], "minimum": 0}
    return [
        forms.Slider(1, families.PICTURES, 4, step=1, label="Pictures", elem_id="play-count", buttons=[], **look),
        forms.Number(0, label="First seed", precision=None, elem_id="play-seed", **look),
        forms.Slider(maximum=100, value=25, step=1, label="Steps", elem_id="play-steps", **plain | {"minimum": 1}),
        forms.Slider(
            maximum=20, value=1.5, step=0.1, label="Guidance (weight of the words)", elem_id="play-guidance", **plain
        ),
        forms.Number(64, label="Size (pixels a side)", precision=None, elem_id="play-size", **look),
    ]


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """All that the page's address asks for."""
    place = Place.read(at)
    asks, prompt, steps, guidance, size, *around = choose(place.run or None)
    query = {name: place.query.get(name, "") for name in STATE}
    return (
        query["prompt"] or prompt,
        asks,
        _number(query["n"], 4),
        _number(query["seed"], 0),
        _number(query["steps"], steps),
        _number(query["guidance"], guidance),
        _number(query["size"], size),
        *around,
        drawings.waiting("The answers", "The model is opened.") if askable(place.run) else no_answer(place.run),
    )


def askable(run_id: str) -> bool:
    """Whether a model, or a finished run's, can be asked anything a person writes."""
    if families.of_model(run_id) is None:
        run, _ = find_run(run_id)
        if run is None or run.state.status != "done":
            return False
    return families.view(family_of(run_id) or "").promptable


def _number(text: str, otherwise: Any) -> Any:
    """A number of the address; what is none leaves the usual one."""
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) else otherwise


def choose(run: str | None) -> tuple[Any, ...]:
    """Prompts to try with a run or model, the first of them, the steps, guidance and size it draws with by itself, and the
    widgets that only drawing needs."""
    family = families.view(family_of(run) or "") if run else families.View()
    around = (gr.Button(visible=family.numbered), gr.Accordion(visible=family.numbered))
    drawing: Mapping[str, Any] = dict.fromkeys(("steps", "guidance", "size"), gr.skip())
    if not run:
        return "", "", *drawing.values(), *around
    try:
        examples = prompts(run)
        drawing = usual_drawing(run) if family.numbered else drawing
    except LetheError as error:
        return quiet(str(error)), "", *drawing.values(), *around
    first = examples[0][1] if examples else ""
    chips_html = render("pages.examples", examples) + family.hint(run)
    return chips_html, first, drawing["steps"], drawing["guidance"], drawing["size"], *around


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
    return int(seed or 0) + int(count or 1)


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


def answer(ask: Ask) -> Iterator[Markup]:
    """The answers of the models as HTML, in the way of their family; some come as they grow."""
    if not ask.run:
        yield no_answer("")
        return
    family = families.of_model(ask.run)
    if family is None:
        run, wrong = find_run(ask.run)
        if run is None:
            yield markup.failed(wrong, now="Choose a run or a model above.")
            return
        family = families.of_run(run)
    answers = families.view(family)
    try:
        yield from answers.answer(ask) if answers.promptable else [no_answer(ask.run)]
    except LetheError as error:
        yield markup.failed(str(error), now="Change what it names and ask again.")


def no_answer(run_id: str) -> Markup:
    """Why nothing is answered, and where to go: there is no run yet, it is not done, or its model only looks at images."""
    if not run_id:
        words = (
            "No model that draws or answers is here yet. Forget something in one, and both answer here side by side."
        )
        return markup.card(
            "Nothing to ask yet", markup.text(words) + markup.link("Forget something", "new", button=True), empty=True
        )
    if families.of_model(run_id) is not None:
        does = families.view(family_of(run_id) or "").does
        words = f"This model {does}; this page is for models that draw or answer in words."
        return markup.card(
            "", markup.verdict(words, "unknown") + markup.link("Forget something", f"new?model={run_id}", button=True)
        )
    run, wrong = find_run(run_id)
    if run is None:
        return markup.card("", markup.verdict(wrong, "unknown"))
    if run.state.status != "done":
        words = f"This run is {run.state.status}, so there is no model after it to ask."
        return markup.card(
            "", markup.verdict(words, "unknown") + markup.link("Go to the run", markup.run_address(run.id), button=True)
        )
    does = families.view_of(run).does
    words = f"The model of this run {does}; this page is for models that draw or answer in words."
    more = markup.link("Compare before and after on the same images", markup.run_address(run.id), button=True)
    return markup.card("", markup.verdict(words, "unknown") + more)
