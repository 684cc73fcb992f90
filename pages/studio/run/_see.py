"""See: what the original, the unlearned and the retrained model make of the same items, under one slider, and the headline numbers."""

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import board, bullets, families, markup, run_card, run_results, view
from app.figures import training
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import runs
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, find_run
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

TAB = "see"
NAMES = (later("first run"), later("second run"))
UNLIKE = later(
    "These two runs changed different models or forgot different things, so their numbers do not compare one to one."
)


def build(page: RunPage) -> None:
    """The tab: the same parts in the same places while the run works and after it."""
    with gr.Row(elem_classes="lethe-see"):
        boards = board.Boards(elem_id="run-board", min_height=420)
        side = Panels(elem_id="run-side", min_height=320)
    more = Panels(elem_id="run-more")
    answer = board.Dosed()
    seen = gr.HTML("", elem_classes="no-room")
    page.on_open(TAB, opened, [boards, side, more, seen], concurrency_limit=8)
    quiet: dict[str, Any] = {"js": at_place(), "queue": False, **PRIVATE}
    page.timer.tick(of_run(glance), page.inputs(seen), [boards, side, seen], **quiet)
    boards.dose(ask, page.inputs(), [answer], js=at_place(), trigger_mode="multiple", concurrency_limit=4, **PRIVATE)


def opened(at: str, secret: str = "") -> Iterator[tuple[Any, ...]]:
    """What the tab shows of the run that the address names: at once what is in its folder, then what its reference answers."""
    place = Place.read(at)
    run, _ = find_run(place.run) if place.run else (None, "")
    if run is None:  # the head says so
        yield "", "", "", ""
        return
    second, wrong = find_run(place.beside) if place.beside else (None, "")
    note = markup.text(wrong, "says") if wrong else Markup()
    if second is not None and second.state.status != "done":
        note, second = markup.text(tr("The second run is not done, so it is not shown yet."), "says"), None
    if run.state.status != "done":
        yield board.board(run, board.Reference(note=WORKING)) or _waiting(run), _curve(run), "", _mark(run)
        return
    note += markup.text(UNLIKE, "says") if second is not None and not _alike(run, second) else ""
    both = [run] if second is None else [run, second]
    numbers = bullets.html(run, second, NAMES)
    asked = [_unasked(one) for one in both]
    if second is not None and _alike(run, second):
        asked[1] = board.Reference(note=tr("The retrained reference is that of the first run."))
    yield note + _boards(both, asked), numbers, "", _mark(run)
    answered = [_answered(one, reference) for one, reference in zip(both, asked, strict=True)]
    yield note + _boards(both, answered), numbers, _closer(both), _mark(run)


def first(run: RunFolder) -> tuple[Markup, Markup]:
    """The board and the headline numbers of a finished run as they are before anything is asked."""
    return _boards([run], [_unasked(run)]), bullets.html(run, None, NAMES)


def reference(run: RunFolder) -> board.Reference:
    """The row of the retrained reference of a finished run with what it answers, or why it has none."""
    return _answered(run, _unasked(run))


def _unasked(run: RunFolder) -> board.Reference:
    """The row of the retrained reference before it is asked, or why there is none."""
    return board.Reference() if (run.result or {}).get("reference") else board.Reference(note=_no_reference(run))


WORKING = later("Where there is a retrained reference, it joins when the run is done.")


def _boards(each: list[RunFolder], references: list[board.Reference]) -> Markup:
    words = (
        [""]
        if len(each) == 1
        else [
            f"{name[:1].upper()}{name[1:]}: {run_card.title_of('methods', run.spec.method)}"
            for name, run in zip(NAMES, each, strict=True)
        ]
    )
    keys = ("", "2")
    drawn = [
        board.board(run, reference, words=text, key=key, doses=True)
        for run, reference, text, key in zip(each, references, words, keys, strict=False)
    ]
    return markup.join(one or markup.nothing(tr("This run kept no samples.")) for one in drawn)


