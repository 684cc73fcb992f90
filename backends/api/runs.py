"""Run folders: the truth about every job. Copy one to another installation and every page shows the same.

spec.json      what was asked          state.json   status, its history, attempt, owner, message
events.jsonl   what happened           samples/     what the model produced at some steps
checkpoint/    to go on from           after/       the tensors that changed
metrics.json   what was measured       inspect/ attack/   what was looked into
result.json    written last: the job finished
"""

import hashlib
import os
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from . import files, kept, locks, reading, turns
from .errors import BadInput, OutOfReach, Unreadable, one_line, without_tokens
from .home import ASSETS, home, ready_home, shared
from .reading import Moment, State
from .spec import TRANSITIONS, JobSpec, Status

__all__ = ["Moment", "RunFolder", "State", "all_runs", "create", "find", "visible"]

T = TypeVar("T")
VISITS = "cache/looks"  # in the home: what those found in a run who may not change it, see `visits`


class RunFolder:
    """One run on disk. A file that is not there yet reads as nothing; what cannot be read raises `Unreadable`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @property
    def trouble(self) -> str:
        """Why the run cannot be read, as a sentence; empty where it can."""
        why = reading.trouble(self.path)
        return why and _cannot_be_read(self.id, why)

    @property
    def spec(self) -> JobSpec:
        """What was asked for."""
        spec = self._read(reading.spec)
        if spec is None:
            raise Unreadable(_cannot_be_read(self.id, "spec.json is missing"))
        return spec

    @property
    def state(self) -> State:
        """Where it stands now; of a folder that lost its state.json, what its result tells."""
        state = self._read(reading.state)
        if state is None:
            state = State(status="done", message="Done.") if self._read(reading.result) else State()
        return state

    @property
    def result(self) -> dict[str, Any] | None:
        """result.json, or None while the job has not finished."""
        return self._read(reading.result)

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: metric id -> before, after, reference, unit, direction, title, parts."""
        return self._read(reading.metrics) or {}

    def _read(self, read: Callable[[Path], T]) -> T:
        try:
            return read(self.path)
        except Unreadable as error:
            raise Unreadable(_cannot_be_read(self.id, str(error))) from None

    @property
    def found_set(self) -> list[int] | None:
        """Ids of the forget set that the run found; None where it found none."""
        return self._read(reading.found_set)

    @property
    def shipped(self) -> bool:
        """True for a finished run that came with Lethe: it can be looked at, not changed."""
        return self.path.is_relative_to(ASSETS)

    @property
    def visits(self) -> Path:
        """Where the looks of those lie who may not change the run; see `backends.api.visits`."""
        return home() / VISITS / self.id

    def events(self) -> list[dict[str, Any]]:
        """Every event so far, oldest first: phase, step, of, seconds, values."""
        return list(reading.events(self.path))

    def samples(self) -> list[dict[str, Any]]:
        """What the model produced, oldest first: step, of, phase, items."""
        return reading.samples(self.path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run against every other process of this machine.

        Raises:
            FileNotFoundError: the run was deleted.
        """
        self.path.stat()  # a lock makes the folder that it lies in
        with locks.holding(self.path / ".lock", patience=-1):
            yield

    def move(self, to: Status, *, note: str = "", detail: str = "", attempt: int | None = None) -> State:
        """The one function that changes a status. Moves nothing where the step is not allowed.

        Args:
            to: the new status.
            note: one sentence for the person, kept in the history and as the run's message.
            detail: technical text that the page folds away.
            attempt: where given, the attempt that asks; an older one than the run's is refused.

        Raises:
            BadInput: the step is not allowed from where the run stands, or the attempt is no longer the run's.
        """
        with self.locked():
            state = self.state.model_copy(deep=True)  # what was read is remembered
            note = one_line(note)
            if attempt is not None and attempt != state.attempt:
                raise BadInput(
                    f"Run {self.id} is in attempt {state.attempt}; attempt {attempt} may no longer change it."
                )
            if to not in TRANSITIONS[state.status]:
                raise BadInput(f"Run {self.id} is {state.status} and cannot become {to}.")
            state.history.append(Moment(status=to, at=time.time(), note=note))
            state.status, state.message, state.detail = to, note, without_tokens(detail)
            if to == "running":
                state.attempt += 1
            files.write_json(self.path / "state.json", state.model_dump())
            return state

    def give(self, owner: str) -> None:
        """Let the run be another owner's; `owner` is an `owner_mark`."""
        with self.locked():
            files.write_json(self.path / "state.json", self.state.model_copy(update={"owner": owner}).model_dump())

    def cancel(self, why: str = "") -> State:
        """Ask for the run to stop: a queued run ends at once, a running one within its step.

        Args:
            why: where it is not the person who wants it, the sentence that the run fails with.

        Raises:
            BadInput: it has already ended, or came with Lethe.
        """
        if self.shipped:
            raise BadInput(f"Run {self.id} came with Lethe and cannot be cancelled.")
        if self.state.status == "queued":
            return self.move("cancelled", note="Cancelled before it started.")
        state = self.move("cancelling", note=why or "Stopping after the current step.")
        if why:
            files.write_bytes(self.path / "cancel", why.encode())
        (self.path / "cancel").touch()
        return state

    @property
    def stopped_because(self) -> str:
        """The sentence that a run is to fail with, where it was stopped by a limit; empty where a person cancelled it."""
        path = self.path / "cancel"
        try:
            return path.read_text("utf-8")[:1000] if reading.regular(path, self.path.parent) else ""
        except (OSError, ValueError, Unreadable):
            return ""

    def delete(self) -> None:
        """Remove the run from disk, with what others found in it; of a folder that is a link, the link. What cannot be read can always be deleted.

        Raises:
            BadInput: it is running, or came with Lethe.
        """
        if self.shipped:
            raise BadInput(f"Run {self.id} came with Lethe and cannot be deleted.")
        if not self.trouble and self.state.status in ("running", "cancelling"):
            raise BadInput(f"Run {self.id} is {self.state.status}; cancel it first, then delete it.")
        kept.forget(self.id)
        shutil.rmtree(self.visits, ignore_errors=True)
        if self.path.is_symlink():
            self.path.unlink()
            return
        trash = self.path.with_name(f".deleted-{self.id}")
        self.path.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)


