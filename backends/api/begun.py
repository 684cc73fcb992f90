"""How far a set of tests on a run is, on disk, so that neither a closed page nor a new start of the server loses it: which tests it has, and
which of them failed. Those that were made lie beside it, one folder a test."""

import contextlib
from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import files
from .errors import LetheError, Unreadable
from .home import home
from .reading import document
from .runs import RunFolder


class Begun(BaseModel):
    """A set of tests that was begun. `deep`: all tests, else the quick ones. `tests`: ids of those that fit the run. `failed`: why those ended
    that did."""

    model_config = ConfigDict(extra="forbid")

    deep: bool
    tests: list[str]
    failed: dict[str, str] = Field(default_factory=dict)

    def left(self, done: Collection[str]) -> list[str]:
        """Those that were neither made nor failed."""
        return [name for name in self.tests if name not in done and name not in self.failed]


def _place(run: RunFolder, deep: bool, joins: bool) -> tuple[Path, Path]:
    """(root, file) of a run's set: within the run, in the home for one that came with Lethe, or apart for visitors of a shared studio."""
    root = run.visits if not joins else home() if run.shipped else run.path
    folder = root / "attack" / run.id if joins and run.shipped else root / "attack"
    return root, folder / ("all_tests.json" if deep else "quick_tests.json")


def write(run: RunFolder, deep: bool, tests: Collection[str], failed: Mapping[str, str], joins: bool) -> None:
    """Write down how far a set is; `joins` as of `visits.joins`. A disk that is full only costs the offer to go on."""
    if run.result is not None:  # of a run that was deleted meanwhile nothing is written again
        with contextlib.suppress(OSError, LetheError):
            begun = Begun(deep=deep, tests=list(tests), failed=dict(failed))
            files.write_json(_place(run, deep, joins)[1], begun.model_dump())


def read(run: RunFolder, joins: bool) -> list[Begun]:
    """The sets that were begun, that of all tests first."""
    each = []
    for deep in (True, False):
        root, path = _place(run, deep, joins)
        with contextlib.suppress(Unreadable, ValidationError):
            each.append(Begun.model_validate(document(path, root)))
    return each
