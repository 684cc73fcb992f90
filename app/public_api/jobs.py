"""Jobs, for programs: start one, wait for it, stop it."""

import asyncio
from typing import Any, Final

from app import permissions, run_card
from app.looks import LOOKS
from app.public_api import _own
from backends.api import catalog, model_info, runs, submit
from backends.api.errors import BadInput
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

LONGEST: Final = 60  # seconds of one wait
WAITING: Final = 20  # who wait at once; more are answered without waiting
EVERY: Final = 0.5  # seconds between two looks at a run

_waiting = 0


def start_job(
    model: str,
    method: str,
    forget: list[str],
    keep: list[str] | None = None,
    settings: dict[str, Any] | None = None,
    seed: int = 0,
    secret: str = "",
) -> dict[str, Any]:
    """Start a job that makes a model forget something, and return the id of its run at once; use wait to see how it goes.

    Args:
        model: id of a model, as list_models gives it.
        method: id of a method, as list_methods gives it.
        forget: what to forget: names of the model's kinds of target, as Sandal, cat, twemoji style, forget01 or random:10%.
        keep: what the method may rehearse, written the same way; left out, everything else.
        settings: settings of the method by name; what is left out has the recommended value.
        seed: of everything random, 0 or more.
        secret: who you are where strangers share the studio: 16 or more characters that nobody guesses; left out, one is made.

    Returns:
        run (its id, which is also the link to it: whoever has it may look), status, model, method, forget, settings (all of them), page
        (its address below that of the studio) and secret: keep it, only with it can the run be cancelled. It is empty where nobody
        shares the studio.
    """
    own = _own.made(secret)
    model_info.embedded(model)  # a program opens no folder of this machine,
    catalog.load().get("methods", method)  # not even as a model that was unlearned elsewhere
    for target in (*forget, *(keep or ())):
        if target.strip().startswith("@"):
            raise BadInput(
                f"{target[:60]!r} names a file, and programs name none of the studio's machine; write what it holds."
            )
    spec = submit.read(model=model, method=method, forget=forget, keep=keep or (), params=settings or {}, seed=seed)
    run = submit.submit(spec, runs.owner_mark(own))
    spec = run.spec
    return {
        "run": run.id, "status": run.state.status, "model": spec.model, "method": spec.method, "forget": spec.forget,
        "settings": spec.params, "page": f"run?id={run.id}", "secret": own,
    }  # fmt: skip


async def wait(run: str, seconds: float = 30) -> dict[str, Any]:
    """Wait until a run has ended, at most so many seconds, and say how it stands with its true progress. Call it again until it has ended.

    Args:
        run: id of the run.
        seconds: how long to wait at most, 0 to 60. Where many wait already, it answers at once.

    Returns:
        run, status (queued, running, cancelling, cancelled, failed or done), ended (whether it will change no more), message (one
        sentence), phase with step of steps (0 of 0 where that is not counted), seconds_left of this phase where it is known, and before:
        how many runs are done first, while it is queued.
    """
    global _waiting
    if not 0 <= seconds <= LONGEST:
        raise BadInput(f"seconds was {seconds:g}, but 0 to {LONGEST} are allowed.")
    folder = runs.find(run)
    if _waiting < WAITING:
        _waiting += 1
        try:
            until = asyncio.get_running_loop().time() + seconds
            while folder.state.status not in ENDED and asyncio.get_running_loop().time() < until:
                await asyncio.sleep(min(EVERY, seconds))
        finally:
            _waiting -= 1
    return await asyncio.to_thread(standing, folder)


def standing(run: RunFolder) -> dict[str, Any]:
    """How a run stands, as `wait` answers."""
    state, events = run.state, run.events()
    ended = state.status in ENDED
    entered = run_card.phases(events)
    phase, step, steps = entered[-1] if entered else ("", 0, 0)
    return {
        "run": run.id, "status": state.status, "ended": ended, "phase": phase, "step": step, "steps": steps,
        "message": state.message if ended else run_card.state_sentence(run, events),
        "seconds_left": None if ended else run_card.seconds_left(run, events),
        "before": runs.place_in_queue(run) if state.status == "queued" else 0,
    }  # fmt: skip


def cancel(run: str, secret: str = "") -> dict[str, Any]:
    """Stop a run that waits or works, or the tests of yours that wait or work on a finished one.

    Args:
        run: id of the run.
        secret: the one that it was started with, where strangers share the studio.

    Returns:
        run, status, and tests: how many sets of tests were stopped.
    """
    owner = runs.owner_mark(_own.checked(secret))
    folder = runs.find(run)
    testing = [one for one in LOOKS.owned(owner) if one.run == folder.id and one.pending]
    if not testing:
        permissions.for_change(run, secret).cancel()
    for one in testing:
        LOOKS.cancel(one.number, owner)
    return {"run": folder.id, "status": folder.state.status, "tests": len(testing)}
