"""Playground: ask a model something yourself; before and after answer side by side."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import gradio as gr
from gradio.context import Context

from app import drawings, families, forms, parts, theme
from app.alive import JS, Alive
from app.figures import drawings as drawn
from app.live import LIVE
from backends.api import catalog, concepts, runs
from backends.api.catalog import Family
from backends.api.errors import BadInput, LetheError
from backends.api.panels import Role
from pages.studio._shared import Panels, address, alone, choices, find_run, identity, looker, nav, push_url

TITLE, PATH, ORDER = "Playground", "playground", 35

STATE: Final = (
    "run",
    "prompt",
    "n",
    "seed",
    "steps",
    "guidance",
    "size",
)  # what the address holds, in the order of the widgets
MOST = 8  # pictures at once
COPY = """async () => {
  const said = words => { const b = document.querySelector('#play-copy'); const was = b.textContent; b.textContent = words; setTimeout(() => { b.textContent = was; }, 1800); };
  try { await navigator.clipboard.writeText(location.href); said('Copied'); } catch { prompt('The link to this page', location.href); }
}"""
WAIT = "document.querySelector('#play-seen')?.classList.add('lethe-waiting');"
SHOWN = "() => document.querySelector('#play-seen')?.classList.remove('lethe-waiting')"
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


class Asks(Alive):
    """Prompts to try; a press on one comes as `select` with `prompt`."""

    def __init__(self, value: str = "", **said: Any) -> None:
        press = "root.addEventListener('click', e => { const b = e.target.closest('button[data-prompt]'); if (b) trigger('select', { prompt: b.dataset.prompt }); });"
        super().__init__(value, js=JS + press, **said)


@dataclass(frozen=True)
class Ask:
    """What a person asks, as the widgets hold it; `run` is a finished run or an embedded model."""

    run: str | None
    prompt: str | None
    count: float | None
    seed: float | None
    steps: float | None
    guidance: float | None
    size: float | None


def build() -> None:
    """The page."""
    nav("Playground", "Ask something yourself: the model before and the model after answer side by side.")
    secret = identity()
    with gr.Row():
        run = gr.Dropdown([], label="Run or model", interactive=True, elem_id="play-run", min_width=300)
        prompt = gr.Textbox(
            label="What should be drawn?", max_lines=3, interactive=True, elem_id="play-prompt", scale=2, min_width=300
        )
    asks = Asks(elem_id="play-asks", apply_default_css=False)
    with gr.Row(elem_classes="lethe-play-go"):
        go = gr.Button("Draw", variant="primary", elem_id="play-go")
        other = gr.Button("Other seeds", elem_id="play-other")
        copy = gr.Button("Copy link", elem_id="play-copy")
    with gr.Accordion("Seeds, steps, guidance and size", open=False, elem_id="play-settings"), gr.Row():
        numbers = _numbers()
    seen = Panels(elem_id="play-seen", min_height=480)

    asked: list[Any] = [run, prompt, *numbers]
    script = push_url(STATE).replace("{", "{" + WAIT, 1)
    draws: dict[str, Any] = {"js": script, "trigger_mode": "always_last", "concurrency_limit": 4, **QUIET}
    shown: dict[str, Any] = {"fn": None, "js": SHOWN, "api_visibility": "private"}
    gr.on([go.click, prompt.submit], answer, asked, seen, **draws).then(**shown)
    for event in (
        asks.select(pressed, None, prompt, **QUIET),
        other.click(_next_seeds, numbers[:2], numbers[1], **QUIET),
    ):
        event.then(answer, asked, seen, **draws).then(**shown)
    chose = run.input(choose, run, [asks, prompt, *numbers[2:]], **QUIET)
    chose.then(answer, asked, seen, **draws).then(**shown)
    copy.click(None, js=COPY, api_visibility="private")
    assert Context.root_block is not None
    arriving = Context.root_block.load(from_address, [secret], [run, prompt, asks, *numbers, seen], **QUIET)
    arriving.then(first_answer, asked, seen, concurrency_limit=4, **QUIET)


def _numbers() -> list[gr.components.Component]:
    """Pictures, first seed, steps, guidance, pixels a side."""
    look: dict[str, Any] = {"interactive": True, "min_width": 220}
    plain: dict[str, Any] = look | {"buttons": [], "minimum": 0}
    return [
        forms.Slider(1, MOST, 4, step=1, label="Pictures", elem_id="play-count", buttons=[], **look),
        forms.Number(0, label="First seed", precision=None, elem_id="play-seed", **look),
        forms.Slider(maximum=100, value=25, step=1, label="Steps", elem_id="play-steps", **plain | {"minimum": 1}),
        forms.Slider(
            maximum=20, value=1.5, step=0.1, label="Guidance (weight of the words)", elem_id="play-guidance", **plain
        ),
        forms.Number(64, label="Size (pixels a side)", precision=None, elem_id="play-size", **look),
    ]


def known_to(secret: str, *reached: str) -> list[tuple[str, str]]:
    """What can be asked: finished runs of models that draw, and those models themselves."""
    finished = [
        run for run in runs.visible(looker(secret)[1] if secret else "", *reached) if run.state.status == "done"
    ]
    drawing = [run for run in finished if families.of_run(run) in ANSWERS]
    models = [(f"{entry.title}, as it came", entry.id) for entry in catalog.load().models if entry.family in ANSWERS]
    return [*choices(drawing), *models]


def from_address(secret: str, request: gr.Request) -> tuple[Any, ...]:
    """What the page's address asks for; without one, the newest run of a model that draws."""
    wanted = address(request, "run")
    options = known_to(secret, wanted)
    wanted = wanted or (options[0][1] if options else "")
    listed = wanted in [value for _, value in options]
    asks, prompt, steps, guidance, size = choose(wanted if listed else None)
    given = {name: address(request, name) for name in STATE}
    return (
        gr.Dropdown(options, value=wanted if listed else None),
        given["prompt"] or prompt,
        asks,
        _number(given["n"], 4),
        _number(given["seed"], 0),
        _number(given["steps"], steps),
        _number(given["guidance"], guidance),
        _number(given["size"], size),
        drawn.waiting("The answers", "The model is opened.") if listed else no_answer(wanted),
    )


