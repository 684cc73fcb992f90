"""Jobs from Python: make a model forget, open what was made."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.follow import follow
from backends.api import runs as folders
from backends.api.errors import BadInput, LetheError
from backends.api.home import ASSETS, home
from backends.api.spec import JobSpec

from ._progress import Hears, watcher
from ._run import Run

Targets = str | Sequence[str]


def unlearn(
    *,
    model: str | Path,
    method: str,
    forget: Targets,
    keep: Targets = (),
    seed: int = 0,
    metrics: Sequence[str] = (),
    data: str | Path = "",
    after: "str | Run" = "",
    family: str = "",
    progress: Hears | bool = True,
    **settings: Any,
) -> Run:
    """Make a model forget, and measure what happened. Waits for the job; Ctrl-C cancels it and keeps what there is.

    Args:
        model: id of an embedded model, a folder, or a Hub id like owner/name.
        method: id of a method, as `methods(model)` lists them.
        forget: what to forget, one target or several, written as for the command line: "Sandal", "random:10%", "@questions.json".
        keep: what the method may rehearse, written the same way; left out, everything else.
        seed: seed of everything random.
        metrics: ids of those to measure; left out, all that fit.
        data: for an image classifier of your own, a folder with one folder of images a class.
        after: the run whose unlearned model this job starts from; left out, the model itself.
        family: of a model of the Hub that is not here yet; left out, one that the method fits.
        progress: a function that is called with a `Progress` at every step; True for a line on standard error, False for nothing.
        settings: parameters of the method, as epochs=3; what is left out is tuned for the model, or the method's default.

    Returns:
        The run, done.

    Raises:
        BadInput: it cannot be done as asked; nothing was written.
        LetheError: the job failed or was cancelled; the sentence says why. `open` has what there is of it.
        KeyboardInterrupt: Ctrl-C; the run has been cancelled.
    """
    from backends.api import submit

    before = after.id if isinstance(after, Run) else after
    spec = submit.read(
        model=str(model), method=method, params=settings, forget=_several(forget), keep=_several(keep), seed=seed, metrics=tuple(metrics),
        data=str(data), after=before, family=family,
    )  # fmt: skip
    return _done(spec, progress)


def import_model(
    *,
    before: str | Path,
    after: str | Path,
    forget: Targets,
    keep: Targets = (),
    seed: int = 0,
    metrics: Sequence[str] = (),
    data: str | Path = "",
    progress: Hears | bool = True,
) -> Run:
    """Take in a model that was unlearned by other means beside the model it was before, and measure what happened.

    Args:
        before: the model as it was: id of an embedded model, a folder, or a Hub id.
        after: a folder of the same model after, in safetensors.
        forget: what it was to forget, one target or several, as for `unlearn`.
        keep: what was rehearsed, where that is known.
        seed: seed of what is drawn while it is measured.
        metrics, data, progress: as for `unlearn`.

    Returns:
        The run, done. It can be looked into and tested as any other; what unlearning cost is not known of it.

    Raises:
        BadInput, LetheError, KeyboardInterrupt: as `unlearn`.
    """
    from backends.api import elsewhere

    spec = elsewhere.read(
        str(before),
        after,
        forget=_several(forget),
        keep=_several(keep),
        seed=seed,
        metrics=tuple(metrics),
        data=str(data),
    )
    return _done(spec, progress)


def _done(spec: JobSpec, progress: Hears | bool) -> Run:
    """Queue a job, and wait for it."""
    from backends.api import pairs, submit

    listener = watcher(progress)
    folder = submit.submit(spec)
    for note in (*pairs.notes(spec.forget), *pairs.notes(spec.keep, "keep")):
        listener.say(note)
    listener.say(f"Run {folder.id}")
    state = follow(folder, listener)
    if state.status != "done" or folder.result is None:
        error = LetheError(state.message or f"Run {folder.id} is {state.status}.")
        error.add_note(f"lethe.open({folder.id!r}) has what there is of it.")
        raise error
    return Run(folder)


def _several(targets: Targets) -> tuple[str, ...]:
    return (targets,) if isinstance(targets, str) else tuple(targets)


def open(run: str | Path) -> Run:
    """A run of this home or one that came with Lethe, by its id or its folder, in whatever state it is.

    Raises:
        BadInput: there is none, or the folder lies elsewhere.
        Unreadable: it cannot be read.
    """
    path = Path(run).expanduser()
    if isinstance(run, str) and path.name == run:
        return Run(folders.find(run))
    if path.absolute().parent.resolve() not in ((home() / "runs").resolve(), (ASSETS / "runs").resolve()):
        raise BadInput(
            f"{str(run)[:80]} lies outside of {home() / 'runs'}; lethe.import_run({str(run)[:80]!r}) takes a run into it."
        )
    return Run(folders.find(path.name))


def import_run(path: str | Path) -> Run:
    """Take in a finished run that was made elsewhere: its folder, or a zip or tar of one. Nothing of it is trusted or run.

    Raises:
        BadInput: it holds no finished run, or what is refused, as a link or a pickle; nothing was written.
    """
    from backends.api import importing

    return Run(importing.take_in(Path(path).expanduser()).run)


def runs() -> list[Run]:
    """Every run that can be read, newest first, those that came with Lethe last."""
    return [Run(folder) for folder in folders.all_runs()]
