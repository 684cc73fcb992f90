"""The third executor: runs to which a visitor lends a GPU in slices, beside an executor that does all others.

It computes nothing: the slices are done by the server's process, in the event of the visitor's page. It holds the run meanwhile, and
hands it back to the queue, and so to the other executor, when the GPU is refused or the visitor is gone.
"""

import math
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from ..api import slices
from ..api.errors import LetheError
from ..api.runs import RunFolder
from ..api.spec import ENDED
from .executors import Executor, Key
from .exit_codes import CANCELLED_NOTE, Ending

PATIENCE: Final = 15.0  # seconds without a beat after which the visitor is taken for gone
FIRST: Final = 60.0  # the same before the first beat: a page has to open


class Slices:
    """Holds what is done in slices, and gives the rest to another executor."""

    def __init__(self, others: Executor) -> None:
        self._others = others
        self._held: dict[Key, tuple[RunFolder, float]] = {}  # with the moment of their start
        self.name = f"{others.name} and slices"

    def slots(self) -> int:
        return self._others.slots() + len(self._held)

    def takes(self, run: RunFolder) -> bool:
        return slices.pending(run) or self._others.takes(run)

    def start(self, run: RunFolder, attempt: int) -> None:
        if slices.pending(run):
            self._held[run.id, attempt] = (run, time.monotonic())
        else:
            self._others.start(run, attempt)

    def ended(self) -> Iterator[tuple[Key, Ending]]:
        yield from self._others.ended()
        for key, (run, since) in [*self._held.items()]:
            if (ending := _ending(run, key[1], since)) is not None:
                del self._held[key]
                yield key, ending

    def trouble(self) -> str:
        return self._others.trouble()

    def prepare(self, waiting: int) -> None:
        self._others.prepare(waiting)

    def close(self) -> None:
        self._others.close()


def _ending(run: RunFolder, attempt: int, since: float) -> Ending | None:
    """How the slices of an attempt ended; None while they go on, or may still begin."""
    try:
        state = run.state
    except (LetheError, OSError):
        return Ending("ended")  # damaged or deleted
    if state.status in ENDED or state.attempt != attempt:
        return Ending("ended")
    quiet, waited = slices.silent(run), time.monotonic() - since
    if min(quiet, waited) > (FIRST if quiet == math.inf else PATIENCE):
        with suppress(OSError):
            slices.end(run, slices.LEFT)
    record = slices.lent(run)
    if record is None or not record.over:
        return None
    return Ending("ended", CANCELLED_NOTE) if state.status == "cancelling" else Ending("handed", record.over)
