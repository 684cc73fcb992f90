"""What inspectors and attacks found in a run, read from disk: beside the run, or, for a run that came with Lethe, in the home.

What those find who may not change the run is no part of it; see `visits`.
"""

from pathlib import Path
from statistics import median
from typing import Any, Final, Literal
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from . import catalog, reading, runs
from .errors import Unreadable
from .home import home
from .panels import Found
from .runs import RunFolder

Kind = Literal["inspect", "attack"]
LARGEST: Final = 64 << 20  # bytes of unpacked arrays


def kind_of(what: str) -> Kind:
    """Where the findings of a look lie: those of an inspector, or those of an attack."""
    return "attack" if any(entry.id == what for entry in catalog.load().attacks) else "inspect"


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
        findings = at(place)
        if findings is not None:
            return findings | {"root": str(root)}
    return None


def at(place: Path) -> dict[str, Any] | None:
    """found.json of one inspector or attack; None where there is none, or none that this version can show."""
    findings = _document(place)
    try:
        Found.model_validate(findings)
    except ValidationError:
        return None
    return findings


def _document(place: Path) -> dict[str, Any] | None:
    try:
        content = reading.document(place / "found.json", place.parents[2])
    except Unreadable:
        return None
    return content if isinstance(content, dict) else None


def arrays(root: Path, path: str) -> dict[str, NDArray[Any]] | None:
    """The arrays that a panel names, an .npz relative to the folder of its findings. None where it is missing, damaged, too large, or
    lies elsewhere."""
    if not path.endswith(".npz") or "\0" in path:
        return None
    where = (root / path).resolve()
    try:
        if not where.is_relative_to(root.resolve()) or not where.is_file():
            return None
        with ZipFile(where) as packed:
            if sum(member.file_size for member in packed.infolist()) > LARGEST:
                return None
        with np.load(where, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, LookupError, EOFError, BadZipFile):
        return None


def usual_seconds(what: str, kind: Kind = "inspect", model: str = "") -> float | None:
    """What a look took before, on this machine: the median; None where nobody has looked yet. Of one model, where it is named."""
    took = []
    for run in runs.all_runs():
        if model not in ("", run.spec.model):
            continue
        for place in (folder(run, what, kind), *(run.visits / kind / what).glob("*")):
            seconds = (_document(place) or {}).get("seconds")
            if isinstance(seconds, int | float) and seconds > 0:
                took.append(float(seconds))
    return median(took) if took else None
