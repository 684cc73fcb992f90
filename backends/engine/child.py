"""A job's process as its supervisor sees it: started warm, watched, killed when it must be. No torch here.

The same supervision runs in the dispatcher for jobs on this machine and in a Dask worker for jobs on another.
"""

import json
import os
import subprocess
import time
from pathlib import Path

from ..api import processes
from . import machine
from .exit_codes import KILLED_NOTE, Ending, of_code

GRACE = 5.0  # seconds that a job is given to answer to a cancellation
EVERY = 0.1  # seconds between two looks at its memory


class Spare:
    """One process at a time that has imported everything and waits for a job.

    It is tied to the thread that makes it, which must live as long as it is to.
    """

    def __init__(self, gpu: str | None = None, extra: dict[str, str] | None = None) -> None:
        """`gpu`, the one CUDA device it may see, "" for none, None for what this process sees; `extra`, for its environment."""
        self._environment = dict(extra or {}) | ({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu})
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Start one where none waits."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                processes.command("backends.engine.job", "--warm"),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env=processes.environment(**self._environment, LETHE_PARENT=str(os.getpid())),
                cwd=processes.ROOT,
            )

    def give(self, run: str, attempt: int) -> "subprocess.Popen[bytes]":
        """Hand it a job; the next spare is started by `prepare`."""
        self.prepare()
        process, self._process = self._process, None
        assert process is not None and process.stdin is not None
        try:
            process.stdin.write((json.dumps({"run": run, "attempt": attempt}) + "\n").encode())
            process.stdin.close()
        except OSError:
            pass  # it has just died: its exit code will say so
        return process

    def close(self) -> None:
        """End the one that waits."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Child:
    """One job in its process, under supervision."""

    def __init__(self, process: "subprocess.Popen[bytes]", run: str, memory_limit: int) -> None:
        self.process, self._run, self._limit = process, Path(run), memory_limit
        self._cancel_seen: float | None = None
        self._looked = 0.0

    def poll(self) -> Ending | None:
        """How it ended, or None while it works; kills it when it holds too much or does not answer to a cancellation."""
        code = self.process.poll()
        if code is not None:
            return of_code(code)
        now = time.monotonic()
        if now - self._looked < EVERY:
            return None
        self._looked = now
        resident = machine.resident(self.process.pid)
        if resident > self._limit:
            self.kill()
            return Ending("refused", _too_much(resident, self._limit))
        if (self._run / "cancel").exists():
            self._cancel_seen = self._cancel_seen or now
            if now - self._cancel_seen > GRACE:
                self.kill()
                return Ending("stopped", KILLED_NOTE)
        return None

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()


def _too_much(resident: int, limit: int) -> str:
    return (
        f"The job held {resident / 1e9:.2f} GB, more than the limit of {limit / 1e9:.2f} GB, and was stopped; choose a smaller "
        "batch size, or set LETHE_MEMORY_LIMIT higher."
    )
