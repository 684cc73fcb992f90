"""The board of a class as data: who joined, and every run of the class, newest first."""

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from . import classes, runs, turns, verdict
from .classes import Pupil, SchoolClass
from .errors import DAMAGED
from .marks import QUESTIONS
from .runs import RunFolder
from .spec import Status

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take a cell for that begins so


@dataclass(frozen=True)
class Row:
    """A run of the class.

    Attributes:
        pupil: the name of who started it.
        run: its folder.
        status: where it stands.
        place: how many run or wait before it; None of one that does not wait.
    """

    pupil: str
    run: RunFolder
    status: Status
    place: int | None = None


@dataclass(frozen=True)
class Board:
    """The class with its runs; `by_pupil` has those of each pupil by the pupil's id, newest first."""

    klass: SchoolClass
    rows: list[Row]
    by_pupil: dict[str, list[Row]] = field(default_factory=dict)

    @property
    def pupils(self) -> list[Pupil]:
        """Who joined, by name."""
        return sorted(self.klass.pupils.values(), key=lambda pupil: pupil.name.casefold())


def read(klass: SchoolClass) -> Board:
    """The board as it is now. Runs that cannot be read are left out: their owners see why on the page Runs."""
    states = {run.id: (run, run.state) for run in runs.all_runs(shipped=False)}
    ours = {name: one for name, one in states.items() if klass.is_in(one[1].owner)}
    waiting = any(state.status == "queued" for _, state in ours.values())
    places: Mapping[str, int] = {}
    if waiting:
        working = sum(state.status in turns.WORKING for _, state in states.values())
        order = turns.order({name: state for name, (_, state) in states.items()})
        places = {name: working + at for at, name in enumerate(order)}
    rows, by_pupil = [], {pupil.id: list[Row]() for pupil in klass.pupils.values()}
    for name, (run, state) in ours.items():
        row = Row(classes.roles([state.owner], klass)[0], run, state.status, places.get(name))
        rows.append(row)
        if state.owner in klass.pupils:
            by_pupil[klass.pupils[state.owner].id].append(row)
    return Board(klass, rows, by_pupil)


COLUMNS: Final = (
    "pupil", "run", "state", "place", "model", "forget", "method", "seed", "asked", "seconds", "message", *QUESTIONS,
)  # fmt: skip


def table(board: Board) -> list[dict[str, Any]]:
    """The runs of the class, one a row, with their three marks in words; pupils without a run have a row of their name alone."""
    lines = [line for row in board.rows if (line := _line(row))]
    idle = [pupil for pupil in board.pupils if not board.by_pupil.get(pupil.id)]
    return [*lines, *(dict.fromkeys(COLUMNS, "") | {"pupil": pupil.name} for pupil in idle)]


def _line(row: Row) -> dict[str, Any] | None:
    """One run; None where it was damaged or deleted since the board was read."""
    try:
        spec, state, result = row.run.spec, row.run.state, row.run.result
        each = verdict.marks_of(row.run) if result else ()
    except DAMAGED:
        return None
    words = [f"{mark.word}: {mark.number}" if mark.number else mark.word for mark in each]
    requested_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(turns.since(state)))
    return {
        "pupil": row.pupil,
        "run": row.run.id,
        "state": row.status,
        "place": "" if row.place is None else row.place + 1,
        "model": spec.model,
        "forget": ", ".join(spec.forget),
        "method": spec.method,
        "seed": spec.seed,
        "asked": requested_at,
        "seconds": result["seconds"] if result else "",
        "message": state.message,
    } | dict(zip(QUESTIONS, words or [""] * len(QUESTIONS), strict=True))


def as_csv(board: Board) -> str:
    """The table as CSV for a spreadsheet; what would be taken for a formula is marked as text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for line in table(board):
        writer.writerow({name: _plain(value) for name, value in line.items()})
    return out.getvalue()


def _plain(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_document(board: Board) -> dict[str, Any]:
    """The board as one JSON document."""
    klass = board.klass
    return {
        "class": klass.name,
        "code": klass.code,
        "begun": klass.begun,
        "pupils": [pupil.name for pupil in board.pupils],
        "chosen": klass.locks.model_dump(),
        "runs": [line for line in table(board) if line["run"]],
    }
