"""Jobs that start from the model that an earlier run left: what they take over, and what they rehearse.

The changes of the earlier runs lie in the run folder as start/01.safetensors and so on, oldest first, so that the folder can
be copied alone. `after/changed.safetensors` is what the run itself changed then. Beside them lies what a run before changed in the data, see
`backends.api.learned`.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..api import files, learned, runs
from ..api.errors import BadInput
from ..api.learned import START, Learned
from ..api.runs import RunFolder
from ..core.changes import apply, before, changes

UNTOUCHED = (
    "the model before it learned from what was manipulated"  # where a run says which reference it was compared with
)
NOTE = (
    "What is called the retrained reference is here the model as it was before it learned from what was manipulated: it never saw that, "
    "but it did see those images as they were."
)


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
    own, inherited = learned.own(earlier.path), learned.inherited(earlier.path)
    if own is not None:
        inherited = own.model_copy(update={"run": earlier.id, "weights": len(changes(earlier))})
    if inherited is not None:
        files.write_json(making / learned.FILE, inherited.model_dump(mode="json"))
    making.replace(run.path / START)


def begin(task: Any, earlier: RunFolder) -> None:
    """Let a task learn from the data as a job does that starts from an earlier run, with nothing resolved."""
    own, inherited = learned.own(earlier.path), learned.inherited(earlier.path)
    if own is not None:
        task.left_by(own.how, changes(earlier))
    elif inherited is not None:
        task.left_by(inherited.how, before(earlier)[: inherited.weights])


def resolve(task: Any, run: RunFolder, forget: tuple[str, ...] = ()) -> None:
    """Resolve the targets of a run in a freshly opened task, which learns from the data as the run, or one before it, changed them.

    Args:
        task: of the run's model; is changed.
        run: what it starts from lies in its folder already.
        forget: other targets than all that the run is to have forgotten.
    """
    inherited, own = learned.inherited(run.path), learned.own(run.path)
    if inherited is not None:
        task.left_by(inherited.how, before(run)[: inherited.weights])
    if own is not None:
        task.left_by(own.how)
    task.resolve(own.forget if own is not None else forget or run.spec.forgotten, run.spec.keep)


def teach(task: Any, run: RunFolder, how: Learned) -> bytes:
    """Let a task whose targets are resolved learn from changed data, and resolve what names the change. What is to be kept in the folder."""
    task.left_by(how.how)
    task.resolve(how.forget, run.spec.keep)
    return (files.dumps(how.model_dump(mode="json")) + "\n").encode()


def untouched(task: Any, run: RunFolder) -> Any:
    """A model that never saw changed data, where the run starts from one that did: the model itself. None of any other run."""
    return task.load(task.folder) if learned.inherited(run.path) is not None else None


def later_changes(run: RunFolder) -> list[Path]:
    """What makes the model that a finished run left from the one that its task loads, in order."""
    inherited = learned.inherited(run.path)
    return changes(run)[inherited.weights if inherited is not None else 0 :]


def request(task: Any, run: RunFolder) -> Any:
    """The task as a method sees it: `task` itself, or, where the job starts from an earlier run, the same model as that run
    left it, with only this job's targets to forget. What the earlier runs forgot is not rehearsed."""
    if not run.spec.after:
        return task
    own = task.again()
    own.precision = task.precision
    resolve(own, run, run.spec.forget)
    own.keep_as(task)
    load, inherited = own.load, learned.inherited(run.path)
    more = before(run)[inherited.weights if inherited is not None else 0 :]  # low-rank factors must not be added twice
    own.load = lambda: apply(load(), more).eval()
    return own
