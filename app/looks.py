"""The queue of looks inside: requests to run an inspector or an attack on a run. They wait, work and end here, whoever watches.

One works at a time, because one process opens the models for them. A page asks for a look, and then how it stands; closing the
page ends nothing, and what was found lies in the run's folder (see `backends.api.findings`), or, where it was asked for by one who
may not change the run, apart from it (see `backends.api.visits`).
"""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from app.inference import LIVE
from backends.api import catalog, runs, visits
from backends.api import findings as found
from backends.api.catalog import TestSet
from backends.api.errors import Busy, LetheError
from backends.api.languages import tr
from backends.api.limits import limits
from backends.api.line import BUSY, SHARE, GivenUp
from backends.api.runs import RunFolder

State = Literal["waiting", "working", "done", "failed", "cancelled"]
PENDING: Final = ("waiting", "working")
REMEMBERED = 200  # looks that have ended
AGAIN = 0.5  # seconds until a process that answers others is asked again


@dataclass(eq=False)
class Look:
    """One look into one run: the request, and how it stands.

    Attributes:
        inspector: id of the inspector or attack.
        owners: those who asked for it and have not cancelled it.
        joins: what it finds becomes part of the run; else it is for those who asked.
        made_with: the settings of what it found, all of them.
        error: why it failed, as one sentence.
        phase: what is done now, with `done` of `of` steps; 0 of 0 where that is not counted.
        viewed: it has ended, and its end was shown to somebody.
        usual: seconds that the same look took before, into runs of the same model.
        failed: of a set of attacks, those that failed, each with the sentence why.
        announced: somebody pressed for it; what a page asks for by itself waits until all of these are done.
    """

    number: int
    run: str
    inspector: str
    params: dict[str, Any]
    owners: set[str]
    joins: bool = True
    made_with: dict[str, Any] | None = None
    state: State = "waiting"
    error: str = ""
    phase: str = ""
    done: int = 0
    of: int = 0
    viewed: bool = False
    usual: float | None = None
    failed: dict[str, str] = field(default_factory=dict)
    announced: bool = True
    begun: float = 0.0
    entered: float = 0.0  # when the phase began, by its first count
    first: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def pending(self) -> bool:
        """Whether it waits or works."""
        return self.state in PENDING

    @property
    def seconds(self) -> float:
        """Since it began to work; 0 before."""
        return time.monotonic() - self.begun if self.begun else 0.0

    def update(self, piece: dict[str, Any]) -> None:
        """Take in a message of its process: phase and steps."""
        phase, done, of = str(piece["phase"]), int(piece["done"]), int(piece["of"])
        if phase != self.phase:
            self.entered, self.first = time.monotonic(), done
        self.phase, self.done, self.of = phase, done, of

    @property
    def left(self) -> float | None:
        """Seconds that the current phase still needs, by its own pace; None before two of its steps are done."""
        steps = self.done - self.first
        if self.state != "working" or steps < 2 or self.of <= self.done:
            return None
        return (time.monotonic() - self.entered) / steps * (self.of - self.done)


