"""How an attempt at a run ended, as its exit code says it and as the dispatcher hears of it. No torch here."""

import errno
from dataclasses import dataclass
from typing import Literal

DONE, FAILED, CANCELLED, STALE, FULL = 0, 10, 11, 12, 13  # exit codes of a job; every other one is a crash
CODES = (DONE, FAILED, CANCELLED, STALE, FULL)
PAUSED = 14  # of a slice, which has no process of its own: the run goes on from its checkpoint

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_DISK = "The disk that holds LETHE_HOME is full, so the job stopped; free some space and start it again."

CRASHED = "The job's process was lost; it goes on from its last checkpoint."
LOST = "The machine that held the job was lost; it goes on from its last checkpoint."
RESTARTED = "The studio was started again; the job goes on from its last checkpoint."
CANCELLED_NOTE = "Cancelled."
KILLED_NOTE = "Cancelled; it did not answer, so its process was ended."


@dataclass(frozen=True)
class Ending:
    """What became of one attempt.

    Attributes:
        kind: "ended" (the job itself wrote how), "crashed" (its process died), "stopped" (it was killed because it did
            not answer to a cancellation), "refused" (it may not be tried again, `message` says why), "full" (the disk
            is), "lost" (what held it went away, which is not the job's fault), or "handed" (it goes on in another place,
            `message` says why).
        message: one sentence, where there is something to say.
    """

    kind: Literal["ended", "crashed", "stopped", "refused", "full", "lost", "handed"]
    message: str = ""


def of_code(code: int) -> Ending:
    """The ending that an exit code stands for."""
    if code == FULL:
        return Ending("full", FULL_DISK)
    return Ending("ended") if code in CODES else Ending("crashed", f"Its process ended with code {code}.")