def _number(text: str, otherwise: Any) -> Any:
    """A number of the address; what is none leaves the usual one."""
    try:
        value = float(text)
    except ValueError:
        return otherwise
    return value if isfinite(value) else otherwise


def choose(run: str | None) -> tuple[str, str, Any, Any, Any]:
    """Prompts to try with a run or model, the first of them, and the steps, guidance and size it draws with by itself."""
    if not run:
        return "", "", gr.skip(), gr.skip(), gr.skip()
    try:
        examples, drawing = prompts(run), usual(run)
    except LetheError as error:
        return f'<p class="lethe lethe-quiet">{parts.esc(error)}</p>', "", gr.skip(), gr.skip(), gr.skip()
    chips = "".join(
        f'<button type="button" data-prompt="{parts.esc(text)}">{parts.mark(role)}{parts.esc(text)}</button>'
        for role, text in examples
    )
    first = examples[0][1] if examples else ""
    shown = f'<div class="lethe lethe-asks"><span>Try</span>{chips}</div>'
    return shown, first, drawing["steps"], drawing["guidance"], drawing["size"]


def prompts(run: str) -> list[tuple[Role, str]]:
    """What to forget, a neighbour, something unrelated, and what to forget together with that; of a model, what it learned.

    Raises:
        LetheError: the run cannot be opened.
    """
    if families.of_model(run) is None:
        found = drawings.asks(run)
        asked = dict(found)
        if "forget" in asked and "unrelated" in asked:
            found.append(("amount", f"{asked['forget']} and {asked['unrelated']}"))
        return found
    card = catalog.load().get("models", run).card
    domains = card.get("domains", {})
    pairs = zip(domains.get("object", [])[::3], domains.get("style", []), strict=False)
    return [("amount", concepts.prompt(card, thing, style)) for thing, style in list(pairs)[:4]]


def usual(run: str) -> Mapping[str, Any]:
    """The `steps`, the `guidance` and the `size` in pixels that a model draws with by itself.

    Raises:
        LetheError: the model cannot be opened.
    """
    model, data = run, ""
    if families.of_model(run) is None:
        spec = runs.find(run).spec
        model, data = spec.model, spec.data
    said = LIVE.ask("describe", model=model, data=data)
    return {**said["drawing"], "size": said["size"][0]}


def pressed(event: gr.EventData) -> str:
    """The prompt of a pressed example."""
    return str(event._data.get("prompt", ""))


def _next_seeds(count: float | None, seed: float | None) -> int:
    """The first seed after those that are shown."""
    return int(seed or 0) + int(count or 1)


def first_answer(*asked: Any) -> Any:
    """Answer at once where there is something to ask."""
    return answer(*asked) if asked[0] else gr.skip()