class Looks:
    """All looks of a server, in the order in which they are done: those that were pressed for first; owners take turns, and of one owner who came first."""

    def __init__(self, stream: Callable[..., Iterator[Any]]) -> None:
        """`stream` as `app.inference.Answers.stream`."""
        self._stream = stream
        self._lock = threading.RLock()
        self._all: list[Look] = []
        self._count = 0
        self._last: dict[str, int] = {}  # owner -> number of the look that was last begun for them
        self._worker: threading.Thread | None = None

    def ask(self, run: str, inspector: str, params: dict[str, Any], owner: str, *, announced: bool = True) -> Look:
        """Ask for a look; one that waits or works already is joined. `announced`: somebody pressed for it, so that it comes before those
        that a page asks for by itself, and its end stays in the owner's list until it was seen.

        Raises:
            Busy: too many wait, or too many of this owner.
        """
        with self._lock:
            waiting = [one for one in self._all if one.pending]
            joins = _becomes_part_of_run(run, owner)
            same = (run, inspector, params, joins)
            for one in waiting:
                if (one.run, one.inspector, one.params, one.joins) == same and not one.cancelled.is_set():
                    one.owners.add(owner)
                    one.announced = one.announced or announced
                    return one
            most = limits().waiting_looks
            if len(waiting) >= most or sum(owner in one.owners for one in waiting) >= max(2, most // SHARE):
                raise Busy(BUSY)
            self._count += 1
            usual = _usual_seconds(run, inspector)
            look = Look(self._count, run, inspector, params, {owner}, joins, usual=usual, announced=announced)
            look.viewed = not announced
            self._all.append(look)
            ended = [one for one in self._all if not one.pending]
            for one in ended[: max(0, len(ended) - REMEMBERED)]:
                self._all.remove(one)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="looks", daemon=True)
                self._worker.start()
            return look

    def cancel(self, number: int, owner: str) -> None:
        """Give a look up; it ends where nobody else asked for it. Of somebody else's nothing happens."""
        with self._lock:
            for one in self._all:
                if one.number == number and owner in one.owners and one.pending:
                    one.owners.discard(owner)
                    if not one.owners:
                        one.cancelled.set()
                        one.viewed = True
                        one.owners.add(owner)  # whose list still tells what became of it
                        if one.state == "waiting":
                            one.state = "cancelled"

    def of(self, run: str, inspector: str, owner: str = "") -> Look | None:
        """The newest look of that kind into that run, as far as it concerns an owner: what they asked for apart from the run comes
        before what joins it."""
        with self._lock:
            every = [one for one in reversed(self._all) if (one.run, one.inspector) == (run, inspector)]
            own = [one for one in every if not one.joins and owner in one.owners]
            return next(iter([*own, *(one for one in every if one.joins)]), None)

    def findings(self, run: RunFolder, inspector: str, owner: str = "") -> dict[str, Any] | None:
        """The findings of an inspector on a run: what an owner found last apart from it, else what is part of it."""
        with self._lock:
            ended = [one for one in reversed(self._all) if (one.run, one.inspector) == (run.id, inspector)]
            own = (one.made_with for one in ended if not one.joins and owner in one.owners)
            params = next((settings for settings in own if settings is not None), None)
        kind = found.kind_of(inspector)
        apart = None if params is None else visits.read(run, inspector, params, kind)
        return apart or found.read(run, inspector, kind)

    def owned(self, owner: str) -> list[Look]:
        """The looks of an owner that have not ended, or whose end nobody saw; oldest first."""
        with self._lock:
            return [one for one in self._all if owner in one.owners and (one.pending or not one.viewed)]

    def before(self, look: Look) -> int:
        """The number of looks that are done before a waiting one."""
        with self._lock:
            working = sum(one.state == "working" for one in self._all)
            waiting, last, place = [one for one in self._all if one.state == "waiting"], dict(self._last), 0
            while waiting:
                one = _next_look(waiting, last)
                if one is look:
                    break
                last |= dict.fromkeys(one.owners, self._count + place)
                waiting.remove(one)
                place += 1
            return working + place

    def _work(self) -> None:
        """Do what waits, until nothing does."""
        while True:
            with self._lock:
                waiting = [one for one in self._all if one.state == "waiting"]
                if not waiting:
                    self._worker = None
                    return
                one = _next_look(waiting, self._last)
                one.state, one.begun = "working", time.monotonic()
                self._last |= dict.fromkeys(one.owners, one.number)
            state, error = self._look(one)
            with self._lock:
                one.state, one.error = state, error

    def _look(self, one: Look) -> tuple[State, str]:
        """(how a look ended, why it failed)."""
        while not one.cancelled.is_set():
            try:
                message: dict[str, Any]
                op, wanted = _request(one)
                for message in self._stream(op, cancelled=one.cancelled, run=one.run, **wanted, joins=one.joins):
                    if "phase" in message:
                        one.update(message)
                one.made_with, one.failed = message["params"], message.get("failed", {})
                return "done", ""
            except Busy:
                one.cancelled.wait(AGAIN)  # the process answers others: it keeps its place here
            except GivenUp:
                break
            except LetheError as error:
                return "failed", str(error)
            except Exception as error:  # whatever it is, the looks after it are done
                return "failed", tr("This look failed ({name__}).", name__=type(error).__name__)
        return "cancelled", ""


def _request(one: Look) -> tuple[str, dict[str, Any]]:
    """(the live operation that does a look, what it is asked besides the run)."""
    entry = catalog.load().look(one.inspector)
    if isinstance(entry, TestSet):
        return entry.kind, {"deep": entry.deep}
    return entry.kind, {"inspector" if entry.kind == "inspect" else entry.kind: entry.id, "params": one.params}


def _becomes_part_of_run(run_id: str, owner: str) -> bool:
    try:
        return visits.joins(runs.find(run_id), owner)
    except LetheError:
        return False


def _usual_seconds(run: str, inspector: str) -> float | None:
    try:
        return found.usual_seconds(inspector, found.kind_of(inspector), runs.find(run).spec.model)
    except LetheError:
        return None


def _next_look(waiting: list[Look], last: dict[str, int]) -> Look:
    """The look that is done next: one that was pressed for, of the owner who waited longest since the last one."""

    def place(one: Look) -> tuple[bool, int, int]:
        return not one.announced, min((last.get(owner, -1) for owner in one.owners), default=-1), one.number

    return min(waiting, key=place)


LOOKS = Looks(lambda *args, **kwargs: LIVE.stream(*args, **kwargs))
