"""What a run leaves that changed what its model learned from: later jobs start from the model that it left, as theirs before.

Such a run is of a method whose entry says `teaches`. It keeps how the data were changed in learned.json; a job that starts from it, or from
one that did, has the same under start/, with the number of files there that make the model it begins with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import catalog, files, runs
from .errors import Unreadable
from .runs import RunFolder
from .spec import JobSpec

FILE: Final = "learned.json"
START: Final = "start"  # of a run folder: what the runs before it changed


class Learned(BaseModel):
    """How the data were changed, as the family that did it reads it.

    Attributes:
        how: as a card of such a model has it, by the names of its fields.
        forget: the targets that name what was changed.
        run: where it was done; empty in that run itself.
        weights: how many of the files of `start`, oldest first, make the model that a job begins with.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: dict[str, Any]
    forget: tuple[str, ...] = Field(min_length=1)
    run: str = ""
    weights: int = Field(default=0, ge=0)


def own(folder: Path) -> Learned | None:
    """What the run in a folder did itself."""
    return _read(folder / FILE)


def inherited(folder: Path) -> Learned | None:
    """What was done by a run that the run in a folder starts from, as far as it has begun."""
    return _read(folder / START / FILE)


def of_run(run: RunFolder) -> Learned | None:
    """What was done to the data of a run, by itself or before."""
    return own(run.path) or inherited(run.path)


def _read(path: Path) -> Learned | None:
    try:
        fields = files.read_json(path, None)
        return None if fields is None else Learned.model_validate(fields)
    except (OSError, ValueError, ValidationError):
        raise Unreadable(f"{path.parent.name}/{path.name} does not say what the model learned from.") from None


def teaches(method: str) -> bool:
    """Whether a method changes what a model learns from."""
    return any(entry.id == method and entry.teaches for entry in catalog.load().methods)


def taught(run: RunFolder) -> bool:
    """Whether a job that starts from this run begins with a model that learned from changed data, also while it waits."""
    visited: set[str] = set()
    while run.id not in visited:
        if teaches(run.spec.method) or inherited(run.path):
            return True
        if not run.spec.after:
            return False
        visited.add(run.id)
        run = runs.find(run.spec.after)
    return False


def card(fields: Mapping[str, Any], spec: JobSpec) -> dict[str, Any]:
    """What is known of the model that a job begins with: its card, and how the run that it starts from changed the data."""
    if not spec.after:
        return dict(fields)
    run = runs.find(spec.after)
    if not taught(run):
        return dict(fields)
    change = of_run(run)
    return dict(fields) | (change.how if change else {"tampering": "not known yet"})
