"""Runs: the queue and the history. It looks again by itself; what it shows are the run folders, so it survives everything."""

from typing import Any

import gradio as gr
from gradio.context import Context

from app import markup, permissions
from app.run_list import RunList, listed
from backends.api import engine, runs
from backends.api.errors import LetheError
from pages.studio._shared import identity, mark_of, nav, secret_and_mark, section

TITLE, PATH, ORDER = "Runs", "runs", 20
EVERY = 2.0  # seconds between two looks

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build() -> None:
    """The page."""
    nav()
    gr.HTML(markup.head("Runs", "What waits, what runs and what has ended. Runs go on while this page is closed."))
    secret = identity()
    section("Your runs")
    run_list = RunList(elem_id="runs")
    timer = gr.Timer(EVERY)
    assert Context.root_block is not None
    Context.root_block.load(arrive, [secret], [secret, run_list], **QUIET)
    timer.tick(show, [secret], [run_list], **QUIET)
    run_list.select(act, [secret], [run_list], **QUIET)


def arrive(secret: str) -> list[Any]:
    """Know the browser again, or for the first time, and show its runs."""
    browser_secret, _ = secret_and_mark(secret)
    return [browser_secret, show(browser_secret)]


def show(secret: str) -> str:
    """The list as it is now."""
    note = str(engine.status().get("message") or "") if engine.owner() is not None else ""
    mark = mark_of(secret)
    return listed(runs.visible(mark), secret, note, runs.unreadable(mark))


def act(secret: str, event: gr.EventData) -> str:
    """Cancel or delete a run, where it is one's own."""
    name, action = str(event._data.get("run", "")), str(event._data.get("act", ""))
    try:
        run = permissions.for_change(name, secret)
        if action == "cancel":
            run.cancel()  # of one that cannot be read it says so
        elif action == "delete":
            run.delete()
    except LetheError as error:
        gr.Warning(str(error))
    return show(secret)
