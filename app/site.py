"""The studio's pages as one Gradio application: a folder scan, so that a page is one file.

A module of pages/studio whose name does not start with "_" defines TITLE (its name), PATH (its address; "" for the first page),
ORDER (lower comes first) and `build()`, which makes its components; with IN_BAR = False it is not in the bar at the top.
"""

import importlib
import pkgutil
from typing import Protocol, cast

import pages.studio
from app.door.studio import Studio


class StudioPage(Protocol):
    """The names that a page's module defines."""

    TITLE: str
    PATH: str
    ORDER: int

    def build(self) -> None: ...


def studio_pages() -> list[StudioPage]:
    """The modules of pages/studio, in the order of the navigation."""
    modules = [
        cast(StudioPage, importlib.import_module(f"pages.studio.{module.name}"))
        for module in pkgutil.iter_modules(pages.studio.__path__)
        if not module.name.startswith("_")
    ]
    return sorted(modules, key=lambda page: page.ORDER)


def build() -> Studio:
    """Every page, the first at the root."""
    first, *others = studio_pages()
    demo = Studio(title="Lethe", analytics_enabled=False)
    with demo:
        first.build()
    for page in others:
        with demo.route(page.TITLE, page.PATH, show_in_navbar=getattr(page, "IN_BAR", True)):
            page.build()
    return demo
