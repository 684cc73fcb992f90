"""What one visitor tried by hand against a run, and how often it hit: cache/looks/<run>/tries/<mark of the visitor>.json in the home.

Nobody else is shown it. It goes with the run, and of very many visitors the oldest goes first.
"""

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import files
from .errors import Unreadable
from .reading import document
from .runs import RunFolder

FOLDER = "tries"
LATEST = 10  # tries that are listed
LONGEST = 200  # characters of a question that are kept
VISITORS = 300  # of one run

_adding = threading.Lock()


class Try(BaseModel):
    """One question, and which models gave back what was to be forgotten. A picture has no words."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(default="", max_length=LONGEST)
    back: dict[str, bool] = Field(description="By when: before, after, and reference where there is one.")

    @property
    def hit(self) -> bool:
        """Whether the unlearned model gives it back and the retrained reference does not."""
        return self.back.get("after", False) and not self.back.get("reference", False)


class Tally(BaseModel):
    """All tries of one visitor on one run.

    `tries`: how many. `hits`: those in which the unlearned model gave it back and the retrained reference, where there is one, did not.
    `reference`, `original`: those in which these models gave it back. `referred`: those in which a reference was asked too. `latest`: newest first.
    """

    model_config = ConfigDict(extra="forbid")

    tries: int = Field(default=0, ge=0)
    hits: int = Field(default=0, ge=0)
    reference: int = Field(default=0, ge=0)
    original: int = Field(default=0, ge=0)
    referred: int = Field(default=0, ge=0)
    latest: list[Try] = Field(default_factory=list, max_length=LATEST)

    def plus(self, one: Try) -> "Tally":
        """With one more try."""
        return Tally(
            tries=self.tries + 1,
            hits=self.hits + one.hit,
            reference=self.reference + one.back.get("reference", False),
            original=self.original + one.back.get("before", False),
            referred=self.referred + ("reference" in one.back),
            latest=[one, *self.latest][:LATEST],
        )


def _path(run: RunFolder, owner: str) -> Path:
    return run.visits / FOLDER / f"{owner}.json"


def read(run: RunFolder, owner: str) -> Tally:
    """The tries of the visitor whose mark is `owner` (`runs.owner_mark`); none of one who has none, or where they cannot be read."""
    if not owner:
        return Tally()
    try:
        return Tally.model_validate(document(_path(run, owner), run.visits) or {})
    except (Unreadable, ValidationError):
        return Tally()


def add(run: RunFolder, owner: str, question: str, back: Mapping[str, bool]) -> Tally:
    """Count one try. `back`: by when, whether that model gave back what was to be forgotten.

    Raises:
        OutOfReach: the home cannot be written, or the disk is full.
    """
    one = Try(question=question[:LONGEST], back=dict(back))
    with _adding:
        tally = read(run, owner).plus(one)
        if owner:
            files.write_json(_path(run, owner), tally.model_dump())
            _tidy(run.visits / FOLDER)
    return tally


def clear(run: RunFolder, owner: str) -> Tally:
    """Forget the tries of one visitor."""
    with _adding, contextlib.suppress(OSError):
        if owner:
            _path(run, owner).unlink(missing_ok=True)
    return Tally()


def _tidy(folder: Path) -> None:
    """Of more than VISITORS the oldest go."""
    ages = {}
    for path in folder.glob("*.json"):
        with contextlib.suppress(OSError):
            ages[path] = path.stat().st_mtime
    for path in sorted(ages, key=ages.__getitem__)[: max(0, len(ages) - VISITORS)]:
        with contextlib.suppress(OSError):
            path.unlink()
