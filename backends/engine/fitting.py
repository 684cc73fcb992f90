"""A job that needs more memory than there is goes on with less: one measure after the other, from where its phase began.

What is tried is the job itself. When a step runs out of memory, the method is called again with the next measure of `next_fit`,
from the last state that is known; what was made once (drawn pictures, embeddings, answers of the model before) is made no second
time. The batch a method learns from stays what it is. A GPU says by itself that it is full; on a processor `Room` does.
"""

import gc
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import psutil
import torch
from torch import nn

from ..api.errors import LetheError
from ..api.memory import memory_limit, resident
from ..api.results import Fitted
from ..core import fitting
from ..core.fitting import Fit

SHARE = 0.95  # of the memory that a job may hold; above, its supervisor ends it
GLANCE = 16 * 2**20  # bytes kept by a pass between two looks at what the process holds
STATES = 3  # numbers for each weight that learns: its gradient and two of the optimiser


class TooLarge(LetheError):
    """Not even one row of a batch fits."""


class Room:
    """Watches the passes of a job on a processor: they may take what the limit leaves."""

    def __init__(self, limit: int | None = None) -> None:
        """`limit`: bytes that the process may hold; left out, as `memory_limit` says."""
        self._limit = memory_limit() if limit is None else limit
        self._next = 0

    def look(self, bytes_saved: int, model: nn.Module) -> None:
        """Raise torch.OutOfMemoryError where what a pass keeps for its gradient, and what the step will take besides, is too much."""
        if bytes_saved < self._next <= bytes_saved + GLANCE:
            return
        self._next = bytes_saved + GLANCE
        coming = sum(
            STATES * weight.nbytes for weight in model.parameters() if weight.requires_grad and weight.grad is None
        )
        free = min(
            SHARE * self._limit - resident(psutil.Process().pid, children=False), psutil.virtual_memory().available
        )
        if free < coming:
            raise torch.OutOfMemoryError(
                f"a pass keeps {bytes_saved / 2**20:.0f} MiB, and too little is left for its gradient"
            )


def first_fit(where: torch.device, earlier: Mapping[str, Any] | None = None) -> Fit:
    """How a job begins: whole batches, nothing computed twice, everything on the device; or as `earlier` says, of an earlier attempt."""
    return Fit(guard=Room() if where.type == "cpu" else None, **(earlier or {}))


def next_fit(fit: Fit, where: torch.device) -> Fit | None:
    """The next measure: what no step needs leaves a GPU, then layers are computed again, then batches are halved, again and again.
    None when nothing is left."""
    less = replace(fit, well=0, tried=False, inside=False)
    if where.type != "cpu" and not fit.rests:
        return replace(less, rests=True)
    if fit.layers and not fit.again:
        return replace(less, again=True)
    rows = min(fit.rows or fit.most, fit.most) // 2
    return replace(less, rows=rows) if fit.divisible and rows else None


def fitted(
    work: Callable[[Any], None], run: Any, again: Callable[[dict[str, Any] | None, Fit], Any], fit: Fit
) -> tuple[Any, Fit]:
    """Let a method work, with as many measures as it takes.

    Args:
        work: the method, called with a run.
        run: the first.
        again: makes another from a state (None: what was saved last) for the next measure; what the last one held is free by then.
        fit: to begin with.

    Returns:
        The run that came to its end, and how it did.

    Raises:
        TooLarge: with every measure taken it does not fit.
    """
    while True:
        try:
            with fitting.active(fit):
                work(run)
            run.wake()
            return run, fit
        except Exception as error:
            if not out_of_memory(error):
                raise
            less = next_fit(fit, run.device)
            traceback.clear_frames(error.__traceback__)  # they hold what the step had computed
            why = str(error).splitlines()[0][:120]
        if less is None:
            raise TooLarge(_too_large(fit, why))
        run.wake()
        begun = run.begun
        run.release()  # others still hold it
        _free()
        fit, run = less, again(begun, less)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that the device's memory, or the machine's, is full."""
    full = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return full or "DefaultCPUAllocator: can't allocate" in str(error)


def record(fit: Fit, train: str = "") -> Fitted:
    """What a job did to fit, as result.json keeps it; `train`: what learned, where a method can choose."""
    rows = fit.rows if 0 < fit.rows < fit.most else 0
    return Fitted(rows=rows, of=fit.most if rows else 0, layers_again=fit.again, rests=fit.rests, train=train)


def _too_large(fit: Fit, why: str) -> str:
    smaller = "a smaller model or picture" if fit.rows == 1 or fit.most == 1 else "a smaller batch"
    because = (
        ""
        if fit.divisible or fit.most <= 1
        else ", and the rows of a batch belong together where it is normalised as a whole"
    )
    return f"The job needs more memory than there is ({why}){because}; choose {smaller}, or fewer weights that learn."


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
