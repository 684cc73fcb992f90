"""Slices of a GPU: what ZeroGPU lends to a visitor, some seconds at a time, while the page of their run is open.

A run that was asked for so has slices.json in its folder. While that does not say that the slices are over, the run waits for
whoever lends the GPU (the event of its page, in the server's process); then it goes on on the processor, from its checkpoint.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import BaseModel

from . import files
from .catalog import Method
from .errors import BadInput
from .estimate import LENGTHS, Estimate, estimate, estimates
from .languages import later, plural, tr
from .runs import RunFolder

FILE, BEAT = "slices.json", ".slices-beat"
ASKED: Final = 40  # seconds of one slice, as it is asked for
WORKED: Final = 35.0  # seconds of it after which the method stops; what is left is for its checkpoint

# How far a slice came: there is more to learn, the method ended, the run itself ended, or another attempt has it.
MORE, LEARNED, ENDED, OVERTAKEN = "more", "learned", "ended", "overtaken"

LEFT: Final = later("No page lends it the GPU any more, so it goes on on the processor from its last checkpoint.")
REFUSED: Final = later("ZeroGPU lent no GPU ({why}), so it goes on on the processor from its last checkpoint.")
BROKEN: Final = later(
    "Its slice of the GPU ended early ({why}), so it goes on on the processor from its last checkpoint."
)
MEASURED: Final = later("It learned on a GPU that ZeroGPU lent; it is measured on the processor.")

# Does one slice of a run: its folder and the attempt; yields where it stands, the last time with "end".
Work = Callable[[str, int], Iterator[dict[str, Any]]]


class Lent(BaseModel):
    """What a run had of slices: how many, their seconds in all, and, once they are over, why, as a sentence."""

    count: int = 0
    seconds: float = 0.0
    over: str = ""


def here() -> bool:
    """Whether this process is on hardware of ZeroGPU, as the package `spaces` tells it."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def fits(method: Method) -> bool:
    """Whether a method can stop at a checkpoint and go on: its work goes in epochs, steps or rounds."""
    return bool(set(LENGTHS) & set(method.params.get("properties", {})))


def check(method: Method) -> None:
    """See that a job can be asked for in slices.

    Raises:
        BadInput: there is no ZeroGPU here, or the method works in one go.
    """
    if not here():
        raise BadInput(
            tr("This studio has no ZeroGPU hardware, so no GPU can be lent here; start the job on the processor.")
        )
    if not fits(method):
        raise BadInput(
            tr(
                "{method} works in one go, without a checkpoint, so it cannot use slices of a GPU; start it on the processor.",
                method=method.title,
            )
        )


def expected(model: str, method: str, params: dict[str, Any], forget_count: int | None = None) -> Estimate | None:
    """What earlier jobs on a GPU needed; None where none was measured."""
    past = {where: [job for job in jobs if job.device.startswith("cuda")] for where, jobs in estimates(model).items()}
    return estimate(model, method, params, past, forget_count)


def count(seconds: float) -> int:
    """How many slices so much learning needs at least."""
    return max(1, math.ceil(seconds / WORKED))


def lent(run: RunFolder) -> Lent | None:
    """What a run had of slices; None where none were asked for, or it cannot be read."""
    try:
        record = files.read_json(run.path / FILE)
        return None if record is None else Lent.model_validate(record)
    except (OSError, ValueError):
        return None


def pending(run: RunFolder) -> bool:
    """Whether a run waits for a GPU that somebody lends it."""
    record = lent(run)
    return record is not None and not record.over


def beat(run: RunFolder) -> None:
    """Say that whoever lends the GPU is still there."""
    if run.path.is_dir():
        (run.path / BEAT).touch()


def silent(run: RunFolder) -> float:
    """Seconds since the last beat; infinite before the first."""
    try:
        return max(0.0, time.time() - (run.path / BEAT).stat().st_mtime)
    except OSError:
        return math.inf


def used(run: RunFolder, seconds: float) -> None:
    """Add a slice to what a run had."""
    if (record := lent(run)) is not None:
        after = record.model_copy(update={"count": record.count + 1, "seconds": round(record.seconds + seconds, 1)})
        files.write_json(run.path / FILE, after.model_dump())


def end(run: RunFolder, why: str) -> None:
    """Say that a run gets no more slices; the first reason counts."""
    record = lent(run)
    if record is not None and not record.over and run.path.is_dir():
        files.write_json(run.path / FILE, record.model_copy(update={"over": why}).model_dump())


def in_words(record: Lent) -> str:
    """What a run had of the GPU: "2 slices of a GPU, 61 s"; empty before the first."""
    return (
        plural(
            "{count} slice of a GPU, {seconds:.0f} s",
            "{count} slices of a GPU, {seconds:.0f} s",
            record.count,
            seconds=record.seconds,
        )
        if record.count
        else ""
    )


def why_over(record: Lent) -> str:
    """Why a run gets no more slices, in the language that is spoken; it was written down in English."""
    for sentence in (REFUSED, BROKEN):
        first, _, last = sentence.partition("{why}")
        if record.over.startswith(first) and record.over.endswith(last):
            return tr(sentence, why=record.over.removeprefix(first).removesuffix(last))
    return tr(record.over)


def notes(run: RunFolder) -> list[str]:
    """The sentence on a run's slices among its notes; none where it had not asked for any."""
    record = lent(run)
    if record is None or not record.over:
        return []
    had = in_words(record)
    return [f"{record.over} It had {had}." if had else record.over]
