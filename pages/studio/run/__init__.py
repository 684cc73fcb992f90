"""Run: one page per run, while it works and after: what it made, what it answers, what is inside, whether it comes back, its numbers.

The address says which run: ?id=RUN, with &with= a second run beside it and &tab= the open tab. One module a tab.
"""

from collections.abc import Mapping
from types import ModuleType

import gradio as gr
from gradio.context import Context

from app.first_view import FirstView
from app.templating import render
from backends.api.languages import later, tr
from pages.studio._shared import alone, find_run, identity, nav
from pages.studio.run import _ask, _comeback, _head, _inside, _numbers, _see
from pages.studio.run._page import Place, RunPage

TITLE, PATH, ORDER, IN_BAR = later("Run"), "run", 10, False

TABS: dict[str, tuple[str, ModuleType]] = {
    "see": (later("See"), _see),
    "ask": (later("Ask"), _ask),
    "inside": (later("Inside"), _inside),
    "back": (later("Does it come back?"), _comeback),
    "numbers": (later("Numbers"), _numbers),
}


def build() -> None:
    """The page."""
    nav()
    page = RunPage(identity(), list(TABS))
    _head.build(page)
    with gr.Tabs(elem_id="run-tabs"):
        for name, (title, module) in TABS.items():
            with gr.Tab(tr(title), id=name, elem_id=f"run-tab-{name}"):
                module.build(page)
    assert Context.root_block is not None
    Context.root_block.load(None, None, None, js="() => window.letheOpenTab()")


PLAIN = {"id", "tab", "lang"}  # parts of the addresses that have a first view


def first_view(query: Mapping[str, str]) -> FirstView | None:
    """A finished run as See begins with it; any other tab, step, dose or second run is drawn by the page alone."""
    place = Place.of(query)
    run, _ = find_run(place.run) if place.run else (None, "")
    if run is None or run.state.status != "done" or place.tab != "see" or query.keys() - PLAIN:
        return None
    board, numbers = _see.first(run)
    tabs = [title for title, _ in TABS.values()]
    head = _head.title(run, place, "")
    return FirstView(render("first.run", head, _head.below(run), tabs, board, numbers), "#run-board table")


if __name__ == "__main__":
    alone(build)
