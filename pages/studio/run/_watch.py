"""A run on the page: glanced at once a second while it works, then its answer and where to go from here."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import gradio as gr
from markupsafe import Markup

from app import markup, permissions, run_card
from app.figures.training import loss_panel
from app.live_html import Alive
from app.view import Panels, panel
from backends.api import runs
from backends.api.errors import LetheError
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from pages.studio._shared import section
from pages.studio.run._page import PRIVATE, RunPage, at_place, of_run

EVERY = 1.0  # seconds between two looks


@dataclass
class Watch:
    """The parts of the page that show a run."""

    head: Alive
    answer: Alive
    phases: Alive
    links: Alive
    samples: Alive
    numbers: Alive
    curve: Panels
    cancel: gr.Button
    timer: gr.Timer
    mark: gr.HTML
    status: gr.HTML

    def outputs(self) -> list[Any]:
        """The parts that `look` updates, in its order."""
        return [
            self.head, self.answer, self.phases, self.links, self.samples, self.numbers, self.curve, self.cancel, self.timer,
            self.mark, self.status,
        ]  # fmt: skip

    def moving(self) -> list[Any]:
        """The parts that `glance` updates, in its order; no timer, state or hidden button, which cost the browser a walk through all parts."""
        return [self.head, self.phases, self.samples, self.curve, self.mark, self.status]


def make() -> Watch:
    """The parts, still empty. What was watched stays where it stood when the job ends: below the verdict, above the numbers."""
    with gr.Row(elem_classes="lethe-run-top"):
        head = Alive(elem_id="run_head")
        links = Alive(elem_id="run_links")
        cancel = gr.Button("Cancel", elem_id="cancel", visible=False, scale=0, min_width=120)
    answer = Alive(elem_id="run_answer")
    phases = Alive(elem_id="run_phases")
    section("While it forgot")
    samples = Alive(elem_id="run_samples")
    numbers = Alive(elem_id="run_numbers")
    curve = Panels(elem_id="run_curve")
    mark, status = (gr.HTML("", elem_classes="no-room") for _ in range(2))
    timer = gr.Timer(EVERY, active=False)
    return Watch(head, answer, phases, links, samples, numbers, curve, cancel, timer, mark, status)


def wire(watch: Watch, page: RunPage, on_open: Any) -> None:
    """Glance once a second; look at everything when the status changes."""
    quiet: dict[str, Any] = {"queue": False, "js": at_place(), **PRIVATE}
    both = page.inputs(page.secret)
    opened = of_run(look)
    on_open("see", opened, watch.outputs(), queue=False)
    watch.timer.tick(of_run(glance), page.inputs(watch.mark), watch.moving(), **quiet)
    watch.status.change(opened, both, watch.outputs(), **quiet)
    watch.cancel.click(of_run(cancel), both, None, **quiet).then(opened, both, watch.outputs(), **quiet)


def glance(run_id: str, previous_mark: str) -> list[Any]:
    """Updates of the parts that change while the run works; pieces that did not change since the last glance stay as they are."""
    try:
        run = runs.find(run_id)
        status, events, mark = run.state.status, run.events(), _mark(run)
        head, phases = run_card.headline(run, events), run_card.phases_html(run, events)
        if mark == previous_mark:
            return [head, phases, gr.skip(), gr.skip(), gr.skip(), gr.skip()]
        return [head, phases, run_card.samples(run), _curve(events), mark, f"{run.id} {status}"]
    except LetheError:
        return [gr.skip()] * 5 + ["gone"]


def look(run_id: str, secret: str = "") -> list[Any]:
    """Updates of all parts of the page that show the run."""
    if not run_id:
        return [gr.skip()] * 8 + [gr.Timer(active=False), gr.skip(), gr.skip()]
    try:
        run = runs.find(run_id)
        return _updates(run, secret)
    except LetheError as error:
        message = run_card.missing(run_id, str(error))
        empty = ["", "", ""]
        return ["", message, "", links_home(), *empty, gr.Button(visible=False), gr.Timer(active=False), "", "gone"]


def _updates(run: RunFolder, secret: str) -> list[Any]:
    status, events, mark = run.state.status, run.events(), _mark(run)
    over = status in ENDED
    may_stop = not over and status != "cancelling" and permissions.may_change(run, secret)
    return [
        run_card.headline(run, events),
        (run_card.answer(run) if status == "done" else run_card.ended(run)) if over else "",
        run_card.phases_html(run, events),
        links(run) if over else "",
        run_card.samples(run),
        run_card.numbers(run) if status == "done" else "",
        _curve(events),
        gr.Button(visible=may_stop),
        gr.Timer(active=not over),
        mark,
        f"{run.id} {status}",
    ]


def _mark(run: RunFolder) -> str:
    """A text that changes whenever there is more to see of the run."""
    return f"{run.id} {run.state.status} {len(run.events())} {len(list((run.path / 'samples').glob('*.json')))}"


def _curve(events: list[dict[str, Any]]) -> Markup:
    loss = loss_panel(events)
    return panel(loss, key="loss") if loss else Markup()


def links_home() -> Markup:
    """Back to the settings."""
    return markup.styled(markup.row(markup.link("Forget something", "new", button=True)))


def links(run: RunFolder) -> Markup:
    """Links from an ended run to other pages: at most one main way."""
    name = quote(run.id)
    if run.state.status == "done":
        ways = [
            markup.link("Look inside", markup.run_address(run.id, "inside"), button=True),
            markup.link("Forget something else", "new", button=True, quiet=True),
        ]
    else:
        ways = [
            markup.link("Back to its settings", f"new?clone={name}", button=True),
            markup.link("All runs", "runs", button=True, quiet=True),
        ]
    return markup.styled(markup.row(*ways))


def cancel(run_id: str, secret: str) -> None:
    """Ask for the run to stop, where it is one's own."""
    try:
        permissions.for_change(run_id, secret).cancel()
    except LetheError as error:
        gr.Warning(str(error))
