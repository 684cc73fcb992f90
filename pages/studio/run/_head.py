"""The head of a run's page: what was forgotten in which model, how, the three marks, and where to go with it. It holds for all tabs."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import families, marks, markup, permissions, run_card, signing, slices, theme
from app.live_html import Alive
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import catalog, hub, learned, runs, stage_words
from backends.api.errors import LetheError
from backends.api.languages import later, tr
from backends.api.runs import RunFolder
from backends.api.spec import ENDED
from pages.studio._shared import choices, mark_of
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

EVERY = 1.0  # seconds between two looks at a run that works
LISTED = 60  # runs that can be chosen from
ALIKE, MODEL, OTHER = (
    later("Same model and target"),
    later("Same model, another target"),
    later("Other models: their numbers do not compare"),
)
CHANGED = "s => {const was = window.letheRun; window.letheRun = s; if (was && s && was !== s) window.letheOpenTab(true); return [s];}"


def build(page: RunPage) -> None:
    """The head, above the tabs; while the run works it looks again once a second, and the tabs are filled in again when it ends."""
    with gr.Row(elem_classes="lethe-run-top"):
        title = Alive(elem_id="run-title")
        cancel = gr.Button(tr("Cancel"), elem_id="cancel", visible=False, scale=0, min_width=120)
    strip = page.marks = Alive(elem_id="run-marks")
    if hub.offered():
        _sending(page)
    page.timer = gr.Timer(EVERY, active=False)
    page.status = gr.HTML("", elem_classes="no-room")
    parts = [title, strip, cancel, page.timer, page.status]
    quiet: dict[str, Any] = {"queue": False, **PRIVATE}
    inputs = page.inputs(page.secret)
    assert Context.root_block is not None
    Context.root_block.load(look, inputs, parts, js=at_place(), **quiet)
    if slices.LENDER.offered:
        Context.root_block.load(
            of_run(slices.lend), inputs, None, js=at_place(), concurrency_limit=slices.WORKERS, **PRIVATE
        )
    page.timer.tick(of_run(glance), page.inputs(), [strip, page.status], js=at_place(), **quiet)
    page.status.change(None, [page.status], None, js=CHANGED, **PRIVATE)
    page.status.change(look, inputs, parts, js=at_place(), **quiet)
    cancel.click(of_run(stop), inputs, None, js=at_place(), **quiet).then(look, inputs, parts, js=at_place(), **quiet)


def _sending(page: RunPage) -> None:
    """What sends the run to a repository of the account that is signed in."""
    with gr.Accordion(tr("Send to my repository on the Hub"), open=False, elem_id="sending"):
        name = gr.Textbox(
            "",
            label=tr("Repository"),
            info=tr("Its name in your account; a private one is made where there is none."),
            max_length=96,
        )
        what = gr.Radio([(tr(words), what) for words, what in signing.WHAT], value=signing.CARD, label=tr("What"))
        button = gr.Button(tr("Send"), elem_id="send", scale=0, min_width=120)
        said = Alive(elem_id="sent")
    inputs = page.inputs(page.secret, name, what)
    button.click(send, inputs, [said], js=at_place(("", "", "")), concurrency_limit=2, **PRIVATE)


def send(
    at: str, secret: str, name: str, what: str, profile: gr.OAuthProfile | None, token: gr.OAuthToken | None
) -> Markup:
    """Send the run that the address names; see `signing.send`."""
    return signing.send(Place.read(at).run, secret, name, what, profile, token)


def look(at: str, secret: str = "") -> list[Any]:
    """Everything in the head: title, marks or phases, the button that cancels, the clock, the status."""
    place = Place.read(at)
    if not place.run:
        return [_none(secret), "", gr.Button(visible=False), gr.Timer(active=False), ""]
    if families.of_model(place.run) is not None:
        return [as_it_came(place.run), "", gr.Button(visible=False), gr.Timer(active=False), ""]
    try:
        run = runs.find(place.run)
        status = run.state.status
        over = status in ENDED
        may_stop = not over and status != "cancelling" and permissions.may_change(run, secret)
        head = title(run, place, secret)
        return [head, below(run), gr.Button(visible=may_stop), gr.Timer(active=not over), f"{run.id} {status}"]
    except LetheError as error:
        missing = run_card.missing(place.run, str(error)) + markup.styled(
            markup.link(tr("All runs"), "runs", button=True)
        )
        return [missing, "", gr.Button(visible=False), gr.Timer(active=False), "gone"]


def as_it_came(model: str) -> Markup:
    """The title of a model that nobody made forget anything."""
    return markup.styled(
        markup.text(tr("{title} · as it came", title=catalog.load().get("models", model).title), "lead")
    )


def glance(run_id: str) -> list[Any]:
    """What stands in the place of the marks, and the status."""
    try:
        run = runs.find(run_id)
        return [below(run), f"{run.id} {run.state.status}"]
    except LetheError:
        return [gr.skip(), "gone"]


def below(run: RunFolder) -> Markup:
    """The marks of a finished run; until then, in their place, its phases with their progress; of one that ended otherwise, why."""
    status, events = run.state.status, run.events()
    if status == "done":
        return marks.row(run)
    if status in ENDED:
        return run_card.ended(run)
    first, counted = marks.first(run)
    if first:
        return render(
            "run_head.first_marks", first, run_card.tag(status), counted, run_card.state_sentence(run, events)
        )
    return render(
        "run_head.working",
        run_card.tag(status),
        run_card.state_sentence(run, events),
        run_card.phases_html(run, events),
    )


def title(run: RunFolder, place: Place, secret: str) -> Markup:
    """The title, the actions, and the choice of another run and of a second one beside it."""
    spec, status = run.spec, run.state.status
    listed = comparable(
        run, [one for one in runs.visible(mark_of(secret), place.run, place.beside) if one.id != run.id]
    )
    return render(
        "run_head.title",
        model=run_card.title_of("models", spec.model),
        pattern=stage_words.of_run(run).pattern(status),
        target=targets_in_words(spec.forget, families.of_run(run)),
        about=about(run),
        run=run.id,
        beside=place.beside,
        done=status == "done",
        repair=status == "done" and learned.teaches(spec.method),
        runs=listed,
        second=[(group, [one for one in each if one[2] or one[1] == place.beside]) for group, each in listed],
    )


def about(run: RunFolder) -> str:
    """How it was made: by which method, in what time, from which seed and after which other run."""
    spec = run.spec
    parts = [tr("by {method}", method=run_card.title_of("methods", spec.method))]
    if run.result is not None:
        parts.append(theme.seconds(run.result.get("seconds")))
    parts.append(tr("seed {seed}", seed=spec.seed))
    if spec.after:
        parts.append(tr("after {earlier}", earlier=run_card.earlier(spec)))
    return " · ".join(parts)


def comparable(run: RunFolder, others: Sequence[RunFolder]) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Other runs by how well their numbers compare with those of a run: (group, [(name, id, whether it is done)]), the best first."""

    def group(one: RunFolder) -> int:
        if (one.spec.model, one.spec.data) != (run.spec.model, run.spec.data):
            return 2
        return 0 if set(one.spec.forget) == set(run.spec.forget) else 1

    ordered = sorted(others, key=group)[:LISTED]
    names = dict((run_id, name) for name, run_id in choices(ordered))
    return [
        ((ALIKE, MODEL, OTHER)[number], [(names[one.id], one.id, one.state.status == "done") for one in each])
        for number, each in groupby(ordered, key=group)
    ]


def _none(secret: str) -> Markup:
    """The page of an address that names no run: finished ones to choose from."""
    finished = [run for run in runs.visible(mark_of(secret)) if run.state.status == "done"][:12]
    links = [markup.link(name, markup.run_address(run_id)) for name, run_id in choices(finished)]
    body = render("pages.list", links) if links else markup.text(tr("No run has finished yet."))
    start = markup.link(tr("New run"), "new", button=True)
    return markup.styled(markup.section(tr("Choose a run"), 1) + markup.card(tr("Choose a run"), body + start))


def stop(run_id: str, secret: str) -> None:
    """Ask for the run to stop, where it is one's own; where it ended at this moment, or is gone, the look that follows says so."""
    with suppress(LetheError):
        permissions.for_change(run_id, secret).cancel()
