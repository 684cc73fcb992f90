"""One slice of a run: the same job as a process of its own does, up to a checkpoint after some seconds.

`spaces.GPU` makes it a call that ZeroGPU lends a GPU to: it then runs in a fork of the server's process, which gets its arguments and
gives back what it yields, pickled. Whatever it learned lies in the run's folder.
"""

import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..api import slices
from ..api.runs import RunFolder
from . import exit_codes, job
from .attempt import do
from .recorder import FolderKeeper, Paused

EVERY: Final = 0.5  # seconds between two yields
WAYS: Final = {exit_codes.PAUSED: slices.MORE, exit_codes.STALE: slices.OVERTAKEN}


class SliceKeeper(FolderKeeper):
    """Keeps a run until a moment, or until its method has ended: what follows is measured on the processor.

    Attributes:
        over: set by whoever wants the slice to end early.
        learned: the method has ended.
        where: phase, step and number of steps, as last reported.
    """

    def __init__(self, run: RunFolder, attempt: int, until: float) -> None:
        super().__init__(run, attempt)
        self._until = until
        self.over, self.learned = threading.Event(), False
        self.where: tuple[str, int, int] = ("load", 0, 0)

    def open(self) -> dict[str, Any]:
        saved = super().open()
        self.learned = bool(saved.get("finished"))
        return saved

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        if self.learned:
            self._pause()
        super().report(phase, step, of, values)
        self.where = (phase or self.where[0], step, of)

    def due(self) -> bool:
        return self._time_is_up() or super().due()

    def checkpoint(self, state: dict[str, Any]) -> None:
        super().checkpoint(state)
        if self._time_is_up():
            self._pause()

    def end_method(self, state: dict[str, Any], peak: int) -> tuple[float, int]:
        self.learned = True  # its last sample is still taken; then comes the measuring, which reports
        return super().end_method(state, peak)

    def _time_is_up(self) -> bool:
        return self.over.is_set() or time.monotonic() >= self._until

    def _pause(self) -> None:
        self.free()
        raise Paused


def ready() -> None:
    """Import here what slices need, so that no fork of this process does it in the time that the GPU is lent. It touches no GPU."""
    for step in job.imports():
        step()


def work(folder: str, attempt: int) -> Iterator[dict[str, Any]]:
    """Work on a run for one slice.

    Args:
        folder: of the run, which is in the state running.
        attempt: the attempt that slices do.

    Yields:
        `phase`, `step` and `of` twice a second, so that who listens may end it; at last also `end`, one of MORE, LEARNED, ENDED and
        OVERTAKEN of `backends.api.slices`.
    """
    os.environ.pop("LETHE_DEVICE", None)  # it names the processor for the studio's own jobs; here the GPU is lent
    keeper = SliceKeeper(RunFolder(Path(folder)), attempt, time.monotonic() + slices.WORKED)
    codes: queue.Queue[int] = queue.Queue()
    working = threading.Thread(target=lambda: codes.put(do(keeper.run, attempt, keeper)), daemon=True)
    working.start()
    try:
        while working.is_alive():
            yield _progress(keeper)
            working.join(EVERY)
    finally:
        keeper.over.set()
        working.join()
    code = codes.get() if not codes.empty() else exit_codes.FAILED
    way = slices.LEARNED if keeper.learned else WAYS.get(code, slices.ENDED)
    yield _progress(keeper) | {"end": way}


def _progress(keeper: SliceKeeper) -> dict[str, Any]:
    phase, step, of = keeper.where
    return {"phase": phase, "step": step, "of": of}
