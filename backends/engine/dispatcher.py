"""The queue: run folders. One dispatcher gives each free slot the run that waits longest, and notices what ended."""

import os
import sys
import time
from contextlib import suppress

from ..api import files
from ..api.engine import STATUS
from ..api.errors import BadInput
from ..api.home import home
from ..api.runs import RunFolder, State
from ..api.spec import ENDED, Status
from . import outcome
from .executors import Executor, Key
from .outcome import Ending

EVERY = 0.2  # seconds between two looks at the folders
CRASHES = 3  # attempts that may end in a crash


class Dispatcher:
    """Does every queued run of a home, or one.

    Only this process moves runs to running; a job moves its own to done, failed or cancelled.
    """

    def __init__(self, executor: Executor, only: str | None = None) -> None:
        self._executor, self._only = executor, only
        self._over: set[str] = set()  # runs that have ended: never looked at again
        self._busy: set[Key] = set()
        self._unwritten: dict[Key, Ending] = {}  # endings that a full disk did not let us write
        self._said: dict[str, object] = {}

    def recover(self) -> None:
        """Put what an earlier engine left unfinished back into the queue."""
        for run, state in self._open_runs():
            if (run.path / "result.json").exists() and state.status in ("running", "cancelling"):
                self._move(run, "done", "Done.")
            elif state.status == "running":
                self._move(run, "queued", outcome.RESTARTED)
            elif state.status == "cancelling":
                self._move(run, "cancelled", outcome.CANCELLED_NOTE)

    def work(self) -> None:
        """Go on until the one run has ended; without one, for ever."""
        while not self.step():
            time.sleep(EVERY)

    def step(self) -> bool:
        """One look at everything. True when the one run has ended."""
        for key, ending in [*self._unwritten.items(), *self._executor.ended()]:
            self._busy.discard(key)
            self._unwritten.pop(key, None)
            self._settle(key, ending)
        found = self._open_runs()
        unfinished = {run.id for run, _ in found}
        waiting = sorted((state.history[0].at, run.id, run) for run, state in found if state.status == "queued")
        started, free = 0, self._executor.slots() - len(self._busy)
        for _, _, run in waiting:
            if free <= 0:
                break
            if run.spec.after not in unfinished:  # else it starts from one of these, and waits for it
                free -= 1
                started += self._start(run)
        self._executor.prepare(len(waiting) - started)
        self._tell()
        return self._only is not None and self._only in self._over and not self._busy

    def _open_runs(self) -> list[tuple[RunFolder, State]]:
        """Runs that have not ended, with their states."""
        root, found = home() / "runs", []
        names = [self._only] if self._only else [path.name for path in root.iterdir()] if root.is_dir() else []
        for name in names:
            if name in self._over or name.startswith("."):
                continue
            run = RunFolder(root / name)
            try:
                state = run.state if (run.path / "spec.json").is_file() else None
            except (OSError, ValueError):
                state = None  # deleted at this moment, or not a run
            gone = state is None and not run.path.is_dir()
            if gone or (state is not None and (state.status in ENDED or not state.history)):
                self._over.add(name)
            elif state is not None:
                found.append((run, state))
        return found

    def _start(self, run: RunFolder) -> bool:
        try:
            state = run.move("running")
        except (BadInput, FileNotFoundError):
            return False  # cancelled or deleted at this moment
        except OSError as error:
            self._say(f"Run {run.id} could not be started ({error.strerror}); it waits.")
            return False
        self._executor.start(run, state.attempt)
        self._busy.add((run.id, state.attempt))
        return True

    def _settle(self, key: Key, ending: Ending) -> None:
        """Write what an ending means for its run, where the job did not do so itself."""
        run = RunFolder(home() / "runs" / key[0])
        try:
            state = run.state
            if not run.path.is_dir() or state.attempt != key[1] or state.status in ENDED:
                return
            to, note = _next(run, state, ending)
            run.move(to, note=note, attempt=key[1])
        except BadInput:
            return  # it changed in between: the next look sees it
        except OSError as error:
            self._say(f"What became of run {run.id} could not be written ({error.strerror}); trying again.")
            self._unwritten[key] = ending

    def _move(self, run: RunFolder, to: Status, note: str) -> None:
        with suppress(BadInput, OSError):
            run.move(to, note=note)

    def _tell(self) -> None:
        """Keep engine.json true."""
        said: dict[str, object] = {
            "pid": os.getpid(),
            "executor": self._executor.name,
            "slots": self._executor.slots(),
            "message": self._executor.trouble(),
        }
        if said != self._said:
            if said["message"] and said["message"] != self._said.get("message"):
                self._say(str(said["message"]))
            with suppress(OSError):
                files.write_json(home() / STATUS, said)
                self._said = said

    @staticmethod
    def _say(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


def _next(run: RunFolder, state: State, ending: Ending) -> tuple[Status, str]:
    """The status that a run comes to, and the sentence for it, where the job did not write its end itself."""
    if (run.path / "result.json").exists():
        return "done", "Done."
    if state.status == "cancelling":
        return "cancelled", outcome.KILLED_NOTE if ending.kind == "stopped" else outcome.CANCELLED_NOTE
    if ending.kind in ("refused", "full"):
        return "failed", ending.message
    if ending.kind == "lost":
        return "queued", outcome.LOST
    if 1 + sum(moment.note == outcome.CRASHED for moment in state.history) < CRASHES:
        return "queued", outcome.CRASHED
    return "failed", f"The job's process was lost {CRASHES} times, so it was given up. {ending.message}".strip()
