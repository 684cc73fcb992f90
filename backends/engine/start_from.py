"""Jobs that start from the model that an earlier run left: what they take over, and what they rehearse.

The changes of the earlier runs lie in the run folder as start/01.safetensors and so on, oldest first, so that the folder can
be copied alone. `after/changed.safetensors` is what the run itself changed then.
"""

import os
import shutil
from contextlib import suppress
from typing import Any

from ..api import runs
from ..api.errors import BadInput
from ..api.runs import RunFolder
from ..core.changes import START, apply, before, changes


def take_over(run: RunFolder) -> None:
    """Bring the changes of the runs that a job starts from into its folder, where they are not there yet.

    Raises:
        BadInput: the run to start from is gone, or has not finished.
    """
    if not run.spec.after or (run.path / START).is_dir():
        return
    earlier = runs.find(run.spec.after)
    if earlier.result is None:
        raise BadInput(f"Run {earlier.id}, which this one starts from, is {earlier.state.status}; it left no model.")
    making = run.path / ".start"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    for number, path in enumerate(changes(earlier), 1):
        to = making / f"{number:02}.safetensors"
        with suppress(OSError):
            os.link(path, to)
        if not to.exists():
            shutil.copyfile(path, to)
    making.replace(run.path / START)


def request(task: Any, run: RunFolder) -> Any:
    """The task as a method sees it: `task` itself, or, where the job starts from an earlier run, the same model as that run
    left it, with only this job's targets to forget. What the earlier runs forgot is not rehearsed."""
    if not run.spec.after:
        return task
    own = task.again()
    own.precision = task.precision
    own.resolve(run.spec.forget, run.spec.keep)
    own.keep_as(task)
    load = own.load
    own.load = lambda: apply(load(), before(run)).eval()
    return own
