"""Looks into a run by those who may not change it: kept apart from it, in LETHE_HOME/cache/looks by run, inspector and settings.

In a shared studio whoever has a run's link may look inside it with settings of their own. What they find is neither part of the
run nor counts on its owner's disk: it lies here as long as there is room, the oldest goes first, and it goes with the run.
"""

import contextlib
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from . import findings as found
from . import runs
from .errors import LetheError
from .findings import Kind
from .home import home, shared
from .limits import limits
from .quota import bytes_of
from .runs import RunFolder


def joins(run: RunFolder, owner: str = "") -> bool:
    """Whether what is found becomes part of the run: on a person's own machine always, in a shared studio for its owner.

    Args:
        run: looked into.
        owner: `runs.owner_mark` of who looks; empty for one who is not known.
    """
    return not shared() or runs.is_owner(run, owner)


def folder(run: RunFolder, what: str, params: dict[str, Any], kind: Kind = "inspect") -> Path:
    """Where the findings of one inspector or attack with these settings, all of them, are kept apart from the run."""
    text = json.dumps(params, sort_keys=True)
    return run.visits / kind / what / hashlib.sha256(text.encode()).hexdigest()[:24]


def read(run: RunFolder, what: str, params: dict[str, Any], kind: Kind = "inspect") -> dict[str, Any] | None:
    """Findings that are kept apart, as `found.read` gives those of the run; None where there are none, or no longer."""
    findings = found.at(folder(run, what, params, kind))
    return None if findings is None else findings | {"root": str(run.visits)}


def tidy(newest: Path) -> list[Path]:
    """Remove what lies here of runs that are gone and what was never finished, then the oldest findings until the rest fits.

    Args:
        newest: the folder of findings that were just made; it stays while its run does.

    Returns:
        The folders of findings that were removed.
    """
    ages: dict[Path, float] = {}
    removed = []
    for place in (home() / runs.VISITS).glob("*/*/*/*"):
        try:
            runs.find(place.parents[2].name, unreadable=True)
            ages[place] = (place / "found.json").stat().st_mtime
        except (OSError, LetheError):
            removed.append(place)
    sizes = {place: bytes_of(place) for place in ages}
    for place in sorted(ages, key=lambda one: (one == newest, ages[one])):
        if place == newest or sum(sizes.values()) <= limits().visits_bytes:
            break
        removed.append(place)
        del sizes[place]
    for place in removed:
        shutil.rmtree(place, ignore_errors=True)
        for above in place.parents[:3]:
            with contextlib.suppress(OSError):  # it holds others
                above.rmdir()
    return removed
