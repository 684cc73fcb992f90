"""What pages have more on a Space of Hugging Face: links that lead out of its frame, and what a visitor has to know after it woke."""

import json
import os
import re
import time
from typing import Final

from markupsafe import Markup

from app import theme
from app.templating import render
from backends.api import kept
from backends.api.errors import LetheError
from backends.api.home import home
from backends.api.languages import later, tr

ID: Final = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")
BEGUN: Final = time.monotonic()
LONGEST: Final = 15 * 60  # seconds after which a start is no news, whatever became of the measuring
GONE: Final = later("its disk is empty after a sleep, so runs of before are gone")
BACK: Final = later("finished runs of before come back as they are read")


def space_id() -> str:
    """The name of the Space that this is, as user/name; empty elsewhere."""
    name = os.environ.get("SPACE_ID", "")
    return name if ID.fullmatch(name) else ""


def head(writes_back: bool) -> str:
    """What the head of every page has more on a Space; empty elsewhere.

    Args:
        writes_back: the page around the frame takes the address of what is open in it, which the Hub does for Docker Spaces.
    """
    name = space_id()
    if not name:
        return ""
    settings = json.dumps({"id": name, "writesBack": writes_back})
    script = (theme.STATIC / "space.js").read_text("utf-8")
    return str(render("pages.space", Markup(settings), Markup(script)))


def waking(now: float | None = None) -> str:
    """What is different for a while after a Space woke, in a sentence; empty where nothing is, or this is no Space."""
    up = (time.monotonic() if now is None else now) - BEGUN
    measured = (home() / "cache" / "warm.json").exists() or bool(os.environ.get("LETHE_PRECISION"))
    if not space_id() or up > LONGEST or measured:
        return ""
    try:
        runs_of_before = BACK if kept.folder() is not None else GONE
    except LetheError:
        runs_of_before = GONE
    return tr(
        "This Space has just woken: it still measures its processor, so the first jobs take longer; {runs_of_before}.",
        runs_of_before=tr(runs_of_before),
    )
