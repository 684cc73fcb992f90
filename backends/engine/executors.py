"""Where jobs run: the protocol that the dispatcher knows, and its first form, child processes of this machine."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..api.runs import RunFolder
from . import machine
from .child import Child, Spare
from .exit_codes import Ending

Key = tuple[str, int]  # run id, attempt


class Executor(Protocol):
    """Holds what runs now. It keeps no queue: the dispatcher starts only a run that it takes."""

    name: str

    def slots(self) -> int:
        """How many runs it can hold at this moment."""
        ...

    def takes(self, run: RunFolder) -> bool:
        """Whether it has a place for this run at this moment."""
        ...

    def start(self, run: RunFolder, attempt: int) -> None:
        """Start an attempt; its end is told by `ended`."""
        ...

    def ended(self) -> Iterator[tuple[Key, Ending]]:
        """What ended since the last call."""
        ...

    def trouble(self) -> str:
        """One sentence on why it cannot work now; empty when it can."""
        ...

    def prepare(self, waiting: int) -> None:
        """Use a quiet moment to be quicker later; `waiting`, how many runs are in the queue."""
        ...

    def close(self) -> None:
        """End everything; unfinished runs go on at the next start."""
        ...


@dataclass
class _Slot:
    """A place for one job: a GPU, or this machine's processor."""

    spare: Spare
    key: Key | None = None
    child: Child | None = None


class Children:
    """One process a job, at most one job a GPU; without a GPU, one job."""

    name = "children"

    def __init__(self) -> None:
        """Raises `BadInput` where LETHE_MEMORY_LIMIT or LETHE_THREADS is none."""
        self._limit = machine.memory_limit()
        machine.cores()
        self._slots = [_Slot(Spare(gpu)) for gpu in machine.gpus()] or [_Slot(Spare())]

    def slots(self) -> int:
        return len(self._slots)

    def takes(self, run: RunFolder) -> bool:
        return any(slot.key is None for slot in self._slots)

    def start(self, run: RunFolder, attempt: int) -> None:
        slot = next(slot for slot in self._slots if slot.key is None)
        slot.key = (run.id, attempt)
        slot.child = Child(slot.spare.give(str(run.path), attempt), str(run.path), self._limit)

    def ended(self) -> Iterator[tuple[Key, Ending]]:
        for slot in self._slots:
            if slot.key is not None and slot.child is not None and (ending := slot.child.poll()) is not None:
                key, slot.key, slot.child = slot.key, None, None
                yield key, ending

    def trouble(self) -> str:
        return ""

    def prepare(self, waiting: int) -> None:
        """Warm a process in every free slot; in busy ones only where somebody waits, since it costs the job some speed."""
        for slot in self._slots:
            if slot.key is None or waiting:
                slot.spare.prepare()

    def close(self) -> None:
        for slot in self._slots:
            slot.spare.close()
            if slot.child is not None:
                slot.child.kill()
