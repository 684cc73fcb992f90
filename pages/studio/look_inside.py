"""Look inside: choose a finished run and an inspector, and see what changed in the model."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.context import Context

from app import families, forms, parts, results_view, theme, view
from app.live import LIVE
from backends.api import catalog, found, runs
from backends.api.catalog import Inspector
from backends.api.errors import LetheError
from backends.api.runs import RunFolder
from pages.studio import _vectors
from pages.studio._shared import Panels, address, alone, choices, identity, mark_of, nav, push_url

TITLE, PATH, ORDER = "Look inside", "look-inside", 40
EVERY = 1.0  # seconds between two looks at whether the answer is there


def build() -> None:
    """The page. Its address holds its state: ?run=...&with=...&inspector=..."""
    nav("Look inside", "Which weights moved, where everything lies now, what the model now looks at.")
    inspectors = catalog.load().inspectors
    first = inspectors[0].id if inspectors else None
    secret = identity()
    with gr.Row():
        run = gr.Dropdown([], label="Run", interactive=True, elem_id="look-run", min_width=300)
        other = gr.Dropdown([], label="Beside it (optional)", interactive=True, elem_id="look-with", min_width=300)
    which = gr.Radio(
        [(entry.title, entry.id) for entry in inspectors],
        value=first,
        label="Look at",
        interactive=True,
        elem_id="look-inspector",
        elem_classes="chips",
    )
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            about = gr.HTML(describe(first), min_height=60, apply_default_css=False)
        with gr.Column(scale=1, min_width=220):
            go = gr.Button("Look inside", variant="primary", elem_id="look-go")
    groups, fields = settings(inspectors)
    seen = Panels(elem_id="look-seen", min_height=480)
    switch = _vectors.build(run)

    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    shown = [which, about, seen, *groups]
    lookup: dict[str, Any] = {"concurrency_limit": 4, **private}
    anew = push_url(["run", "inspector", "with"]).replace("{", "{" + _vectors.FORGET, 1)
    chosen = gr.on(
        [run.input, which.input, other.input], choose, [run, which, other], [*shown, *switch.shown], js=anew, **private
    )
    chosen.then(_vectors.arrive, [run, which, *switch.given], switch.search, **lookup)
    go.click(look, [run, which, other, *fields], seen, concurrency_limit=4, trigger_mode="once", **private)
    assert Context.root_block is not None
    arriving = Context.root_block.load(from_address, [secret], [run, other, *shown, *switch.shown], **private)
    arriving.then(_vectors.arrive, [run, which, *switch.given], switch.search, **lookup)


def settings(inspectors: list[Inspector]) -> tuple[list[gr.Accordion], list[gr.components.Component]]:
    """The parameters of every inspector as a small form each; only that of the chosen one is shown."""
    groups: list[gr.Accordion] = []
    fields: list[gr.components.Component] = []
    for at, entry in enumerate(inspectors):
        with gr.Accordion("Settings", open=False, visible=at == 0 and bool(forms.properties(entry.params))) as group:
            fields.extend(forms.widgets(entry.params).values())
        groups.append(group)
    return groups, fields


def describe(inspector_id: str | None) -> str:
    """What the inspector shows, and where it comes from."""
    if not inspector_id:
        return ""
    entry: Inspector = catalog.load().get("inspectors", inspector_id)
    source = parts.external(entry.source.title, entry.source.url)
    return f'<div class="lethe">{parts.text(entry.summary)}<p class="lethe-quiet">{source}</p></div>'


def from_address(secret: str, request: gr.Request) -> tuple[Any, ...]:
    """What the page's address asks for; without one, the newest finished run and the first inspector."""
    wanted, second, inspector_id = (address(request, name) for name in ("run", "with", "inspector"))
    known = catalog.load().inspectors
    ids = [entry.id for entry in known]
    finished = [r for r in runs.visible(mark_of(secret), wanted, second) if r.state.status == "done"]
    options = choices(finished)
    wanted = wanted or (finished[0].id if finished else "")
    note = ""
    if inspector_id and inspector_id not in ids:
        there = ", ".join(entry.title for entry in known)
        note = parts.card(
            "", parts.verdict(f"There is no way to look called {inspector_id[:60]!r}; there are {there}.", "unknown")
        )
    chosen = inspector_id if inspector_id in ids else (ids[0] if ids else None)
    ids = [value for _, value in options]
    radio, about, seen, *groups = shown_of(wanted, chosen, second, request)
    return (
        gr.Dropdown(choices=options, value=wanted if wanted in ids else None),
        gr.Dropdown(choices=[("nothing", ""), *options], value=second if second in ids else ""),
        radio,
        about,
        parts.wrap(note, seen) if note else seen,
        *groups,
    )


