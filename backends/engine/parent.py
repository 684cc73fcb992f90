"""A process that must not outlive the one that started it. Loads nothing heavy: it is the first thing a child does."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
EVERY = 0.5  # seconds between two looks at the parent where the system sends no signal


def end_with(parent: int) -> None:
    """Be killed when the parent is, however it ends.

    On Linux the kernel does it, at once and even inside a C call; it watches the *thread* that started this process, so
    that thread must live as long as the child is wanted. Elsewhere a thread looks every half second.

    Args:
        parent: process id of the parent, as it gave it; when it is gone already, this process exits.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(EVERY)
    os._exit(1)


def end_with_input() -> None:
    """Exit when standard input, a pipe from the parent, is closed: by the parent, or by its end.

    For children that are started from a thread that may end before them. Nothing else may read standard input.
    """

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
