"""Vectors of a language model switched off, live: below a look inside that shows them."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import gradio as gr

from app import forms, markup, responses, run_results, theme, view
from app.figures import chats, switched
from app.inference import LIVE
from app.responses import Chat
from backends.api import catalog
from backends.api.errors import BadInput, LetheError
from pages.studio._shared import Panels, heading
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

STATE: Final = (
    "ask",
    "by",
    "words",
    "off",
    "also",
    "strength",
)  # what the address holds, in the order of the widgets
ANSWER, WORDS = "answer", "words"
WAYS: Final = [("what this answer leans on", ANSWER), ("what they spell", WORDS)]
MANY: Final = {ANSWER: 20, WORDS: 12}
QUESTIONS = 4
SPELLED = 3  # words of a vector on its chip
ABOUT: Final = (
    "A vector is a column of a layer's feed-forward part: words that it makes likelier whenever it is used, or less likely where it "
    "is used with a minus. Pick one or several, "
    "switch them off, and both models answer again. In a small model hardly any fact hangs on one vector; a large one has some "
    "that spell one thing. Layers and columns are counted from 0."
)
FORGET: Final = (  # another run or look: the address loses what was asked of the last one
    f"{{const to = new URL(location); {list(STATE)}.forEach(name => to.searchParams.delete(name));"
    "history.replaceState(history.state, '', to);}"
)


@dataclass(frozen=True)
class Switch:
    """The widgets of the switch."""

    column: gr.Column
    asks: gr.Radio
    ask: gr.Textbox
    by: gr.Radio
    words: gr.Textbox
    off: gr.CheckboxGroup
    also: gr.Textbox
    strength: forms.Slider
    vector_keys: gr.State  # the vectors that were found, as the boxes name them
    panels: Panels
    filled: gr.Textbox  # for which run and look the others were filled in; kept by the page, as their values are

    @property
    def outputs(self) -> list[Any]:
        """The widgets that the page fills, in the order of `for_run`."""
        return [self.column, self.asks, *self.inputs, self.panels, self.vector_keys, self.filled]

    @property
    def search(self) -> list[Any]:
        """The widgets that `find_vectors` fills, in its order."""
        return [self.words, self.off, self.vector_keys, self.panels]

    @property
    def inputs(self) -> list[Any]:
        """The widgets that the address holds, in the order of STATE."""
        return [self.ask, self.by, self.words, self.off, self.also, self.strength]


def build(page: RunPage) -> Switch:
    """The switch, hidden until a run is looked into in a way that shows vectors."""
    with gr.Column(visible=False, elem_id="switch") as column:
        heading("Switch them off, live", ABOUT)
        asks = gr.Radio([], label="Ask", interactive=True, elem_id="switch-asks", elem_classes="chips")
        ask = gr.Textbox(label="Question", max_lines=3, interactive=True, elem_id="switch-ask")
        with gr.Row():
            by = gr.Radio(
                WAYS, value=ANSWER, label="Find vectors by", interactive=True, elem_id="switch-by", elem_classes="chips"
            )
            words = gr.Textbox(
                label="Words that they spell", info="Empty: the names and facts of what was forgotten.", visible=False,
                interactive=True, elem_id="switch-words",
            )  # fmt: skip
        off = gr.CheckboxGroup(
            [], label="Vectors", info="Strongest first: layer.column, and its first words.", interactive=True,
            elem_id="switch-off", elem_classes="chips",
        )  # fmt: skip
        with gr.Row(elem_classes="lethe-play-go"):
            every, none = gr.Button("Tick all", elem_id="switch-all"), gr.Button("Tick none", elem_id="switch-none")
        also = gr.Textbox(
            label="Others",
            info="As layer.column with commas between, as in 5.110.",
            interactive=True,
            elem_id="switch-also",
        )
        strength = forms.Slider(
            0, 2, 0, step=0.1, label="How strongly they still write (0: switched off, 1: as it is)", interactive=True,
            elem_id="switch-strength", buttons=[],
        )  # fmt: skip
        go = gr.Button("Switch off and ask", elem_id="switch-go")
        panels = Panels(elem_id="switch-seen", min_height=200)
        vector_keys = gr.State([])
        filled = gr.Textbox(visible=False)
    switch = Switch(column, asks, ask, by, words, off, also, strength, vector_keys, panels, filled)
    _events(switch, page, every, none, go)
    return switch


def _events(switch: Switch, page: RunPage, every: gr.Button, none: gr.Button, go: gr.Button) -> None:
    find: dict[str, Any] = {
        "fn": of_run(find_vectors), "inputs": page.inputs(switch.ask, switch.by, switch.words), "outputs": switch.search,
        "js": at_place(), "concurrency_limit": 4, **PRIVATE,
    }  # fmt: skip
    switch.asks.input(lambda text: text, switch.asks, switch.ask, **PRIVATE).then(**find)
    gr.on([switch.by.input, switch.words.submit, switch.words.blur], trigger_mode="always_last", **find)
    every.click(lambda vector_keys: vector_keys, switch.vector_keys, switch.off, **PRIVATE)
    none.click(None, None, switch.off, js="() => [[]]", api_visibility="private")  # at once: a tick may follow
    gr.on(
        [go.click, switch.ask.submit, switch.also.submit, switch.strength.input], of_run(ask_switched),
        page.inputs(*switch.inputs), switch.panels, js=at_place(STATE), trigger_mode="always_last", concurrency_limit=4, **PRIVATE,
    )  # fmt: skip


def fits(run_id: str | None, inspector_id: str | None) -> bool:
    """Whether vectors can be switched off beside this look into this run."""
    if not run_id or not inspector_id or not catalog.load().look(inspector_id).switches:
        return False
    run, _ = run_results.open_run(run_id)
    return run is not None and run.state.status == "done"


def hidden() -> tuple[Any, ...]:
    """The widgets hidden, where no run is shown whose vectors could be switched off."""
    return gr.Column(visible=False), gr.Radio([]), *(gr.skip() for _ in STATE), "", [], ""


def filled_for(run_id: str | None, inspector_id: str | None) -> str:
    """The run and the inspector that the widgets are filled in for, as `Switch.filled` holds them."""
    return f"{run_id} {inspector_id}"


def for_run(run_id: str | None, inspector_id: str | None, place: Place | None = None) -> tuple[Any, ...]:
    """The widgets for a finished run on a language model, as its page's address wants them, or at the start."""
    query = {name: place.query.get(name, "") if place else "" for name in STATE}
    try:
        pairs = questions(str(run_id))
    except LetheError as error:
        return gr.Column(visible=True), gr.Radio([]), *(gr.skip() for _ in STATE), markup.failed(str(error)), [], ""
    options = [(f"{chat.question} ({theme.ROLE_WORDS[chat.role]})", chat.question) for chat in pairs]
    first = options[0][1] if options else ""
    ask = query["ask"] or first
    by = query["by"] if query["by"] in (ANSWER, WORDS) else ANSWER
    boxes = [one for one in query["off"].split(",") if one]
    return (
        gr.Column(visible=True),
        gr.Radio(options, value=ask if ask in [text for _, text in options] else None),
        ask,
        by,
        gr.Textbox(value=query["words"], visible=by == WORDS),
        gr.CheckboxGroup([(one, one) for one in boxes], value=boxes),
        query["also"],
        _strength(query["strength"]),
        markup.card("", markup.text("The vectors are looked for.", "quiet"), empty=True),
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


def find_vectors(
    run_id: str | None, ask: str | None, by: str | None, words: str | None, off: list[str] | None = None
) -> tuple[Any, ...]:
    """The vectors to choose from, and `off` or else all of them ticked."""
    line = gr.Textbox(visible=by == WORDS)
    if not run_id:
        return line, gr.skip(), gr.skip(), gr.skip()
    try:
        options = vectors(run_id, ask, by, words)
    except LetheError as error:
        return line, gr.CheckboxGroup([], value=[]), [], markup.failed(str(error), now="Change what it names.")
    keys = [key for _, key in options]
    idle = markup.card(
        "", markup.text("Choose vectors and press the button; no weights are written.", "quiet"), empty=True
    )
    others = [(key, key) for key in off or [] if key not in keys]
    return line, gr.CheckboxGroup([*options, *others], value=off or keys), keys, idle


def vectors(run_id: str, ask: str | None, by: str | None, words: str | None) -> list[tuple[str, str]]:
    """(label, "layer.column") of the vectors found.

    Raises:
        LetheError: they cannot be looked for as asked.
    """
    if by == ANSWER and not (ask or "").strip():
        raise BadInput("The question was empty; write one, or find vectors by what they spell.")
    way = {"question": ask or ""} if by == ANSWER else {"words": words or ""}
    rows = LIVE.ask("vectors", run_or_model=run_id, count=MANY[ANSWER if by == ANSWER else WORDS], **way)
    return [
        (f"{row['layer']}.{row['column']} {' · '.join(row['before'][:SPELLED])}", f"{row['layer']}.{row['column']}")
        for row in rows
    ]


def arrive(
    run_id: str | None, inspector_id: str | None, filled: str, vector_keys: list[str], *state: Any
) -> tuple[Any, ...]:
    """After the widgets were filled in: the vectors to choose from; where the address names some, what comes of them.

    A click may come before the end of an earlier chain of events. What that one then sends is the new run or look beside the
    question of the last one, or beside none; nothing is looked for with it, because the click's own chain still comes. Nor
    is what the one of them found looked for again by the other, which would undo what was ticked since.
    """
    if vector_keys or filled != filled_for(run_id, inspector_id) or not fits(run_id, inspector_id):
        return tuple(gr.skip() for _ in range(4))
    ask, by, words, off, also, _ = state
    line, boxes, keys, idle = find_vectors(run_id, ask, by, words, off)
    return line, boxes, keys, ask_switched(run_id, *state) if keys and (off or also) else idle


def ask_switched(
    run_id: str | None,
    ask: str | None,
    by: str | None,
    words: str | None,
    off: list[str] | None,
    also: str | None,
    strength: float | None,
) -> str:
    """Both models' answers as they are, and without the chosen vectors, as HTML."""
    if not run_id:
        return ""
    try:
        places = parse_places([*(off or []), *re.split(r"[,;\s]+", also or "")])
        if strength is None:
            raise BadInput("No strength was given; it can be from 0 to 2.")
        reply = responses.ask(run_id, ask or "", truth=_truth(run_id, ask), off=places, strength=strength)
    except LetheError as error:
        return markup.failed(str(error), now="Change what it names and ask again.")
    card_html = markup.card("", switched.cards(reply, len(places), strength))
    switched_off = {**reply, "after": reply["before_off"]}
    tokens = chats.tokens(switched_off, ("as it is", switched.names(len(places), strength)[1]))
    return markup.wrap(card_html, view.panel(tokens) if tokens else "")


def parse_places(texts: list[str]) -> list[list[int]]:
    """[layer, column] of each "layer.column", each once.

    Raises:
        BadInput: one is written otherwise, or there is none.
    """
    texts = list(dict.fromkeys(text for text in texts if text))
    if not texts:
        raise BadInput("No vector was chosen; tick one, or write its layer and column, as in 5.110.")
    for text in texts:
        if not re.fullmatch(r"\d{1,4}\.\d{1,6}", text):
            raise BadInput(
                f"{text[:40]!r} is no vector; write its layer and its column with a point between, as in 5.110."
            )
    return [[int(part) for part in text.split(".")] for text in texts]


def _truth(run_id: str, ask: str | None) -> str:
    """The true answer to a question that the run was judged by; empty otherwise, to be looked up elsewhere."""
    line = " ".join((ask or "").split()).casefold()
    return next((chat.truth for chat in responses.all_chats(run_id) if chat.question.casefold() == line), "")
