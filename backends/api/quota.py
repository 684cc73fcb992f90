"""What one visitor of a shared studio may use: checked before a job waits, watched while it works, tidied when it ended.

The numbers stand in `limits`. Nothing of this holds on a person's own machine; of jobs that the command line of a shared one
starts, only the length of their description.
"""

import os
import time
from pathlib import Path

from . import estimate, turns
from .errors import BadInput, Busy
from .home import shared
from .languages import later, plural, tr
from .limits import limits
from .reading import State
from .runs import RunFolder, all_runs, is_owner
from .spec import ENDED, JobSpec

HERE = later("of this shared studio")


def holds(owner: str) -> bool:
    """Whether limits hold for who asks: a visitor of a studio that strangers share."""
    return shared() and bool(owner)


def check_size(spec: JobSpec) -> None:
    """Check how long a job's description is.

    Raises:
        BadInput: it is longer than a visitor of a shared studio may send.
    """
    size, most = len(spec.model_dump_json().encode()), limits().spec_bytes
    if shared() and size > most:
        raise BadInput(
            tr(
                "The description of this job has {size}; a visitor {here} may send {most}. Use fewer or shorter texts, or run "
                "Lethe on your own machine.",
                size=_bytes(size),
                here=tr(HERE),
                most=_bytes(most),
            )
        )


def check_time(spec: JobSpec, owner: str) -> None:
    """Check a complete job against how long such jobs took, where that is known.

    Raises:
        BadInput: it would take longer than a visitor's job may.
    """
    if not holds(owner):
        return
    most, expected = limits().job_seconds, estimate.estimate(spec.model, spec.method, spec.params)
    if expected is not None and expected.seconds > most:
        raise BadInput(
            tr(
                "This job would take about {seconds}, but a job {here} may run for {most}. Choose fewer epochs or steps, "
                "another method, or run Lethe on your own machine.",
                seconds=_seconds(expected.seconds),
                here=tr(HERE),
                most=_seconds(most),
            )
        )


def check_room(owner: str, count: int = 1) -> None:
    """Check that so many more jobs may wait.

    Raises:
        BadInput: they are more than a visitor may have waiting.
        Busy: too many wait already, of all visitors together.
    """
    if not holds(owner):
        return
    queued = [run for run in all_runs(shipped=False) if run.state.status == "queued"]
    mine, most = sum(is_owner(run, owner) for run in queued), limits().queued_jobs
    if mine + count > most:
        request = "" if count == 1 else tr("{count} jobs were asked for. ", count=count)
        raise BadInput(
            request
            + plural(
                "{count} job of yours waits already, and a visitor {here} may have {most} waiting; wait until one has "
                "begun, or cancel one on the page Runs.",
                "{count} jobs of yours wait already, and a visitor {here} may have {most} waiting; wait until one has "
                "begun, or cancel one on the page Runs.",
                mine,
                here=tr(HERE),
                most=most,
            )
        )
    if len(queued) + count > limits().waiting_jobs:
        raise Busy(
            tr(
                "{jobs} wait in this shared studio, as many as may; try again in some minutes.",
                jobs=_jobs(len(queued)),
            )
        )


def exceeded(run: RunFolder, state: State) -> str:
    """Why a running job has to end, as the sentence that it fails with; empty where it may go on."""
    if not holds(state.owner):
        return ""
    most = limits().job_seconds
    if worked(state) > most:
        return tr(
            "It ran for {most}, as long as a job {here} may, and was ended. Choose fewer epochs or steps, another method, "
            "or run Lethe on your own machine.",
            most=_seconds(most),
            here=tr(HERE),
        )
    room = limits().visitor_bytes
    if bytes_of(run.path) > room:
        return tr(
            "It wrote more than {room}, as much as a visitor {here} may keep, and was ended.",
            room=_bytes(room),
            here=tr(HERE),
        )
    return ""


def worked(state: State, now: float | None = None) -> float:
    """Seconds that a run has been worked on, over all its attempts."""
    ends = [moment.at for moment in state.history[1:]] + [time.time() if now is None else now]
    return sum(
        max(0.0, end - moment.at)
        for moment, end in zip(state.history, ends, strict=True)
        if moment.status in turns.WORKING
    )


def tidy(owner: str) -> list[str]:
    """Remove a visitor's oldest ended runs until what is left fits. Their newest run stays, and what a job starts from.

    Returns:
        Ids of the runs that were removed.
    """
    if not holds(owner):
        return []
    mine = [run for run in all_runs(shipped=False) if is_owner(run, owner)]
    needed = {run.spec.after for run in all_runs(shipped=False) if run.state.status not in ENDED}
    sizes = {run.id: bytes_of(run.path) for run in mine}
    removed: list[str] = []
    for run in reversed(mine[1:]):
        if sum(sizes.values()) <= limits().visitor_bytes:
            break
        if run.state.status in ENDED and run.id not in needed:
            run.delete()
            removed.append(run.id)
            del sizes[run.id]
    return removed


def bytes_of(folder: Path) -> int:
    """Bytes of all files in a folder; what vanishes while it is counted counts nothing."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(where, name).lstat().st_size
            except OSError:
                continue
    return total


def _jobs(count: int) -> str:
    return plural("{count} job", "{count} jobs", count)


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return tr("{seconds:.0f} seconds", seconds=seconds)
    if seconds < 2 * 3600:
        return tr("{seconds:.0f} minutes", seconds=seconds / 60)
    return (
        tr("{seconds:.0f} hours", seconds=seconds / 3600)
        if seconds < 48 * 3600
        else tr("{seconds:.0f} days", seconds=seconds / 86400)
    )


def _bytes(count: int) -> str:
    return (
        tr("{count:.0f} KB", count=count / 1024)
        if count < 1024 * 1024
        else tr("{count:.0f} MB", count=count / 1024 / 1024)
    )
