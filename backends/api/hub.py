"""What a signed-in visitor has pushed to a repository of their own on the Hub: a model folder with its card, or a card alone.

Their token is an argument that goes to the Hub's library, and nowhere else: no log, no run folder and no job sees it.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Any, Final

from . import runs
from .errors import BadInput, LetheError, OutOfReach
from .hub_jobs import message_of
from .languages import tr

NAME: Final = re.compile(r"(?=.{1,96}$)[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
SIGNED: Final = "hf-"  # before the secret of who is signed in, so that it is told from a browser's own
CARD: Final = "README.md"


def key() -> bytes:
    """What the secrets of signed-in visitors are made with: the secret of this Space's own OAuth application.

    Raises:
        LetheError: there is none, so nobody can be signed in.
    """
    value = os.environ.get("OAUTH_CLIENT_SECRET", "")
    if not value:
        raise LetheError(tr("Nobody can sign in here: this is no Space with hf_oauth in its README."))
    return value.encode()


def offered() -> bool:
    """Whether visitors may sign in here: a Space whose README says so gets an OAuth application."""
    return bool(os.environ.get("OAUTH_CLIENT_ID") and os.environ.get("OAUTH_CLIENT_SECRET"))


def secret(account: str) -> str:
    """The secret of a visitor who is signed in, the same in every browser; nobody can make it without the Space's own."""
    return SIGNED + hmac.new(key(), b"lethe-account:" + account.encode(), hashlib.sha256).hexdigest()


def is_signed(browser_secret: str) -> bool:
    """Whether a secret is one of an account, and not of a browser."""
    return browser_secret.startswith(SIGNED)


def adopt(before: str, after: str) -> int:
    """Give the runs that a browser started before to the account that signed in there. Returns how many.

    Args:
        before: the browser's own secret.
        after: the account's.
    """
    old, new, count = runs.owner_mark(before), runs.owner_mark(after), 0
    for run in runs.all_runs(shipped=False):
        if runs.is_owner(run, old):
            run.give(new)
            count += 1
    return count


def repository(account: str, name: str) -> str:
    """The id of a repository of an account.

    Raises:
        BadInput: the name is none that the Hub takes.
    """
    if not NAME.fullmatch(name) or ".." in name or "--" in name:
        raise BadInput(
            tr(
                "The name was {name!r}; letters, digits, and single -, _ and . between them are allowed, 96 at most.",
                name=name[:80],
            )
        )
    return f"{account}/{name}"


def push(folder: Path, repo: str, token: str, run_id: str) -> str:
    """Upload a folder to a private repository, made where there is none. Returns its address.

    Raises:
        OutOfReach: the Hub refuses, or does not answer.
    """
    from huggingface_hub import HfApi

    api: Any = HfApi(token=token)
    try:
        api.create_repo(repo, private=True, exist_ok=True)
        api.upload_folder(repo_id=repo, folder_path=str(folder), commit_message=f"Lethe, run {run_id}")
    except Exception as error:
        raise OutOfReach(tr("{repo} could not be written ({error}).", repo=repo, error=message_of(error))) from None
    return f"https://huggingface.co/{repo}"