def answer(*asked: Any) -> str:
    """What the models say to it, as HTML; each family answers in its own way."""
    ask = Ask(*asked)
    if not ask.run:
        return no_answer("")
    family = families.of_model(ask.run)
    if family is None:
        run, wrong = find_run(ask.run)
        if run is None:
            return parts.failed(wrong, now="Choose a run or a model above.")
        family = families.of_run(run)
    try:
        return ANSWERS[family](ask) if family in ANSWERS else no_answer(ask.run)
    except LetheError as error:
        return parts.failed(str(error), now="Change what it names and draw again.")


def _pictures(ask: Ask) -> str:
    """Text-to-image: the same seeds drawn by the model before and the model after."""
    seeds = _seeds(ask)
    wishes = {"steps": _whole("steps", ask.steps), "guidance": ask.guidance, "size": _whole("size", ask.size)}
    found = drawings.draw(str(ask.run), str(ask.prompt or ""), seeds, **wishes)
    before, after = found["before"], found.get("after", [])
    prompt = " ".join(str(ask.prompt).split())
    body = f'<p class="lethe-lead">{parts.esc(prompt)}</p>'
    if found["cut"]:
        body += parts.text(_cut(found["cut"]), "says")
    body += drawn.beside(prompt, seeds, before, after, ("before" if after else "the model, as it came", "after"))
    if after:
        shares = drawings.moved(before, after)
        body += parts.text(
            f"Before and after differ by {theme.percent(sum(shares) / len(shares))} of the range of a pixel, on average over these pictures.",
            "says",
        )
        body += f'<p class="lethe-how"><b>How to read it.</b> {parts.esc(drawn.SAME)}</p>'
    else:
        body += parts.text("Let it forget something, and both models answer here.") + parts.link(
            "Forget something", f"./?model={ask.run}"
        )
    return parts.card("", body + parts.text(_made(found, seeds), "quiet"))


def _cut(count: int) -> str:
    tokens = "token" if count == 1 else f"{count} tokens"
    return (
        f"This prompt is longer than the model can read: its last {tokens} (words, or pieces of rare words) had no say."
    )


def _made(found: dict[str, Any], seeds: list[int]) -> str:
    which = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return f"How it was made: {found['steps']} steps, guidance {found['guidance']:g}, {found['size']} pixels a side, {which}, drawn in {theme.seconds(found['seconds'])}."


def _seeds(ask: Ask) -> list[int]:
    """The seeds that are asked for; of far too many one more than is allowed, which is refused by name."""
    count, first = _whole("The number of pictures", ask.count), _whole("The first seed", ask.seed)
    if not 1 <= count <= MOST:
        raise BadInput(f"{count} pictures were asked for; ask for 1 to {MOST}.")
    return list(range(first, first + count))


def _whole(name: str, value: float | None) -> int:
    """A whole number.

    Raises:
        BadInput: it is missing or has a fraction.
    """
    if value is None or not isfinite(value) or value != int(value):
        raise BadInput(f"{name} was {'empty' if value is None else f'{value:g}'}; a whole number is needed.")
    return int(value)


def no_answer(run_id: str) -> str:
    """Why nothing is drawn, and where to go: there is no run yet, it is not done, or its model looks instead of drawing."""
    if not run_id:
        words = "No model that draws is here yet. Forget something in one, and both answer here side by side."
        return parts.card(
            "Nothing to ask yet", parts.text(words) + parts.link("Forget something", "./", button=True), empty=True
        )
    if families.of_model(run_id) is not None:
        words = "This model looks at images and names what it sees; this page draws pictures from words."
        return parts.card(
            "", parts.verdict(words, "unknown") + parts.link("Forget something", f"./?model={run_id}", button=True)
        )
    run, wrong = find_run(run_id)
    if run is None:
        return parts.card("", parts.verdict(wrong, "unknown"))
    if run.state.status != "done":
        words = f"This run is {run.state.status}, so there is no model after it to ask."
        return parts.card(
            "", parts.verdict(words, "unknown") + parts.link("Go to the run", f"./?run={run.id}", button=True)
        )
    words = "The model of this run looks at images and names what it sees; this page draws pictures from words."
    more = parts.link("Compare before and after on the same images", f"compare?run={run.id}", button=True)
    return parts.card("", parts.verdict(words, "unknown") + more)


ANSWERS: dict[Family, Callable[[Ask], str]] = {"text-to-image": _pictures}

if __name__ == "__main__":
    alone(build)
