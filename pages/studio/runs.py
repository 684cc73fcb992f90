"""Runs: the queue and the history. It looks again by itself; what it shows are the run folders, so it survives everything."""

from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import markup, permissions
from app.notes import error_line
from app.run_list import AT_ONCE, RunList, listed
from backends.api import engine, runs
from backends.api.errors import LetheError
from backends.api.languages import later, tr
from pages.studio._shared import identity, mark_of, nav, secret_and_mark

TITLE, PATH, ORDER = later("Runs"), "runs", 20
EVERY = 2.0  # seconds between two looks

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build() -> None:
    """The page."""
    nav(tr("Runs"), tr("What waits, what works and what has ended. A run goes on while this page is closed."))
    secret, most, seen = identity(), gr.State(AT_ONCE), gr.State("")
    refused = gr.HTML(elem_id="runs-refused", apply_default_css=False)
    working = RunList(elem_id="runs-open", apply_default_css=False)
    ended = RunList(elem_id="runs", apply_default_css=False)
    timer = gr.Timer(EVERY)
    assert Context.root_block is not None
    parts = [working, ended, seen]
    Context.root_block.load(arrive, [secret], [secret, *parts], **QUIET)
    timer.tick(show, [secret, most, seen], parts, **QUIET)
    gr.on([working.select, ended.select], act, [secret, most], [most, refused, *parts], **QUIET)


def arrive(secret: str) -> list[Any]:
    """Know the browser again, or for the first time, and show its runs."""
    browser_secret, _ = secret_and_mark(secret)
    return [browser_secret, *show(browser_secret)]


def show(secret: str, most: int = AT_ONCE, seen: str = "") -> list[Any]:
    """What waits or works, and, where it is another than was `seen`, what has ended, with a mark of it."""
    note = str(engine.status().get("message") or "") if engine.owner() is not None else ""
    mark = mark_of(secret)
    parts = listed(runs.visible(mark), secret, note, runs.unreadable(mark), most=most, seen=seen)
    return [parts.open, gr.skip() if parts.ended is None else parts.ended, parts.mark]


def act(secret: str, most: int, event: gr.EventData) -> list[Any]:
    """Cancel or delete a run, where it is one's own; or show more of them. What could not be done is said above the list."""
    refused = Markup()
    name, action = str(event._data.get("run", "")), str(event._data.get("act", ""))
    if action == "more":
        most += AT_ONCE
    else:
        try:
            run = permissions.for_change(name, secret)
            if action == "cancel":
                run.cancel()  # of one that cannot be read it says so
            elif action == "delete":
                run.delete()
        except LetheError as error:
            refused = markup.styled(error_line(str(error)))
    return [most, refused, *show(secret, most)]
