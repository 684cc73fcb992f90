"""Vectors of a language model switched off while it answers: two answer cards below the cards of a look inside that shows vectors."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import forms, markup, responses, run_results, theme
from app.figures import switched
from app.inference import LIVE
from app.live_html import JS, Alive
from app.responses import Chat
from app.templating import render
from backends.api import catalog
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from pages.studio.run._ask import Turns
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

STATE: Final = ("ask", "by", "words", "off", "also", "strength")  # what the address holds, in the order of the widgets
ANSWER, WORDS = "answer", "words"
WAYS: Final = [(later("what this answer leans on"), ANSWER), (later("what they spell"), WORDS)]
MANY: Final = {ANSWER: 20, WORDS: 12}
QUESTIONS = 4
SPELLED = 3  # words of a vector beside its switch
EVERY: Final = 0.05  # seconds between two looks at an answer that grows
SCRIPT: Final = JS + (theme.STATIC / "vectors.js").read_text("utf-8")
SWITCHES: Final = (  # which switches are off is known to the browser, as app/static/vectors.js keeps it
    f"given[{1 + STATE.index('off')}] = document.querySelector('#switch-seen .alive')?.dataset.off ?? given[{1 + STATE.index('off')}]"
)
TURNS: Final = Turns()


class Answers(Alive):
    """The answer cards. A press on a switch of a vector, wherever it stands on the page, comes as `select`."""

    def __init__(self, value: str = "", **options: Any) -> None:
        super().__init__(value, js=SCRIPT, **options)


@dataclass(frozen=True)
class Switch:
    """The widgets of the switch."""

    column: gr.Column
    ask: gr.Dropdown
    by: gr.Radio
    words: gr.Textbox
    off: gr.Textbox  # "layer.column" of the switches that are off, with commas between them
    also: gr.Textbox
    strength: forms.Slider
    answers: Answers
    others: gr.HTML  # switches of vectors that have no card
    vector_keys: gr.State  # the vectors among them
    filled: gr.Textbox  # for which run and look the others were filled in; kept by the page, as their values are

    @property
    def outputs(self) -> list[Any]:
        """The widgets that the page fills, in the order of `for_run`."""
        return [self.column, *self.inputs, self.answers, self.others, self.vector_keys, self.filled]

    @property
    def search(self) -> list[Any]:
        """The widgets that `find_vectors` and `arrive` fill, in their order."""
        return [self.words, self.others, self.vector_keys, self.answers]

    @property
    def inputs(self) -> list[Any]:
        """The widgets that the address holds, in the order of STATE."""
        return [self.ask, self.by, self.words, self.off, self.also, self.strength]


def build(page: RunPage) -> Switch:
    """The switch, hidden until a run is looked into in a way that shows vectors."""
    with gr.Column(visible=False, elem_id="switch") as column:
        answers = Answers(elem_id="switch-seen", apply_default_css=False)
        ask = gr.Dropdown(
            [], label=tr("Question"), info=tr("Choose one, or write your own and press Enter."), allow_custom_value=True,
            interactive=True, elem_id="switch-ask",
        )  # fmt: skip
        with gr.Accordion(
            tr("Other vectors, and how strongly they still write"), open=False, elem_id="switch-more"
        ) as more:
            with gr.Row():
                by = gr.Radio(
                    [(tr(words), way) for words, way in WAYS], value=ANSWER, label=tr("Find vectors by"), interactive=True, elem_id="switch-by", elem_classes="chips"
                )  # fmt: skip
                words = gr.Textbox(
                    label=tr("Words that they spell"), info=tr("Empty: the names and facts of what was forgotten."), visible=False,
                    interactive=True, elem_id="switch-words",
                )  # fmt: skip
            others = gr.HTML(elem_id="switch-others", apply_default_css=False)
            with gr.Row():
                also = gr.Textbox(
                    label=tr("Any others"), info=tr("As layer.column with commas between, both from 0, as in 5.110."),
                    interactive=True, elem_id="switch-also",
                )  # fmt: skip
                strength = forms.Slider(
                    0, 2, 0, step=0.1, label=tr("How strongly they still write (0: switched off, 1: as it is)"),
                    interactive=True, elem_id="switch-strength", buttons=[],
                )  # fmt: skip
            go = gr.Button(tr("Ask again"), elem_id="switch-go")
        off, vector_keys, filled = gr.Textbox(visible=False), gr.State([]), gr.Textbox(visible=False)
    switch = Switch(column, ask, by, words, off, also, strength, answers, others, vector_keys, filled)
    _events(switch, page, more, go)
    return switch


def _events(switch: Switch, page: RunPage, more: gr.Accordion, go: gr.Button) -> None:
    find: dict[str, Any] = {
        "fn": of_run(find_vectors), "inputs": page.inputs(switch.ask, switch.by, switch.words), "outputs": switch.search,
        "js": at_place(), "trigger_mode": "always_last", "concurrency_limit": 4, **PRIVATE,
    }  # fmt: skip
    gr.on([more.expand, switch.by.input, switch.words.submit, switch.words.blur], **find)
    listed = {**find, "fn": of_run(find_again), "inputs": [*find["inputs"], switch.vector_keys]}
    answered = gr.on(
        [switch.ask.input, switch.answers.select, go.click, switch.also.submit, switch.strength.release], stream_answers,
        page.inputs(*switch.inputs), switch.answers, js=at_place(STATE, SWITCHES), trigger_mode="multiple", concurrency_limit=4,
        **PRIVATE,
    )  # fmt: skip
    answered.then(**{name: value for name, value in listed.items() if name != "trigger_mode"})


def fits(run_id: str | None, inspector_id: str | None) -> bool:
    """Whether vectors can be switched off beside this look into this run."""
    if not run_id or not inspector_id or not catalog.load().look(inspector_id).switches:
        return False
    run, _ = run_results.open_run(run_id)
    return run is not None and run.state.status == "done"


def hidden() -> tuple[Any, ...]:
    """The widgets hidden, where no run is shown whose vectors could be switched off."""
    return gr.Column(visible=False), *(gr.skip() for _ in STATE), "", "", [], ""


def filled_for(run_id: str | None, inspector_id: str | None) -> str:
    """The run and the inspector that the widgets are filled in for, as `Switch.filled` holds them."""
    return f"{run_id} {inspector_id}"


def for_run(run_id: str | None, inspector_id: str | None, place: Place | None = None) -> tuple[Any, ...]:
    """The widgets for a finished run on a language model, as its page's address wants them, or at the start: then the answers are
    those that the run was judged by."""
    query = {name: place.query.get(name, "") if place else "" for name in STATE}
    try:
        pairs = questions(str(run_id))
    except LetheError as error:
        return gr.Column(visible=True), *(gr.skip() for _ in STATE), markup.failed(str(error)), "", [], ""
    options = [(f"{chat.question} ({theme.ROLE_WORDS[chat.role]})", chat.question) for chat in pairs]
    ask = query["ask"] or (options[0][1] if options else "")
    by = query["by"] if query["by"] in (ANSWER, WORDS) else ANSWER
    strength = _strength(query["strength"])
    try:
        places = parse_places(query["off"], query["also"])
    except BadInput:
        places = []
    return (
        gr.Column(visible=True),
        gr.Dropdown(options, value=ask),
        by,
        gr.Textbox(value=query["words"], visible=by == WORDS),
        query["off"],
        query["also"],
        strength,
        switched.cards(str(run_id), ask, places, strength, stored=_stored(str(run_id), ask), switches=query["off"]),
        "",
        [],
        filled_for(run_id, inspector_id),
    )


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if isfinite(value) else 0.0


def questions(run_id: str) -> list[Chat]:
    """Some questions that the run was judged by: most of the forget set, and one of each other role.

    Raises:
        BadInput: the run's folder lacks them.
    """
    every = responses.all_chats(run_id)
    forget_questions = [chat for chat in every if chat.role == "forget"]
    return [
        *responses.evenly_sampled(forget_questions, QUESTIONS),
        *responses.evenly_sampled([chat for chat in every if chat.role != "forget"], 1),
    ]


def find_vectors(run_id: str | None, ask: str | None, by: str | None, words: str | None) -> tuple[Any, ...]:
    """Switches of vectors that have no card: those that the answer leans on, or that spell some words."""
    line = gr.Textbox(visible=by == WORDS)
    if not run_id:
        return line, gr.skip(), gr.skip(), gr.skip()
    try:
        options = vectors(run_id, ask, by, words)
    except LetheError as error:
        return line, markup.failed(str(error), now=tr("Change what it names.")), [], gr.skip()
    return line, render("vectors.others", options), [key for key, _ in options], gr.skip()


def find_again(
    run_id: str | None, ask: str | None, by: str | None, words: str | None, vector_keys: list[str]
) -> tuple[Any, ...]:
    """`find_vectors` after another question, where vectors of the last one are listed."""
    if not vector_keys or by != ANSWER:
        return tuple(gr.skip() for _ in range(4))
    return find_vectors(run_id, ask, by, words)


def vectors(run_id: str, ask: str | None, by: str | None, words: str | None) -> list[tuple[str, str]]:
    """("layer.column", first words) of the vectors found.

    Raises:
        LetheError: they cannot be looked for as asked.
    """
    if by == ANSWER and not str(ask or "").strip():
        raise BadInput(tr("The question was empty; write one, or find vectors by what they spell."))
    way = {"question": str(ask or "")} if by == ANSWER else {"words": str(words or "")}
    rows = LIVE.ask("vectors", run_or_model=run_id, count=MANY[ANSWER if by == ANSWER else WORDS], **way)
    return [(f"{row['layer']}.{row['column']}", " · ".join(row["before"][:SPELLED])) for row in rows]


def arrive(
    run_id: str | None, inspector_id: str | None, filled: str, vector_keys: list[str], *state: Any
) -> tuple[Any, ...]:
    """After the widgets were filled in: where the address switches vectors off, what comes of that.

    A click may come before the end of an earlier chain of events. What that one then sends is the new run or look beside the
    question of the last one, or beside none; nothing is asked with it, because the click's own chain still comes.
    """
    nothing = tuple(gr.skip() for _ in range(4))
    if filled != filled_for(run_id, inspector_id) or not fits(run_id, inspector_id):
        return nothing
    _, _, _, off, also, _ = state
    if not off and not also:
        return nothing
    *_, answers = switched_answers(run_id, *state)
    return *nothing[:3], answers


def stream_answers(request: gr.Request, at: str, *state: Any) -> Iterator[Markup]:
    """Both cards as they are written; another switch or question on the same page ends that."""
    yield from TURNS.of(str(request.session_hash), lambda: switched_answers(Place.read(at).run, *state))


def switched_answers(
    run_id: str | None,
    ask: str | None,
    by: str | None,
    words: str | None,
    off: str | None,
    also: str | None,
    strength: float | None,
) -> Iterator[Markup]:
    """Both models' answers as they are, and without the chosen vectors, as HTML that grows."""
    if not run_id:
        yield Markup()
        return
    switches, question = str(off or ""), str(ask or "")
    try:
        places = parse_places(switches, str(also or ""))
        if strength is None:
            raise BadInput(tr("No strength was given; it can be from 0 to 2."))
        stored = _stored(run_id, question)
        around: dict[str, Any] = {"stored": stored, "switches": switches}
        yield switched.cards(run_id, question, places, strength, **around)
        if not places and stored is not None:
            return
        last, reply = time.monotonic(), None
        truth = stored.truth if stored is not None else ""
        for reply in responses.ask_stream(run_id, question, truth=truth, off=places, strength=strength):
            if "seconds" in reply or time.monotonic() - last >= EVERY:
                last = time.monotonic()
                yield switched.cards(run_id, question, places, strength, reply, **around)
    except LetheError as error:
        yield markup.failed(str(error), now=tr("Change what it names and ask again."))


def parse_places(*lines: str) -> list[list[int]]:
    """[layer, column] of each "layer.column" in lines with commas between them, each once.

    Raises:
        BadInput: one is written otherwise.
    """
    texts = list(dict.fromkeys(text for line in lines for text in re.split(r"[,;\s]+", line) if text))
    for text in texts:
        if not re.fullmatch(r"\d{1,4}\.\d{1,6}", text):
            raise BadInput(
                tr(
                    "{text!r} is no vector; write its layer and its column with a point between, as in 5.110.",
                    text=text[:40],
                )
            )
    return [[int(part) for part in text.split(".")] for text in texts]


def _stored(run_id: str, ask: str) -> Chat | None:
    """The answers to a question that the run was judged by; None for any other question."""
    line = " ".join(ask.split()).casefold()
    return next((chat for chat in responses.all_chats(run_id) if chat.question.casefold() == line), None)
