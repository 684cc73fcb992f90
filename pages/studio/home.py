"""Home: the front door, always the same: what Lethe does, in pictures, and the ways in."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import doors, markup, own_runs, scenes, theme
from app.first_view import FirstView
from app.live_html import JS, Alive
from app.templating import render
from backends.api import catalog
from backends.api.languages import later
from pages.studio._shared import alone, identity, mark_of, nav, secret_and_mark

TITLE, PATH, ORDER, IN_BAR = later("Home"), "", 0, True
EVERY = 2.0  # seconds between two looks at own runs
HEAD = later("Make a model forget. See what is left.")
TEXT = later(
    "Machine unlearning you can watch: pick a model, say what it should forget, and test whether it is erased or "
    "only hidden."
)
PLAY = JS + (theme.STATIC / "home.js").read_text("utf-8")

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build() -> None:
    """The page."""
    nav()
    Alive(front(), js=PLAY, elem_id="home", apply_default_css=False)
    secret = identity()
    with gr.Row(elem_classes="lethe-home-foot"):
        with gr.Column(scale=2, min_width=320):
            gr.HTML(render("home.lessons", catalog.load().lessons), apply_default_css=False)
        with gr.Column(scale=1, min_width=320):
            own = Alive(render("home.own", [], "", 0), elem_id="own-runs", apply_default_css=False)
    timer = gr.Timer(EVERY)
    assert Context.root_block is not None
    Context.root_block.load(arrive, [secret], [secret, own], **QUIET)
    timer.tick(show, [secret], [own], **QUIET)


def first_view(query: Mapping[str, str]) -> FirstView:
    """The front, which is the same for everybody."""
    return FirstView(front(), ".lethe-front", links=True)


def front() -> Markup:
    """What stands above lessons and runs: the sentence, a scene for each family, the doors."""
    fronts = scenes.prepared()
    panels = [
        render("home.panel", one, "new?" + urlencode({"model": one.model}), markup.run_address(one.run_id))
        for one in fronts
    ]
    return render("home.front", HEAD, TEXT, panels, doors.doors(fronts[0].run_id if fronts else ""))


def arrive(secret: str) -> list[Any]:
    """Know the browser again, or for the first time, and show its runs."""
    browser_secret, _ = secret_and_mark(secret)
    return [browser_secret, show(browser_secret)]


def show(secret: str) -> Markup:
    """Own runs as they are now."""
    return own_runs.listed(mark_of(secret))


if __name__ == "__main__":
    alone(build)
