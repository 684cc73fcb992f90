"""How far a set of tests on a run is, on disk, so that neither a closed page nor a new start of the server loses it: which tests there are
to make, and which of them failed. What was made lies beside it, one folder a test."""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import files
from .errors import LetheError, Unreadable
from .home import home
from .reading import document
from .runs import RunFolder

RECORD = "set.json"


class Begun(BaseModel):
    """A set of tests that was begun.

    `deep`: all tests, else the quick ones. `tests`: ids of those that fit the run. `unfit`: why others do not. `failed`: why those ended that did.
    """

    model_config = ConfigDict(extra="forbid")

    deep: bool
    tests: list[str]
    unfit: dict[str, str] = Field(default_factory=dict)
    failed: dict[str, str] = Field(default_factory=dict)

    def left(self, done: Collection[str]) -> list[str]:
        """Those that were neither made nor failed."""
        return [name for name in self.tests if name not in done and name not in self.failed]


def _folder(run: RunFolder, joins: bool) -> tuple[Path, Path]:
    """(root, folder) of a run's sets: within the run, in the home for one that came with Lethe, or apart for visitors of a shared studio."""
    if not joins:
        return run.visits, run.visits / "attack"
    return (home() / "attack" / run.id,) * 2 if run.shipped else (run.path, run.path / "attack")


def write(
    run: RunFolder, deep: bool, tests: Collection[str], unfit: Mapping[str, str], failed: Mapping[str, str], joins: bool
) -> None:
    """Write down how far a set is. A disk that is full only costs the offer to go on."""
    begun = Begun(deep=deep, tests=list(tests), unfit=dict(unfit), failed=dict(failed))
    if run.result is not None:  # of a run that was deleted meanwhile nothing is written again
        with contextlib.suppress(OSError, LetheError):
            files.write_json(_folder(run, joins)[1] / RECORD, begun.model_dump())


def read(run: RunFolder, joins: bool) -> Begun | None:
    """The set that was begun last; None where none was, or where it cannot be read."""
    root, folder = _folder(run, joins)
    try:
        return Begun.model_validate(document(folder / RECORD, root))
    except (Unreadable, ValidationError):
        return None