def _alike(one: RunFolder, other: RunFolder) -> bool:
    keys = [(run.result or {}).get("forget_key") for run in (one, other)]
    return keys[0] == keys[1] and one.spec.model == other.spec.model


def _no_reference(run: RunFolder) -> str:
    return tr(
        "No model was retrained without {forget}, so there is no third model here.",
        forget=targets_in_words(run.spec.forget, families.of_run(run)),
    )


def _answered(run: RunFolder, reference: board.Reference) -> board.Reference:
    """The row of the reference with what it answers, or why it has none."""
    if reference.note:
        return reference
    samples = run.samples()
    try:
        items = families.view_of(run).reference(run, samples[0]["items"]) if samples else []
    except LetheError as error:
        return board.Reference(note=tr("The retrained reference could not be asked: {error}", error=error))
    return board.Reference(items) if items else board.Reference(note=_no_reference(run))


def _waiting(run: RunFolder) -> Markup:
    words = (
        tr("The first pictures and answers appear here as soon as the model is open.")
        if run.state.status != "failed"
        else tr("It ended before anything could be seen.")
    )
    return render("board.waiting", tr("Before and after"), words)


def _mark(run: RunFolder) -> str:
    """A text that changes whenever there is more to see of a run."""
    return f"{run.id} {run.state.status} {len(run.events())} {len(list((run.path / 'samples').glob('*.json')))}"


def glance(run_id: str, previous_mark: str) -> list[Any]:
    """What is new since the last look at a run that works; nothing of one that ended, which is looked at as a whole."""
    try:
        run = runs.find(run_id)
        mark = _mark(run)
        if mark == previous_mark or run.state.status == "done":
            return [gr.skip(), gr.skip(), gr.skip()]
        return [board.board(run, board.Reference(note=WORKING)) or gr.skip(), _curve(run), mark]
    except LetheError:
        return [gr.skip(), gr.skip(), gr.skip()]


def _curve(run: RunFolder) -> Markup:
    loss = training.loss_panel(run.events())
    return view.panel(loss, key="loss") if loss else Markup()


def _closer(each: list[RunFolder]) -> Markup:
    if len(each) == 1:
        return closer(each[0])
    return markup.two_columns(closer(run, name) for run, name in zip(each, NAMES, strict=True))


def closer(run: RunFolder, name: str = "") -> Markup:
    """A closer look, folded: every pair, bars by class, curves over the steps. What did not change is not drawn."""
    family = families.view_of(run)
    *_, (outputs, _) = family.outputs(run)
    same = run_results.unchanged(run)
    bars = view.panels(run_results.part_panels(run), run.path) + (markup.text(same, "quiet") if same else "")
    fading = training.fading_panel(run.samples(), family.watching)
    curve = view.panel(fading, run.path, key=f"fading-{run.id}") if fading else Markup()
    folds = [
        (family.closer, outputs),
        (tr("Part by part"), bars),
        (tr("The {watched}, step by step", watched=family.watched), curve),
        (tr("Losses"), _curve(run)),
    ]
    return markup.card(
        tr("A closer look: {name}", name=name) if name else "",
        markup.join(markup.fold(title, body) for title, body in folds if body),
    )


def ask(at: str, event: gr.EventData) -> str:
    """What the board's items become at a dose, as JSON; a run that is not on the page is not asked."""
    place, asked = Place.read(at), event._data
    try:
        run_id, dose = str(asked.get("run", "")), asked.get("alpha")
        if run_id not in (place.run, place.beside) or not run_id:
            raise BadInput(tr("This run is not on the page; open its own."))
        if not isinstance(dose, (int, float)) or isinstance(dose, bool) or float(dose) not in board.DOSES:
            raise BadInput(
                tr("There is no such dose; there are {names}.", names=", ".join(f"{one:g}" for one in board.DOSES))
            )
        run = runs.find(run_id)
        return board.dosed(run, float(dose), families.watched(run.id, float(dose)))
    except LetheError as error:
        return json.dumps({"run": str(asked.get("run", "")), "alpha": asked.get("alpha"), "wrong": str(error)})