def choose(run_id: str | None, inspector_id: str | None, beside: str | None = None) -> tuple[Any, ...]:
    """What is known already: findings kept in the run folder are shown at once. Offered is what fits the run's model."""
    return shown_of(run_id, inspector_id, beside)


def shown_of(
    run_id: str | None, inspector_id: str | None, beside: str | None = None, given: gr.Request | None = None
) -> tuple[Any, ...]:
    """The same; `given`, where the page's address says what to switch off."""
    ways = fitting(run_id)
    if inspector_id not in [way for _, way in ways]:
        inspector_id = ways[0][1] if ways else None
    groups = [
        gr.Accordion(visible=entry.id == inspector_id and bool(forms.properties(entry.params)))
        for entry in catalog.load().inspectors
    ]
    radio = gr.Radio(choices=ways, value=inspector_id)
    switch = _vectors.of_run(run_id, given) if _vectors.fits(run_id, inspector_id) else _vectors.hidden()
    seen = _columns({one: known_already(one, inspector_id) for one in _both(run_id, beside)})
    return radio, describe(inspector_id), seen, *groups, *switch


def _both(run_id: str | None, beside: str | None) -> list[str]:
    """The run, and the one beside it where that is another."""
    return list(dict.fromkeys([run_id or "", *([beside] if beside and run_id else [])]))


def _columns(seen: dict[str, str]) -> str:
    """What was seen in one run, or in two side by side, each under its name."""
    if len(seen) == 1:
        return next(iter(seen.values()))
    columns = "".join(f"<section>{_name(one)}{body}</section>" for one, body in seen.items())
    return f'<div class="lethe lethe-two">{columns}</div>'


def _name(run_id: str) -> str:
    run, _ = results_view.open_run(run_id)
    return parts.text(choices([run])[0][0] if run is not None else run_id[:60], "lead")


def fitting(run_id: str | None) -> list[tuple[str, str]]:
    """(title, id) of the inspectors that work with a run's model; all of them where there is no such run."""
    known = catalog.load().inspectors
    run = results_view.open_run(run_id)[0] if run_id else None
    family = families.of_run(run) if run is not None else None
    return [(entry.title, entry.id) for entry in known if family is None or entry.works_with.get(family) is True]


def known_already(run_id: str | None, inspector_id: str | None) -> str:
    """Kept findings, or what to do to get them."""
    if not run_id or not inspector_id:
        body = parts.text("No run has finished yet. Forget something first, then its model can be opened here.")
        return parts.card(
            "Nothing to look into yet", body + parts.link("Forget something", "./", button=True), empty=True
        )
    run, wrong = results_view.open_run(run_id)
    if run is None:
        return wrong
    if run.state.status != "done":
        words = f"This run is {run.state.status}, so it has no model to look into."
        return parts.card(
            "", parts.verdict(words, "unknown") + parts.link("Go to the run", f"./?run={run.id}", button=True)
        )
    entry: Inspector = catalog.load().get("inspectors", inspector_id)
    kept = found.read(run, inspector_id)
    if kept is not None:
        return answer(run, kept)
    usual = found.usual_seconds(inspector_id)
    takes = f" Last time it took about {theme.seconds(usual)}." if usual else ""
    return parts.card(
        entry.title,
        parts.text(f"Nobody has looked at this in this run yet. Press the button to do it.{takes}"),
        empty=True,
    )


