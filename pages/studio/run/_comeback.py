"""Does it come back?: one button that attacks the run, each test as it is done, the picture of the comeback, and what the court says."""

import json
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import comeback, marks, markup, next_tests, run_results, theme
from app.looks import LOOKS, Look
from backends.api import catalog, retrained
from backends.api import findings as found
from backends.api.errors import Busy, LetheError
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, mark_of, secret_and_mark
from pages.studio.run import _looking, _next_tests, _red_team
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

TAB = "back"
EVERY = 1.0  # seconds between two questions how the tests stand
QUICK, DEEP = (one.id for one in catalog.TESTS)


def build(page: RunPage) -> None:
    """The tab."""
    with gr.Row(elem_classes="lethe-back-ways"):
        note = gr.HTML(elem_id="back-note", apply_default_css=False)
        quick = gr.Button(tr("Test it"), variant="primary", elem_id="back-go", scale=0, min_width=150, visible=False)
        deep = gr.Button(tr("All tests"), elem_id="back-deep", scale=0, min_width=130, visible=False)
    bar = _looking.Bar(elem_id="back-bar", apply_default_css=False)
    steps = _next_tests.Steps()
    panels = Panels(elem_id="run-back", min_height=420, script=comeback.SCRIPT)
    _red_team.build(page, TAB, panels)
    mark, clock = gr.State(""), gr.Timer(EVERY, active=False)
    stand = [note, quick, deep, bar, panels, mark, clock]
    opening = page.on_open(TAB, opened, stand, queue=False)
    asked: dict[str, Any] = {"js": at_place(), "concurrency_limit": 4, **PRIVATE}
    begun = [
        quick.click(ask_quick, page.inputs(page.secret), [page.secret, *stand], **asked),
        deep.click(ask_deep, page.inputs(page.secret), [page.secret, *stand], **asked),
        steps.select(ask_set, page.inputs(page.secret), [page.secret, *stand], **asked),
    ]
    poll: dict[str, Any] = {"queue": False, "js": at_place(), **PRIVATE}
    ticked = clock.tick(look_again, page.inputs(page.secret, mark), stand, **poll)
    ticked.then(of_run(marks_now), page.inputs(page.secret), page.marks, **poll)
    ended = bar.select(cancel, page.inputs(page.secret, mark), stand, trigger_mode="multiple", **poll)
    for event in (opening, *begun, ticked, ended):
        event.then(steps_now, page.inputs(page.secret), steps, **poll)


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """What was tested in the run that the address names."""
    run, wrong = run_results.open_run(Place.read(at).run)
    hidden = gr.Button(visible=False)
    if run is None:
        return "", hidden, hidden, "", wrong, "", gr.Timer(active=False)
    if run.state.status != "done":
        words = markup.text(tr("There is no unlearned model before the run is done."))
        return "", hidden, hidden, "", markup.card(tr("Not tested yet"), words, empty=True), "", gr.Timer(active=False)
    return standing(run, mark_of(secret))


def standing(run: RunFolder, owner: str, mark: str | None = None, wrong: str = "") -> tuple[Any, ...]:
    """The sentence beside the buttons, the buttons, the bar of this browser's looks, the tests, their mark and the clock; what `mark`
    names is not sent again."""
    testing = _testing(run, owner)
    now = json.dumps([run.id, [one.entry.id for one in comeback.attacks_on(run, owner)], testing and testing.state])
    body: Any = gr.skip()
    if now != mark or wrong:
        html = comeback.html(run, owner, testing)
        body = markup.wrap(markup.failed(wrong), html) if wrong else html
        if testing is not None and not testing.pending:
            testing.viewed = True
    pending = testing is not None and testing.pending
    fits = bool(comeback.fitting(run))
    goes_on = any(one.pending and one.announced for one in LOOKS.owned(owner)) if owner else False
    return (
        _note(run, pending),
        gr.Button(visible=fits and not pending and not comeback.quick_done(run, owner)),
        gr.Button(visible=fits and not pending and not comeback.all_done(run, owner, testing)),
        _looking.bar(owner, run.id, pressed=True),
        body,
        now,
        gr.Timer(active=pending or goes_on),
    )


def _testing(run: RunFolder, owner: str) -> Look | None:
    """The newest set of tests on a run, as far as it concerns an owner."""
    both = [one for one in (LOOKS.of(run.id, name, owner) for name in (QUICK, DEEP)) if one is not None]
    return max(both, key=lambda one: one.number, default=None)


def _note(run: RunFolder, pending: bool) -> Markup:
    """How long a test takes, as far as it is known; nothing while one is made, for the bar below tells that."""
    if pending:
        return Markup()
    usual = [found.usual_seconds(entry.id, "attack", run.spec.model) for entry in comeback.fitting(run) if entry.quick]
    known = [one for one in usual if one is not None]
    takes = (
        tr(" About {known}.", known=theme.seconds(sum(known)))
        if known and len(known) == len(usual)
        else tr(" About a minute.")
    )
    reference = retrained.of_run(run) is not None
    models = (
        tr("original, the unlearned and the retrained model") if reference else tr("original and the unlearned model")
    )
    return markup.styled(
        markup.text(tr("The {models} are attacked in the same way.{takes}", models=models, takes=takes), "quiet")
    )


def ask_quick(at: str, secret: str) -> tuple[Any, ...]:
    """Ask for the quick tests."""
    return _ask(at, secret, QUICK)


def ask_deep(at: str, secret: str) -> tuple[Any, ...]:
    """Ask for all tests."""
    return _ask(at, secret, DEEP)


def ask_set(event: gr.EventData, at: str, secret: str) -> tuple[Any, ...]:
    """Ask for the set of tests that is to be gone on with, or made again."""
    return _ask(at, secret, DEEP if event._data.get("set") == "deep" else QUICK)


def steps_now(at: str, secret: str) -> Markup:
    """What is left to do on the run that the address names."""
    run, _ = run_results.open_run(Place.read(at).run)
    if run is None or run.state.status != "done":
        return Markup()
    owner = mark_of(secret)
    return next_tests.html(run, owner, _testing(run, owner))


def _ask(at: str, secret: str, which: str) -> tuple[Any, ...]:
    secret, owner = secret_and_mark(secret)
    run, _ = run_results.open_run(Place.read(at).run)
    if run is None or run.state.status != "done":
        return secret, *opened(at, secret)
    try:
        LOOKS.ask(run.id, which, {}, owner)
    except (Busy, LetheError) as error:
        return secret, *standing(run, owner, wrong=str(error))
    return secret, *standing(run, owner)


def look_again(at: str, secret: str, mark: str) -> tuple[Any, ...]:
    """The parts of `standing` that changed since `mark`."""
    run, _ = run_results.open_run(Place.read(at).run)
    return opened(at, secret) if run is None or run.state.status != "done" else standing(run, mark_of(secret), mark)


def marks_now(run_id: str, secret: str) -> Any:
    """The three marks, of which the third is made of these tests; it stays as it is until they have ended."""
    run, _ = run_results.open_run(run_id)
    if run is None or run.state.status != "done":
        return gr.skip()
    testing = _testing(run, mark_of(secret))
    return gr.skip() if testing is not None and testing.pending else marks.row(run)


def cancel(event: gr.EventData, at: str, secret: str, mark: str) -> tuple[Any, ...]:
    """End a look that was asked for from this browser; the tests that are done stay."""
    number = str(event._data.get("look", ""))
    if secret and number.isdigit():
        LOOKS.cancel(int(number), mark_of(secret))
    return look_again(at, secret, mark)
