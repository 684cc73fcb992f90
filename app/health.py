"""How the studio is, as numbers for whoever watches it; nothing of what visitors made."""

import shutil
import time
from typing import Any

from app.space_page import BEGUN
from backends.api import __version__, engine, kept, runs, slices
from backends.api.errors import LetheError
from backends.api.home import home


def details() -> dict[str, Any]:
    """Version, seconds since the start, whether the engine works and on what, how many runs wait and work, and the room on the disk."""
    states = runs.states()
    status, works = engine.status(), engine.owner() is not None
    return {
        "status": "ok" if works else "the engine does not work",
        "version": __version__,
        "seconds": round(time.monotonic() - BEGUN),
        "engine": {"works": works, "executor": status.get("executor", ""), "message": status.get("message", "")},
        "waiting": states["queued"],
        "working": states["running"] + states["cancelling"],
        "free_bytes": _free(),
        "keeps": _keeps(),
        "zero_gpu": slices.here(),
    }


def _free() -> int | None:
    try:
        return shutil.disk_usage(home()).free
    except OSError:
        return None


def _keeps() -> bool:
    """Whether finished runs are kept in another folder as well."""
    try:
        return kept.folder() is not None
    except LetheError:
        return False
