"""What inspectors and attacks found in a run, read from disk: beside the run, or, for a run that came with Lethe, in the home."""

from pathlib import Path
from statistics import median
from typing import Any, Literal

from . import files, runs
from .home import home
from .runs import RunFolder

Kind = Literal["inspect", "attack"]


def folder(run: RunFolder, what: str, kind: Kind = "inspect") -> Path:
    """Where the findings of one inspector or attack on a run are kept."""
    return home() / kind / run.id / what if run.shipped else run.path / kind / what


def read(run: RunFolder, what: str, kind: Kind = "inspect") -> dict[str, Any] | None:
    """The last findings, as JSON of `Found` with the key `root`, the folder its pictures are named relative to.

    None where nobody has looked yet. A shipped run may bring findings of its own; those made here come first.
    """
    places = [(folder(run, what, kind), home() / kind / run.id if run.shipped else run.path)]
    places.append((run.path / kind / what, run.path))
    for place, root in places:
        seen: dict[str, Any] | None = files.read_json(place / "found.json")
        if seen is not None:
            return seen | {"root": str(root)}
    return None


def usual_seconds(what: str, kind: Kind = "inspect", model: str = "") -> float | None:
    """What a look took before, on this machine: the median; None where nobody has looked yet. Of one model, where it is named."""
    took = []
    for run in runs.all_runs():
        seen = files.read_json(folder(run, what, kind) / "found.json")
        if seen and files.number(seen.get("seconds")) > 0 and model in ("", run.spec.model):
            took.append(files.number(seen["seconds"]))
    return median(took) if took else None
