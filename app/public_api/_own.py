"""Whose something is, for programs: the secret that a caller gives or gets, and the runs that it can see."""

import secrets
from typing import Final

from backends.api import runs
from backends.api.errors import BadInput
from backends.api.home import shared
from backends.api.runs import RunFolder

LEAST, MOST = 16, 200  # characters of a secret
NEEDED: Final = (
    f"Strangers share this studio, so give a secret of your own, {LEAST} to {MOST} characters that nobody guesses, or the one that "
    "start_job gave you."
)


def checked(secret: str, *, needed: bool = False) -> str:
    """A secret as it was given; empty where none was, and none is `needed`.

    Raises:
        BadInput: it is too short to be one, or too long, or is missing where strangers share the studio.
    """
    if secret and not LEAST <= len(secret) <= MOST:
        raise BadInput(f"The secret has {len(secret)} characters, but {LEAST} to {MOST} are needed.")
    if needed and not secret and shared():
        raise BadInput(NEEDED)
    return secret


def made(secret: str) -> str:
    """A secret as it was given, or, where strangers share the studio and none was, a new one.

    Raises:
        BadInput: as `checked`.
    """
    return checked(secret) or (secrets.token_urlsafe(24) if shared() else "")


def finished(run_id: str, what: str) -> RunFolder:
    """A run that is done. Whoever has its id may look at it.

    Args:
        run_id: its id.
        what: that only such a run has, as in "a result".

    Raises:
        BadInput: there is no such run, or it is not done.
    """
    run = runs.find(run_id)
    state = run.state
    if run.result is None or state.status != "done":
        why = f" ({state.message.rstrip('.')})" if state.status == "failed" and state.message else ""
        raise BadInput(f"Run {run.id} is {state.status}{why}; only a run that is done has {what}.")
    return run
