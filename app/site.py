"""The studio's pages as one Gradio application: a folder scan, so that a page is one file.

A module of pages/studio whose name does not start with "_" defines TITLE (its name), PATH (its address; "" for the first page),
ORDER (lower comes first) and `build()`, which makes its components; with IN_BAR = False it is not in the bar at the top. It may
define `first_view`, see app/first_view.py, and `offered()`, which says whether this server has the page.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Protocol, cast

from gradio.context import Context
from markupsafe import Markup

import pages.studio
from app import first_view
from app.door.studio import Studio
from backends.api import languages
from backends.api.errors import DAMAGED
from backends.api.languages import later, tr

BAR_END = [
    (later("Classroom"), "classroom/"),
    (later("New run"), "new"),
]  # what stands in the bar after the pages that are scanned for


class StudioPage(Protocol):
    """The names that a page's module defines."""

    TITLE: str
    PATH: str
    ORDER: int

    def build(self) -> None: ...


def studio_pages() -> list[StudioPage]:
    """The modules of pages/studio that this server has, in the order of the navigation."""
    modules = [
        cast(StudioPage, importlib.import_module(f"pages.studio.{module.name}"))
        for module in pkgutil.iter_modules(pages.studio.__path__)
        if not module.name.startswith("_")
    ]
    return sorted((page for page in modules if getattr(page, "offered", _always)()), key=lambda page: page.ORDER)


def _always() -> bool:
    return True


def bar_end() -> list[tuple[str, str]]:
    """What stands in the bar after the pages that are scanned for."""
    return [(tr(title), to) for title, to in BAR_END]


def build_each() -> dict[str, Studio]:
    """Every page in every language: the same parts under the same numbers, with other words. Events go to the one in English."""
    built: dict[str, Studio] = {}
    start = Context.id
    for language in languages.NAMES:
        Context.id = start  # Gradio numbers the parts
        with languages.speaking(language):
            built[language] = build()
    return built


def build() -> Studio:
    """Every page, the first at the root."""
    first, *others = studio_pages()
    demo = Studio(title="Lethe", analytics_enabled=False)
    with demo:
        first.build()
    for page in others:
        with demo.route(tr(page.TITLE), page.PATH, show_in_navbar=getattr(page, "IN_BAR", True)):
            page.build()
    return demo


def first_views() -> dict[str, first_view.Drawn]:
    """What draws the first view of a page into what the server sends, by the page's path; only of pages that have one."""
    modules = studio_pages()
    bar = [(page.TITLE, f"./{page.PATH}") for page in modules if not page.PATH or getattr(page, "IN_BAR", True)]
    bar += BAR_END
    return {f"/{page.PATH}": _drawing(page, bar) for page in modules if hasattr(page, "first_view")}


def _drawing(page: StudioPage, bar: list[tuple[str, str]]) -> first_view.Drawn:
    draw = cast(first_view.Draw, page.first_view)  # type: ignore[attr-defined]

    def drawn(query: Mapping[str, str]) -> Markup | None:
        try:
            view = draw(query)
        except DAMAGED:  # the page itself says what is wrong
            return None
        return None if view is None else first_view.drawn(view, [(tr(name), to) for name, to in bar], f"./{page.PATH}")

    return drawn
