"""Red team by hand, below the tests: a visitor asks the models of a run something and sees at once whether it gives back what was forgotten."""

from collections.abc import Iterator
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import families, markup, red_team, run_results
from app.inference import LIVE
from app.live_html import JS, Alive
from app.templating import render
from backends.api import tries
from backends.api.errors import BadInput, LetheError
from backends.api.languages import later, tr
from backends.api.panels import Role
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, mark_of, secret_and_mark
from pages.studio.run import _ask
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place

CLEAR: Final = JS + (
    "root.addEventListener('click', event => { if (event.target.closest('[data-clear]')) trigger('select', { clear: true }); });"
)
NOW: Final = later("Change what you ask and try again.")


def build(page: RunPage, tab: str, panels: Panels) -> None:
    """The part of the tab; `panels` are those in which "Try it here" is pressed."""
    with gr.Accordion(tr("Red team: try it by hand"), open=False, visible=False, elem_id="red-team") as fold:
        meaning = gr.HTML(elem_id="try-meaning", apply_default_css=False)
        with gr.Row(elem_classes="lethe-ask-line") as line:
            prompt = gr.Textbox(
                label=tr("Question or prompt"), placeholder=tr("Question or prompt"), container=False, max_lines=3, interactive=True,
                elem_id="try-prompt",
            )  # fmt: skip
            go = gr.Button(tr("Try"), variant="primary", elem_id="try-go")
        chips = _ask.Asks(elem_id="try-asks")
        with gr.Row(elem_classes="lethe-ask-answers"):
            with gr.Column(scale=0, min_width=280, visible=False, elem_id="try-pictures") as pictures:
                pad = _ask.Asks(elem_id="try-pad")
                upload = gr.UploadButton(tr("or upload one"), file_types=["image"], elem_id="try-upload")
            with gr.Column(scale=1, min_width=300):
                answers = Panels(elem_id="try-answers")
                tally = Alive(elem_id="try-tally", js=CLEAR, apply_default_css=False)
    picked = gr.State("")
    page.on_open(tab, opened, [fold, meaning, line, chips, pictures, pad, tally], queue=False)
    after, free = [page.secret, answers, tally], {"js": at_place(), "concurrency_limit": 4, **PRIVATE}
    gr.on([go.click, prompt.submit], attempt, page.inputs(page.secret, prompt), after, **free)
    for part in (chips, pad):
        part.select(attempt_pressed, page.inputs(page.secret), after, **free)
    upload.upload(attempt_upload, page.inputs(page.secret, upload), [upload, *after], **free)
    tally.select(clear, page.inputs(page.secret), [answers, tally], queue=False, js=at_place(), **PRIVATE)
    chosen = panels.select(pick, None, [fold, prompt, picked], queue=False, **PRIVATE)
    chosen.then(attempt_picked, page.inputs(page.secret, picked), after, **free)


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """The part as it begins for the run that the address names; it is not there where nothing can be tried."""
    run, _ = run_results.open_run(Place.read(at).run)
    if run is None or run.state.status != "done" or not red_team.available(run):
        return gr.Accordion(visible=False), "", gr.Row(), "", gr.Column(), "", ""
    view = families.view_of(run)
    return (
        gr.Accordion(visible=True),
        red_team.meaning(run),
        gr.Row(visible=view.promptable),
        _examples(run) if view.promptable else "",
        gr.Column(visible=view.pictured),
        _pad(run) if view.pictured else "",
        red_team.tally(tries.read(run, mark_of(secret))),
    )


def _examples(run: RunFolder) -> Markup:
    """A prompt of the forget set to begin with."""
    try:
        prompts: list[tuple[Role, str]] = [one for one in families.view_of(run).prompts(run.id) if one[0] == "forget"]
    except LetheError:
        return Markup()
    return render("pages.examples", prompts[:2]) if prompts else Markup()


def _pad(run: RunFolder) -> Markup:
    try:
        return families.view_of(run).pad(run.id)
    except LetheError as error:
        return markup.text(str(error), "quiet")


def attempt(at: str, secret: str, question: Any) -> Iterator[tuple[Any, ...]]:
    """One try: the browser's secret, the answers as they come, and the count once they are there. What cannot be asked is not counted."""
    secret, owner = secret_and_mark(secret)
    run, wrong = run_results.open_run(Place.read(at).run)
    if run is None:
        yield secret, wrong, gr.skip()
        return
    try:
        yield from ((secret, html, count) for html, count in _answers(run, owner, question))
    except LetheError as error:
        yield secret, markup.failed(str(error), now=NOW), gr.skip()


def _answers(run: RunFolder, owner: str, question: Any) -> Iterator[tuple[Markup, Any]]:
    if run.state.status != "done" or not red_team.available(run):
        raise BadInput(tr("Run {id} has no unlearned model that can be tried by hand.", id=run.id))
    if not isinstance(question, str) or not question.strip():
        pictured = families.view_of(run).pictured
        raise BadInput(
            tr("Choose, draw or upload a picture first.") if pictured else tr("Write a question or prompt first.")
        )
    seed = tries.read(run, owner).tries  # the same words again are drawn from other noise
    numbered = seed if families.view_of(run).numbered else None
    pieces: dict[str, Any] = {}
    for pieces in LIVE.stream("red_team", run=run.id, question=question, seed=seed):
        yield red_team.answers(run, question, pieces, numbered), gr.skip()
    back = {when: bool(pieces[when]["hit"]) for when in pieces["models"]}
    count = tries.add(run, owner, red_team.question_text(question), back)
    yield red_team.answers(run, question, pieces, numbered), red_team.tally(count)


def attempt_pressed(event: gr.EventData, at: str, secret: str) -> Iterator[tuple[Any, ...]]:
    """A try of what was pressed or drawn."""
    yield from attempt(at, secret, event._data.get("prompt"))


def attempt_upload(at: str, secret: str, path: str | None) -> Iterator[tuple[Any, ...]]:
    """A try of an uploaded picture; the upload's widget is emptied."""
    try:
        picture = _ask.uploaded_picture(Place.read(at).run, path)
    except LetheError as error:
        yield None, gr.skip(), markup.failed(str(error), now=tr("Upload another picture, or choose one.")), gr.skip()
        return
    for parts in attempt(at, secret, picture):
        yield None, *parts


def pick(event: gr.EventData) -> tuple[Any, ...]:
    """What an attack found and a visitor chose to try: words are put into the field, a picture is tried at once."""
    find = event._data.get("try")
    if not isinstance(find, str) or not find:  # another press in the panels
        return gr.skip(), gr.skip(), ""
    if find.startswith("data:"):
        return gr.Accordion(open=True), gr.skip(), find
    return gr.Accordion(open=True), find, ""


def attempt_picked(at: str, secret: str, picked: str) -> Iterator[tuple[Any, ...]]:
    """A try of a picture that an attack found."""
    yield from attempt(at, secret, picked) if picked else [(gr.skip(), gr.skip(), gr.skip())]


def clear(at: str, secret: str) -> tuple[Any, ...]:
    """Forget this visitor's tries on the run."""
    run, _ = run_results.open_run(Place.read(at).run)
    return "", red_team.tally(tries.clear(run, mark_of(secret)) if run is not None else tries.Tally())