def answer(run: RunFolder, result: dict[str, Any]) -> str:
    """Findings as HTML, and with what settings they were made."""
    given = ", ".join(
        f"{forms.label(name).lower()} {value}" for name, value in (result.get("params") or {}).items() if value != ""
    )
    made = f"Computed in {theme.seconds(result.get('seconds'))}{f', {given}' if given else ''}; kept in the run folder."
    return parts.wrap(view.found(result, run.path, f"{run.id}-"), parts.text(made, "quiet"))


def look(run_id: str | None, inspector_id: str | None, beside: str | None, *values: Any) -> Iterator[str]:
    """Ask the live process about a run, or two, and say truthfully how long that takes so far."""
    if not run_id or not inspector_id:
        yield known_already(run_id, inspector_id)
        return
    both = {one: results_view.open_run(one) for one in _both(run_id, beside)}
    try:
        given = chosen_params(inspector_id, values)
    except LetheError as error:
        yield parts.failed(str(error), now="Change the setting it names and press the button again.")
        return
    entry: Inspector = catalog.load().get("inspectors", inspector_id)
    usual = found.usual_seconds(inspector_id)
    asked = {one: Asked(one, inspector_id, given) for one, (run, _) in both.items() if run is not None}

    def seen(one: str, over: bool) -> str:
        run, wrong = both[one]
        if run is None:
            return wrong
        return _answered(run, asked[one]) if over else waiting(entry, asked[one].seconds, usual)

    over = dict.fromkeys(both, False)
    while not all(over.values()):
        over = {one: one not in asked or asked[one].wait(EVERY if not over[one] else 0) for one in both}
        yield _columns({one: seen(one, over[one]) for one in both})


def _answered(run: RunFolder, asked: "Asked") -> str:
    if asked.error is None:
        return answer(run, asked.result)
    now = "Choose other settings, or look at something else."
    return parts.failed(str(asked.error), "The run and everything else that was found in it are untouched.", now)


class Asked:
    """One question to the live process, asked in a thread: closing the page does not break it off, the findings are kept."""

    def __init__(self, run_id: str, inspector_id: str, given: dict[str, Any]) -> None:
        self.result: dict[str, Any] = {}
        self.error: LetheError | None = None
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._ask, args=(run_id, inspector_id, given), daemon=True)
        self._thread.start()

    def _ask(self, run_id: str, inspector_id: str, given: dict[str, Any]) -> None:
        try:
            self.result = LIVE.ask("inspect", run=run_id, inspector=inspector_id, params=given)
        except LetheError as error:
            self.error = error

    def wait(self, patience: float) -> bool:
        """Whether the answer came within that many seconds."""
        self._thread.join(patience)
        return not self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """Since it was asked."""
        return time.monotonic() - self._since


def waiting(entry: Inspector, so_far: float, usual: float | None) -> str:
    """The waiting state: what is done, since when, and what it took before."""
    before = (
        f"Last time it took about {theme.seconds(usual)}." if usual else "It has not been timed on this machine yet."
    )
    body = parts.text(
        f"The model before and the model after are opened and compared: {theme.seconds(so_far)} so far. {before}"
    )
    return parts.card(f"Looking: {entry.title}", body + '<div class="lethe-busy" aria-hidden="true"></div>', empty=True)


def chosen_params(inspector_id: str, values: tuple[Any, ...]) -> dict[str, Any]:
    """The values of the chosen inspector's own widgets, checked."""
    at = 0
    for entry in catalog.load().inspectors:
        count = len(forms.properties(entry.params))
        if entry.id == inspector_id:
            return forms.from_widgets(entry.title, entry.params, values[at : at + count])
        at += count
    return {}


if __name__ == "__main__":
    alone(build)
