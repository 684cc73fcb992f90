"""Run folders: the truth about every job. Copy one to another installation and every page shows the same.

spec.json      what was asked          state.json   status, its history, attempt, owner, message
events.jsonl   what happened           samples/     what the model produced at some steps
checkpoint/    to go on from           after/       the tensors that changed
metrics.json   what was measured       inspect/ attack/   what was looked into
result.json    written last: the job finished
"""

import fcntl
import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from . import files
from .errors import BadInput, OutOfReach
from .home import ASSETS, home, ready_home, shared
from .spec import ENDED, TRANSITIONS, JobSpec, Status


class Moment(BaseModel):
    """One entry of a run's history: the status it came to, when (seconds since 1970), and why."""

    status: Status
    at: float
    note: str = ""


class State(BaseModel):
    """Where a run stands. `attempt` is the lease: a process that finds a newer number stops without writing."""

    status: Status = "queued"
    attempt: int = 0
    message: str = ""
    detail: str = ""
    owner: str = ""
    history: list[Moment] = Field(default_factory=list)


class RunFolder:
    """One run on disk. Reading never fails for a file that is not there yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @property
    def spec(self) -> JobSpec:
        """What was asked for."""
        return JobSpec.model_validate(files.read_json(self.path / "spec.json"))

    @property
    def state(self) -> State:
        """Where it stands now."""
        return State.model_validate(files.read_json(self.path / "state.json", {}))

    @property
    def result(self) -> dict[str, Any] | None:
        """result.json, or None while the job has not finished."""
        found: dict[str, Any] | None = files.read_json(self.path / "result.json")
        return found

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.json: metric id -> before, after, reference, unit, direction, title, parts."""
        found: dict[str, Any] = files.read_json(self.path / "metrics.json", {})
        return found

    @property
    def shipped(self) -> bool:
        """True for a finished run that came with Lethe: it can be looked at, not changed."""
        return self.path.is_relative_to(ASSETS)

    def events(self) -> list[dict[str, Any]]:
        """Every event so far, oldest first: phase, step, of, seconds, values."""
        return list(files.read_lines(self.path / "events.jsonl"))

    def samples(self) -> list[dict[str, Any]]:
        """What the model produced, oldest first: step, of, phase, items."""
        return [files.read_json(path) for path in sorted((self.path / "samples").glob("*.json"))]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run against every other process of this machine."""
        with (self.path / ".lock").open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
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
            state = self.state
            if attempt is not None and attempt != state.attempt:
                raise BadInput(
                    f"Run {self.id} is in attempt {state.attempt}; attempt {attempt} may no longer change it."
                )
            if to not in TRANSITIONS[state.status]:
                raise BadInput(f"Run {self.id} is {state.status} and cannot become {to}.")
            state.history.append(Moment(status=to, at=time.time(), note=note))
            state.status, state.message, state.detail = to, note, detail
            if to == "running":
                state.attempt += 1
            files.write_json(self.path / "state.json", state.model_dump())
            return state

    def cancel(self) -> State:
        """Ask for the run to stop: a queued run ends at once, a running one within its step.

        Raises:
            BadInput: it has already ended, or came with Lethe.
        """
        if self.shipped:
            raise BadInput(f"Run {self.id} came with Lethe and cannot be cancelled.")
        if self.state.status == "queued":
            return self.move("cancelled", note="Cancelled before it started.")
        state = self.move("cancelling", note="Stopping after the current step.")
        (self.path / "cancel").touch()
        return state

    def delete(self) -> None:
        """Remove the run from disk.

        Raises:
            BadInput: it is running, or came with Lethe.
        """
        if self.shipped:
            raise BadInput(f"Run {self.id} came with Lethe and cannot be deleted.")
        if self.state.status in ("running", "cancelling"):
            raise BadInput(f"Run {self.id} is {self.state.status}; cancel it first, then delete it.")
        gone = self.path.with_name(f".deleted-{self.id}")
        self.path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


def owner_mark(secret: str) -> str:
    """What is kept of a browser's secret: enough to know it again, not enough to be it."""
    return hashlib.sha256(b"lethe-owner:" + secret.encode()).hexdigest()[:32] if secret else ""


def create(spec: JobSpec, owner: str = "") -> RunFolder:
    """Write a new queued run. The spec must have passed `submit.check`.

    Args:
        spec: what was asked for.
        owner: `owner_mark` of who asks, empty for the person at this machine.

    Raises:
        OutOfReach: the home cannot be written, or the disk is full. Nothing is left behind.
    """
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_urlsafe(9).replace('_', 'a').replace('-', 'b')}"
    final = ready_home() / "runs" / name
    making = final.with_name(f".making-{name}")
    try:
        making.mkdir()
        files.write_json(making / "spec.json", spec.model_dump())
        now = Moment(status="queued", at=time.time())
        files.write_json(making / "state.json", State(owner=owner, history=[now]).model_dump())
        making.rename(final)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise OutOfReach(
            f"The run could not be written to {final.parent} ({error.strerror}); free some space and start again."
        ) from None
    return RunFolder(final)


def find(run_id: str) -> RunFolder:
    """The run of that id, one's own or shipped.

    Raises:
        BadInput: there is none.
    """
    if 0 < len(run_id) <= 100 and run_id[0] != "." and "/" not in run_id and "\\" not in run_id:
        for root in (home() / "runs", ASSETS / "runs"):
            if (root / run_id / "spec.json").is_file():
                return RunFolder(root / run_id)
    shown = run_id if len(run_id) <= 60 else run_id[:60] + "…"
    raise BadInput(f"There is no run {shown!r}; `lethe runs` or the page Runs lists those there are.")


def all_runs(*, shipped: bool = True) -> list[RunFolder]:
    """Every run, newest first, those that came with Lethe last. Folders that are no runs are left out."""
    roots = [home() / "runs"] + ([ASSETS / "runs"] if shipped else [])
    return [
        RunFolder(path)
        for root in roots
        if root.is_dir()
        for path in sorted(root.iterdir(), reverse=True)
        if not path.name.startswith(".") and (path / "spec.json").is_file()
    ]


def visible(owner: str = "", *reached: str) -> list[RunFolder]:
    """The runs a person is shown in lists: all, or, where strangers share one studio, their own and the shipped ones.

    Args:
        owner: `owner_mark` of who looks.
        reached: ids of runs reached by link, which are shown whoever made them.
    """
    if not shared():
        return all_runs()
    return [run for run in all_runs() if run.shipped or run.id in reached or (owner and run.state.owner == owner)]


def place_in_queue(run: RunFolder) -> int:
    """How many runs are waiting or running before this one."""
    mine = _since(run.state)
    states = (other.state for other in all_runs(shipped=False))
    return sum(_since(state) < mine for state in states if state.status not in ENDED)


def _since(state: State) -> float:
    """When a run was asked for: ids tell seconds apart, this tells every two."""
    return state.history[0].at if state.history else 0.0
