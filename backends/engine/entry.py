"""What a Dask scheduler and its workers import of Lethe. FROZEN: functions travel by name, so an older worker runs its own.

Never rename or move these functions, nor change what they take; every argument and answer is a built-in type. An old
worker then refuses a job in words instead of doing it differently. Nothing here imports torch.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any

from ..api import __version__
from . import machine
from .child import Child, Spare

EVERY = 0.1

_spare: Spare | None = None


def version(**_: Any) -> str:
    """The version of Lethe on the asked machine."""
    return __version__


def strict(dask_scheduler: Any = None) -> str:
    """Let the scheduler give up a task whose worker is lost, so that the dispatcher decides. Its version of Lethe."""
    dask_scheduler.allowed_failures = 0
    return __version__


def dask_setup(worker: Any) -> None:
    """Called when a worker starts: warm a process for its first job."""
    global _spare
    _spare = Spare()
    _spare.prepare()


def run_job(wanted: str, run: str, attempt: int) -> dict[str, str]:
    """Do one attempt at a run in a child process, under supervision.

    Args:
        wanted: version of Lethe that asks.
        run: the run's folder, which this machine must see under the same path.
        attempt: the attempt.

    Returns:
        `kind` and `message` of an `outcome.Ending`. It raises nothing: an exception would be unpickled by who asks.
    """
    global _spare
    here = socket.gethostname()
    if wanted != __version__:
        said = f"The worker on {here} has Lethe {__version__}, but the studio has {wanted}; install the same on both."
        return {"kind": "refused", "message": said}
    if not (Path(run) / "spec.json").is_file():
        said = f"The worker on {here} does not see {run}; LETHE_HOME must lie on a disk that all machines share."
        return {"kind": "refused", "message": said}
    try:
        _spare = _spare or Spare()
        os.environ["LETHE_HOME"] = str(Path(run).parents[1])
        child = Child(_spare.give(run, attempt), run, machine.memory_limit())
        while (ending := child.poll()) is None:
            time.sleep(EVERY)
        _spare.prepare()
        return {"kind": ending.kind, "message": ending.message}
    except Exception as error:
        return {
            "kind": "refused",
            "message": f"The worker on {here} could not do the job ({type(error).__name__}: {error}).",
        }