def _cannot_be_read(run_id: str, why: str) -> str:
    """The sentence of a run that cannot be read."""
    return f"Run {run_id} cannot be read: {why}. It was damaged, or written by another version of Lethe; it can be deleted."


def owner_mark(secret: str) -> str:
    """What is kept of a browser's secret: enough to know it again, not enough to be it."""
    return hashlib.sha256(b"lethe-owner:" + secret.encode()).hexdigest()[:32] if secret else ""


def new_id() -> str:
    """An id that no run has: when it was made, and what nobody can guess."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_urlsafe(9).replace('_', 'a').replace('-', 'b')}"


def create(spec: JobSpec, owner: str = "", more: Mapping[str, Any] | None = None) -> RunFolder:
    """Write a new queued run. The spec must have passed `submit.check`.

    Args:
        spec: what was asked for.
        owner: `owner_mark` of who asks, empty for the person at this machine.
        more: other JSON files that it begins with, by name.

    Raises:
        OutOfReach: the home cannot be written, or the disk is full. Nothing is left behind.
    """
    name = new_id()
    final = ready_home() / "runs" / name
    making = final.with_name(f".making-{name}")
    try:
        making.mkdir()
        for name, content in ({"spec.json": spec.model_dump()} | dict(more or {})).items():
            files.write_json(making / name, content)
        now = Moment(status="queued", at=time.time())
        files.write_json(making / "state.json", State(owner=owner, history=[now]).model_dump())
        making.rename(final)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise OutOfReach(
            f"The run could not be written to {final.parent} ({error.strerror}); free some space and start again."
        ) from None
    return RunFolder(final)


def find(run_id: str, *, unreadable: bool = False) -> RunFolder:
    """The run of that id, one's own or shipped.

    Args:
        run_id: its id.
        unreadable: also one that cannot be read, to delete it.

    Raises:
        Unreadable: it cannot be read.
        BadInput: there is none.
    """
    if 0 < len(run_id) <= 100 and run_id[0] != "." and not set("/\\\0") & set(run_id):
        for root in (home() / "runs", ASSETS / "runs"):
            if _is_run(root / run_id):
                run = RunFolder(root / run_id)
                if run.trouble and not unreadable:
                    raise Unreadable(run.trouble)
                return run
    short_id = run_id if len(run_id) <= 60 else run_id[:60] + "…"
    raise BadInput(f"There is no run {short_id!r}; `lethe runs` or the page Runs lists those there are.")


def _is_run(path: Path) -> bool:
    """Whether a folder holds, or a link pretends to hold, what a run has. Folders that are no runs are left alone."""
    try:
        return path.is_symlink() or any(os.path.lexists(path / name) for name in reading.NAMES)
    except (OSError, ValueError):
        return False


def _folders(*, shipped: bool) -> Iterator[RunFolder]:
    roots = [home() / "runs"] + ([ASSETS / "runs"] if shipped else [])
    for root in roots:
        paths = sorted(root.iterdir(), reverse=True) if root.is_dir() else []
        yield from (RunFolder(path) for path in paths if not path.name.startswith(".") and _is_run(path))


def all_runs(*, shipped: bool = True) -> list[RunFolder]:
    """Every run that can be read, newest first, those that came with Lethe last.

    Whoever shows runs to a person asks `visible` instead.
    """
    return [run for run in _folders(shipped=shipped) if not run.trouble]


def states() -> Counter[Status]:
    """How many runs of this home are in which state, whosever they are."""
    return Counter(run.state.status for run in all_runs(shipped=False))


def visible(owner: str = "", *reached: str) -> list[RunFolder]:
    """The runs a person is shown in lists: all, or, where strangers share one studio, their own and the shipped ones.

    Every page, list, figure and sweep asks here. The id of a run is its link: whoever has it may look at the run.

    Args:
        owner: `owner_mark` of who looks.
        reached: ids of runs reached by link, which are shown whoever made them.
    """
    if not shared():
        return all_runs()
    return [run for run in all_runs() if run.shipped or run.id in reached or is_owner(run, owner)]


def unreadable_of_home() -> list[RunFolder]:
    """Every run of this home that cannot be read, newest first. Whoever shows them to a person asks `unreadable`."""
    return [run for run in _folders(shipped=False) if run.trouble]


def unreadable(owner: str = "") -> list[RunFolder]:
    """The runs that cannot be read that a person is told about, as `visible` does; in a shared studio one that no longer
    says whose it is is nobody's."""
    return [run for run in unreadable_of_home() if not shared() or is_owner(run, owner)]


def is_owner(run: RunFolder, owner: str) -> bool:
    """Whether the run was started under this mark; nobody owns what does not say whose it is."""
    try:
        return bool(owner) and run.state.owner == owner
    except Unreadable:
        return False


def places() -> dict[str, int]:
    """For every run that waits, by its id, how many run or wait before it."""
    states = {run.id: run.state for run in all_runs(shipped=False)}
    working = sum(state.status in turns.WORKING for state in states.values())
    return {name: working + at for at, name in enumerate(turns.order(states))}


def place_in_queue(run: RunFolder) -> int:
    """How many runs are working or waiting before this one, which waits."""
    return places().get(run.id, 0)
