"""Where things lie: LETHE_HOME for what people make, `assets` for what is shipped."""

import os
from pathlib import Path

from .errors import OutOfReach
from .processes import ROOT

ASSETS = ROOT / "assets"


def home() -> Path:
    """The folder that holds every run, cache and made reference: $LETHE_HOME, else ~/.lethe. Not created."""
    return Path(os.environ.get("LETHE_HOME") or Path.home() / ".lethe").expanduser()


def ready_home() -> Path:
    """`home()`, created and proven writable.

    Raises:
        OutOfReach: it cannot be created or written.
    """
    where = home()
    try:
        (where / "runs").mkdir(parents=True, exist_ok=True)
        probe = where / f".probe-{os.getpid()}"
        probe.write_bytes(b"lethe")
        probe.unlink()
    except OSError as error:
        raise OutOfReach(
            f"LETHE_HOME is {where}, which cannot be written ({error.strerror}); set LETHE_HOME to a folder you may write."
        ) from None
    return where


def shared() -> bool:
    """True where strangers share one studio (a Hugging Face Space, a class, or LETHE_SHARED=1): each sees only what is theirs."""
    return os.environ.get("LETHE_SHARED") == "1" or bool(os.environ.get("SPACE_ID")) or in_class()


def in_class() -> bool:
    """True where a server is one for a class, whether it has begun or was ended (LETHE_CLASS)."""
    return os.environ.get("LETHE_CLASS", "") not in ("", "0")
