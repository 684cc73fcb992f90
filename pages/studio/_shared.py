"""Pieces that every page of the studio shares: the bar at the top, the address as the page's state, who is looking, a page alone."""

import json
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components.navbar import Navbar
from gradio.context import Context
from markupsafe import Markup

from app import classes, markup, signing, space_page
from app.account import secret_of
from app.live_html import Alive
from app.notes import note
from app.run_settings import differences
from app.site import bar_end
from app.templating import render
from app.view import Panels
from backends.api import hub, pairs, runs
from backends.api.errors import BadInput
from backends.api.home import in_class
from backends.api.languages import later, tr
from backends.api.runs import RunFolder

__all__ = [
    "Panels", "address", "alone", "choices", "find_run", "heading", "identity", "mark_of", "nav", "push_url", "quiet",
    "secret_and_mark", "section",
]  # fmt: skip

FIRST_PAGE = later("Home")


def nav(title: str = "", text: str = "", *, line: bool = True) -> None:
    """The bar at the top, and below it the head of the page where a title is given. To be called first on every page.

    Args:
        title: of the page.
        text: what a person does there.
        line: whether a page of a class says whose class it is.
    """
    Navbar(value=bar_end(), main_page_name=tr(FIRST_PAGE))
    if in_class():
        _class_line(line)
    if hub.offered():
        signing.bar(identity())
    if space_page.space_id():
        _on_load(Alive(elem_id="space-line", apply_default_css=False), lambda: note(space_page.waking()))
    if title:
        gr.HTML(markup.head(title, text), apply_default_css=False)


def _class_line(line: bool) -> None:
    """The look of what belongs to a class, and the line about it."""
    gr.HTML(classes.STYLE, elem_classes="lethe-unseen", apply_default_css=False)
    if line:
        seen = Alive(elem_id="class-line", apply_default_css=False)
        _on_load(seen, lambda secret: classes.line(mark_of(secret)), identity())


def _on_load(seen: Alive, fill: Callable[..., Any], *inputs: Any) -> None:
    """Fill a line in when a page is opened."""
    assert Context.root_block is not None
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    Context.root_block.load(fill, list(inputs), [seen], **quiet)


def push_url(names: Sequence[str]) -> str:
    """JavaScript for an event's `js=`: writes its inputs, in order, into the address under `names`; an empty one leaves it.

    The event must have exactly these inputs; one without a name stays out of the address.
    """
    return (
        f"(...given) => {{const names = {json.dumps(list(names))}; const to = new URL(location);"
        "names.forEach((name, i) => {if (!name) return; const v = given[i];"
        "if (v === null || v === undefined || v === '') to.searchParams.delete(name);"
        "else to.searchParams.set(name, Array.isArray(v) ? v.join(',') : v);});"
        "history.replaceState(history.state, '', to); return given;}"
    )


def address(request: gr.Request | None, name: str) -> str:
    """A part of the page's address, as in ?run=...; empty where it is missing."""
    return str(request.query_params.get(name, "")) if request is not None else ""


def identity() -> gr.BrowserState:
    """The browser's secret, one for all pages: whose runs these are, where strangers share one studio."""
    return gr.BrowserState("", storage_key="lethe-identity", secret="lethe")


def secret_and_mark(secret: str | None) -> tuple[str, str]:
    """The browser's secret, made where it has none yet, and the mark that runs are kept under."""
    browser_secret = secret or secrets.token_urlsafe(24)
    return browser_secret, mark_of(browser_secret)


def mark_of(secret: str | None) -> str:
    """The mark that a visitor's runs are kept under; empty for a browser that has no secret yet, which has no runs."""
    return runs.owner_mark(secret_of(secret))


def find_run(run_id: str) -> tuple[RunFolder | None, str]:
    """A run by its id, or None and the sentence that says why not. Whoever has the link may look."""
    try:
        return runs.find(run_id), ""
    except BadInput as error:
        return None, str(error)


def choices(folders: Sequence[RunFolder]) -> list[tuple[str, str]]:
    """Runs as the choices of a dropdown, (label, id): the label says what was forgotten, how and when, and what tells it from runs alike."""
    from backends.api import catalog

    entries = catalog.load()
    titles = {entry.id: entry.title for entry in [*entries.methods, *entries.models]}

    def name(run: RunFolder, apart: str = "") -> str:
        spec = run.spec
        forget = ", ".join(pairs.target_titles(spec.forget))
        forget = forget if len(forget) <= 40 else forget[:39] + "…"
        came = (
            tr("came with Lethe") if run.shipped else f"{run.id[6:8]}.{run.id[4:6]}. {run.id[9:11]}:{run.id[11:13]} UTC"
        )
        return (
            f"{forget} · {titles.get(spec.method, spec.method)}{apart} · {titles.get(spec.model, spec.model)} · {came}"
        )

    alike: dict[str, list[RunFolder]] = {}
    for run in folders:
        alike.setdefault(name(run), []).append(run)
    apart = {run.id: f" · {words}" if words else "" for same in alike.values() for run, words in differences(same)}
    return [(name(run, apart[run.id]), run.id) for run in folders]


def alone(build: Callable[[], None]) -> None:
    """Serve one page by itself, for working on it: `python -m pages.studio.compare`."""
    import uvicorn
    from fastapi import FastAPI

    from app import theme
    from app.door.hosts import Hosts
    from app.door.middleware import Door
    from app.door.studio import Studio
    from app.server import own_routes

    with Studio(title="Lethe", analytics_enabled=False) as demo:
        build()
    app = FastAPI()
    own_routes(app)
    app.add_middleware(Door, hosts=Hosts.here("127.0.0.1"), blocks=demo)
    served = gr.mount_gradio_app(
        app, demo, path="/", theme=theme.THEME, head=theme.HEAD, footer_links=[], show_error=False
    )
    uvicorn.run(served, port=int(os.environ.get("PORT", "7861")), timeout_graceful_shutdown=3)


def quiet(text: str) -> Markup:
    """A line of help."""
    return Markup('<p class="lethe lethe-quiet">{}</p>').format(text)


def section(title: str) -> gr.HTML:
    """The heading of what stands below it on the page, for who reads by headings; see `parts.section`."""
    return gr.HTML(markup.section(title), elem_classes="lethe-unseen", apply_default_css=False)


def heading(title: str, text: str) -> gr.HTML:
    """The heading of a step of the form, and a line below it."""
    return gr.HTML(render("pages.step", title, text))
