"""How to go on with models of one's own: a studio, and the commands that do each run again."""

import re
from collections.abc import Iterator

from app import run_list, unlearning_card
from app.spaces import ROOT
from app.spaces._site import YOURSELF, Page, Site
from app.spaces._words import to_html
from app.templating import render
from backends.api.errors import LetheError
from backends.api.languages import later, tr

TEXT = later("Everything shown here was computed. A studio does it again, with other models, methods and targets.")


def pages(site: Site) -> Iterator[Page]:
    """The one page."""
    commands = [
        (run.id, run_list.what_of(run), run_list.method_of(run), "\n".join(unlearning_card.repeat(run)))
        for run in site.runs
    ]
    body = render("static.yourself", tr(TEXT), site.studio, to_html(start()), commands)
    yield Page(YOURSELF, tr("Run it yourself") + " · Lethe", tr(TEXT), body, YOURSELF)


def start() -> str:
    """What README.md says on how to start.

    Raises:
        LetheError: it is not there.
    """
    readme = ROOT / "README.md"
    section = re.search(r"^## Start\n(.*?)(?=^## )", readme.read_text("utf-8") if readme.is_file() else "", re.M | re.S)
    if section is None:
        raise LetheError(f"{readme} says nothing on how to start; write a Space from a checkout of Lethe.")
    return section[1].strip("\n")
