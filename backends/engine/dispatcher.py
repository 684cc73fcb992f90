"""The queue: run folders. One dispatcher gives each free slot the run whose turn it is, and notices what ended.

A folder that cannot be read is passed over; it is never the end of the queue.
"""

import os
import shutil
import sys
import time
from collections import Counter
from contextlib import suppress

from ..api import files, quota, reading, turns
from ..api.engine import STATUS
from ..api.errors import BadInput, LetheError
from ..api.home import home
from ..api.limits import limits
from ..api.runs import RunFolder, State
from ..api.spec import ENDED, Status
from . import exit_codes
from .executors import Executor, Key
from .exit_codes import Ending

EVERY = 0.2  # seconds between two looks at the folders
WATCH = 1.0  # seconds between two looks at what visitors' jobs use
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
        self._last_status: dict[str, object] = {}
        self._served: dict[str, float] = {}  # when the last job of each party that has ended began
        self._untidy: set[str] = set()  # visitors of whom a job ended since their folders were looked through
        self._watched = 0.0

    def recover(self) -> None:
        """Put what an earlier engine left unfinished back into the queue."""
        for run, state in self._open_runs():
            if (run.path / "result.json").exists() and state.status in ("running", "cancelling"):
                self._move(run, "done", "Done.")
            elif state.status == "running":
                self._move(run, "queued", exit_codes.RESTARTED)
            elif state.status == "cancelling":
                self._move(run, *_cancelled_status(run, exit_codes.CANCELLED_NOTE))

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
        open_runs = {run.id: (run, state) for run, state in self._open_runs()}
        self._enforce_limits([*open_runs.values()])
        started = self._start_queued(open_runs)
        waiting = sum(state.status == "queued" for _, state in open_runs.values())
        self._executor.prepare(waiting - started)
        self._write_status()
        return self._only is not None and self._only in self._over and not self._busy

    def _start_queued(self, open_runs: dict[str, tuple[RunFolder, State]]) -> int:
        """Start what may start now, in turn. Returns how many were started."""
        states = {name: state for name, (_, state) in open_runs.items()}
        working = Counter(turns.party(state) for state in states.values() if state.status in turns.WORKING)
        started = 0
        for name in turns.order(states, self._served):
            run, state = open_runs[name]
            if not self._executor.takes(run):
                continue
            who = turns.party(state)
            if quota.holds(who) and working[who] >= limits().running_jobs:
                continue
            with suppress(LetheError):  # it cannot be read any more
                if run.spec.after not in open_runs:  # else it starts from one of these, and waits for it
                    working[who] += 1
                    started += self._start(run)
        return started

    def _enforce_limits(self, open_runs: list[tuple[RunFolder, State]]) -> None:
        """End what a visitor's job has no more time or room for, and remove what they keep too much of."""
        if time.monotonic() - self._watched < WATCH:
            return
        self._watched = time.monotonic()
        for run, state in open_runs:
            if state.status == "running" and (why := quota.exceeded(run, state)):
                with suppress(BadInput, OSError):  # it ended at this moment
                    run.cancel(why)
        while self._untidy:
            with suppress(LetheError, OSError):
                quota.tidy(self._untidy.pop())

    def _open_runs(self) -> list[tuple[RunFolder, State]]:
        """Runs that have not ended, with their states."""
        root, open_runs = home() / "runs", []
        names = [self._only] if self._only else [path.name for path in root.iterdir()] if root.is_dir() else []
        for name in names:
            if name in self._over or name.startswith("."):
                continue
            run = RunFolder(root / name)
            try:
                state = run.state if (run.path / "spec.json").is_file() and not run.trouble else None
            except (OSError, ValueError, LetheError):
                state = None  # deleted at this moment, or not a run
            deleted = state is None and not run.path.is_dir()
            if deleted or (state is not None and (state.status in ENDED or not state.history)):
                self._end(name, state)
            elif state is not None:
                open_runs.append((run, state))
        return open_runs

    def _end(self, name: str, state: State | None) -> None:
        """Look at a run no more; what its end means for others of its party is remembered."""
        self._over.add(name)
        if state is not None:
            who = turns.party(state)
            self._served[who] = max(self._served.get(who, 0.0), turns.last_served(state))
            self._untidy.add(state.owner)

    def _start(self, run: RunFolder) -> bool:
        strange = reading.unknown_fields(run.path)
        if strange:
            self._move(run, "failed", _unknown_fields_note(strange))
            return False
        try:
            state = run.move("running")
        except (BadInput, FileNotFoundError):
            return False  # cancelled or deleted at this moment
        except OSError as error:
            self._print(f"Run {run.id} could not be started ({error.strerror}); it waits.")
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
            to, note = _next_status(run, state, ending)
            run.move(to, note=note, attempt=key[1])
            if ending.kind == "full" or run.stopped_because:
                shutil.rmtree(run.path / "checkpoint", ignore_errors=True)
        except BadInput:
            return  # it changed in between: the next look sees it
        except OSError as error:
            self._print(f"What became of run {run.id} could not be written ({error.strerror}); trying again.")
            self._unwritten[key] = ending

    def _move(self, run: RunFolder, to: Status, note: str) -> None:
        with suppress(BadInput, OSError):
            run.move(to, note=note)

    def _write_status(self) -> None:
        """Keep engine.json true."""
        status: dict[str, object] = {
            "pid": os.getpid(),
            "executor": self._executor.name,
            "slots": self._executor.slots(),
            "message": self._executor.trouble(),
        }
        if status != self._last_status:
            if status["message"] and status["message"] != self._last_status.get("message"):
                self._print(str(status["message"]))
            with suppress(OSError):
                files.write_json(home() / STATUS, status)
                self._last_status = status

    @staticmethod
    def _print(sentence: str) -> None:
        print(sentence, file=sys.stderr, flush=True)


def _next_status(run: RunFolder, state: State, ending: Ending) -> tuple[Status, str]:
    """The status that a run comes to, and the sentence for it, where the job did not write its end itself."""
    if (run.path / "result.json").exists():
        return "done", "Done."
    if state.status == "cancelling":
        return _cancelled_status(run, exit_codes.KILLED_NOTE if ending.kind == "stopped" else exit_codes.CANCELLED_NOTE)
    if ending.kind in ("refused", "full"):
        return "failed", ending.message
    if ending.kind == "lost":
        return "queued", exit_codes.LOST
    if ending.kind == "handed":
        return "queued", ending.message
    if 1 + sum(moment.note == exit_codes.CRASHED for moment in state.history) < CRASHES:
        return "queued", exit_codes.CRASHED
    return "failed", f"The job's process was lost {CRASHES} times, so it was given up. {ending.message}".strip()


def _cancelled_status(run: RunFolder, note: str) -> tuple[Status, str]:
    """What a run comes to that was asked to stop: by a person, or by a limit, which is named."""
    why = run.stopped_because
    return ("failed", why) if why else ("cancelled", note)


def _unknown_fields_note(fields: list[str]) -> str:
    """Why a job that a newer version was asked for is not done."""
    return (
        f"The job asks for {', '.join(fields)[:100]}, which this version of Lethe does not know; do it with the version "
        "that it was written for."
    )
