"""A run on the page: looked at once a second while it works, then its answer and where to go from here."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gradio as gr

from app import owners, parts, progress
from app.alive import Alive
from app.figures.training import loss_panel
from app.view import Panels, panel
from backends.api import runs
from backends.api.errors import LetheError
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

EVERY = 1.0  # seconds between two looks


@dataclass
class Watch:
    """The parts of the page that show a run."""

    head: Alive
    answer: Alive
    phases: Alive
    samples: Alive
    curve: Panels
    cancel: gr.Button
    links: Alive
    timer: gr.Timer
    seen: gr.State

    def outputs(self) -> list[Any]:
        """What `look` answers, in its order."""
        return [
            self.head, self.answer, self.phases, self.samples, self.curve, self.cancel, self.links, self.timer, self.seen,
        ]  # fmt: skip


def make() -> Watch:
    """The parts, still empty."""
    with gr.Row(elem_classes="lethe-run-top"):
        head = Alive(elem_id="run_head")
        cancel = gr.Button("Cancel", elem_id="cancel", visible=False, scale=0, min_width=120)
    answer = Alive(elem_id="run_answer")
    links = Alive(elem_id="run_links")
    phases = Alive(elem_id="run_phases")
    samples = Alive(elem_id="run_samples")
    curve = Panels(elem_id="run_curve")
    return Watch(head, answer, phases, samples, curve, cancel, links, gr.Timer(EVERY, active=False), gr.State(None))


def look(run_id: str, seen: Any, secret: str = "") -> list[Any]:
    """What the run shows now; pieces that did not change since the last look are left as they are."""
    if not run_id:
        return [gr.skip()] * 7 + [gr.Timer(active=False), None]
    try:
        run = runs.find(run_id)
        return _shown(run, seen, secret)
    except LetheError as error:
        gone = progress.missing(run_id, str(error))
        return ["", gone, "", "", "", gr.Button(visible=False), links_home(), gr.Timer(active=False), None]


def _shown(run: RunFolder, seen: Any, secret: str) -> list[Any]:
    status = run.state.status
    over = status in ENDED
    events = run.events()
    mark = (run.id, status, len(events), len(list((run.path / "samples").glob("*.json"))))
    fresh = not isinstance(seen, (list, tuple)) or tuple(seen) != mark
    may_stop = not over and status != "cancelling" and owners.may_change(run, secret)
    if not fresh and over:
        return [gr.skip()] * 7 + [gr.Timer(active=False), mark]
    loss = loss_panel(events)
    return [
        progress.headline(run, events),
        (progress.answer(run) if status == "done" else progress.ended(run)) if over else "",
        progress.phases_html(run, events),
        progress.samples(run) if fresh else gr.skip(),
        (panel(loss, key="loss") if loss else "") if fresh else gr.skip(),
        gr.Button(visible=may_stop),
        links(run) if over else "",
        gr.Timer(active=not over),
        mark,
    ]


def links_home() -> str:
    """Back to the settings."""
    return f'<div class="lethe">{parts.row(parts.link("Forget something", "?new=1", button=True))}</div>'


def links(run: RunFolder) -> str:
    """Where to go from an ended run: at most one main way."""
    name = quote(run.id)
    if run.state.status == "done":
        ways = [
            parts.link("Compare before and after", f"compare?run={name}", button=True),
            parts.link("Look inside", f"look-inside?run={name}", button=True, quiet=True),
            parts.link("Forget something else", "?new=1", button=True, quiet=True),
        ]
    else:
        ways = [
            parts.link("Back to its settings", f"?clone={name}", button=True),
            parts.link("All runs", "runs", button=True, quiet=True),
        ]
    return f'<div class="lethe">{parts.row(*ways)}</div>'


def cancel(run_id: str, secret: str) -> None:
    """Ask for the run to stop, where it is one's own."""
    try:
        owners.for_change(run_id, secret).cancel()
    except LetheError as error:
        gr.Warning(str(error))
