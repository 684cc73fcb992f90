"""Locks of files between the processes of this machine. One ends with the process that holds it, however that ends.

The file of a lock stays where it is; the process that holds it stands beside it, in a file with the suffix `.pid`.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from filelock import BaseFileLock

POLL = 0.01  # seconds between two tries for a lock that another holds
PROBE = 0.2  # seconds that may pass until another process that only asks who holds a lock has let go of it


def acquire(path: Path, patience: float = 0.0) -> "BaseFileLock":
    """Take a lock. It is held until what this returns is released, or is referred to by nothing any more.

    Args:
        path: the file of the lock; its folder is there.
        patience: seconds to wait for it; below 0 as long as it takes.

    Raises:
        Timeout: of filelock; another holds it.
        OSError: the file cannot be written.
    """
    from filelock import FileLock  # a twentieth of a second, which commands that lock nothing are spared

    lock = FileLock(path, mode=0o600, thread_local=False)
    lock.acquire(timeout=patience, poll_interval=POLL)
    return lock


@contextmanager
def holding(path: Path, patience: float = 0.0) -> Iterator[None]:
    """Within this the lock is held; see `acquire`.

    Raises:
        Timeout: of filelock; another holds it.
        OSError: the file cannot be written.
    """
    lock = acquire(path, patience)
    try:
        yield
    finally:
        lock.release()


def acquire_named(path: Path, patience: float = 0.0) -> "BaseFileLock":
    """Take a lock and write down that this process holds it, for `holder`; see `acquire`."""
    lock = acquire(path, patience)
    _name_file(path).write_text(str(os.getpid()), "utf-8")
    return lock


def holder(path: Path) -> int | None:
    """The process that holds a lock, 0 where it does not say which; None where nobody holds it."""
    from filelock import Timeout

    end = time.monotonic() + PROBE
    while path.exists():
        try:
            with holding(path):
                return None
        except Timeout:  # by its holder, or for a moment by another who asks this
            pid = _name(path)
            if psutil.pid_exists(pid) or time.monotonic() > end:
                return pid
            time.sleep(POLL)
        except OSError:
            return None
    return None


def _name_file(path: Path) -> Path:
    return path.with_suffix(".pid")


def _name(path: Path) -> int:
    try:
        text = _name_file(path).read_text("utf-8").strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdigit() else 0
