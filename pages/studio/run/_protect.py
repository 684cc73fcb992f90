"""Protect your own pictures, below what models are asked: a picture or a zip goes up, and comes back with what a run made to protect images."""

import base64
import uuid
from pathlib import Path
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import markup, run_results, uploads
from app.inference import LIVE
from app.templating import render
from backends.api import run_outputs
from backends.api.errors import BadInput, LetheError
from backends.api.languages import plural, tr
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place

PIXELS: Final = 8_000_000  # of all pictures: what comes back has to fit a page
NAME: Final = "protected.zip"


def build(page: RunPage, tab: str) -> None:
    """The part of the tab."""
    with gr.Accordion(tr("Protect your own pictures"), open=False, visible=False, elem_id="protect") as fold:
        meaning = gr.HTML(elem_id="protect-meaning", apply_default_css=False)
        upload = gr.UploadButton(
            tr("Upload a picture or a zip"), file_types=["image", ".zip"], elem_id="protect-upload"
        )
        result = gr.HTML(elem_id="protect-result", apply_default_css=False)
    page.on_open(tab, opened, [fold, meaning, result], queue=False)
    upload.upload(answer, page.inputs(upload), [upload, result], js=at_place(), concurrency_limit=2, **PRIVATE)


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """The part as it begins; it is not there for a run that made nothing of the kind."""
    run, _ = run_results.open_run(Place.read(at).run)
    if run is None or run.state.status != "done" or not run_outputs.protects(run.path):
        return gr.Accordion(visible=False), "", ""
    meaning = tr(
        "Each picture gets what this run made for the images most alike to it, at the size that it has, and comes back as a PNG in a zip. The studio keeps none of them."
    )
    return gr.Accordion(visible=True), markup.text(meaning, "quiet"), ""


def answer(at: str, path: str | None) -> tuple[None, Markup]:
    """The widget's new value, and the link to the zip or why there is none. The upload goes soon after."""
    try:
        content, count = _protected(Place.read(at).run, path)
    except LetheError as error:
        return None, markup.failed(str(error), now=tr("Upload another picture or zip."))
    except OSError:
        return None, markup.failed(tr("The upload is no longer here; upload it again."), now="")
    address = f"data:application/zip;base64,{base64.b64encode(content).decode()}"
    sentence = plural("{count} picture is protected.", "{count} pictures are protected.", count)
    return None, markup.row(markup.text(sentence), render("number_table.download", NAME, address))


def _protected(run_id: str, path: str | None) -> tuple[bytes, int]:
    folder = uploads.folder().resolve()
    if not isinstance(path, str) or not path or not Path(path).resolve().is_relative_to(folder):
        raise BadInput(tr("No picture was uploaded; choose a file with one."))
    to = folder / f"{uuid.uuid4().hex}.zip"
    try:
        names = LIVE.ask("protect", run=run_id, source=path, to=str(to), pixels=PIXELS)["files"]
        return to.read_bytes(), len(names)
    finally:
        to.unlink(missing_ok=True)
        uploads.done_with(Path(path))
