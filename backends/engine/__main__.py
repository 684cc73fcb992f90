"""The engine of a home: `python -m backends.engine [--scheduler URL] [--only RUN_ID]`.

One process a home. It holds the queue (run folders) and nothing of what computes, so it stays small and is never busy.
"""

import argparse
import contextlib
import os
import signal
import sys
import threading
from typing import Any

from ..api import files, kept, runs, slices
from ..api.engine import FAILED, REFUSED, STATUS, UNREACHABLE, hold, status
from ..api.errors import BadInput, Busy, LetheError, OutOfReach
from ..api.home import home, ready_home
from .dispatcher import Dispatcher
from .executors import Children, Executor
from .parent import end_with_input
from .slices import Slices


def executor(scheduler: str | None) -> Executor:
    """The executor that the one setting chooses.

    Raises:
        LetheError: the address is none, nothing answers there, or a limit in the environment cannot be read.
    """
    if not scheduler:
        return Slices(Children()) if slices.here() else Children()
    from .dask_executor import DaskExecutor

    return DaskExecutor(scheduler)


def serve(scheduler: str | None, only: str | None) -> None:
    """Hold the home and work, until the one run has ended or the process is told to stop.

    Raises:
        LetheError: the home cannot be written or is held, there is no such run, or the scheduler does not answer.
    """
    ready_home()
    lock = hold()
    over = threading.Event()
    try:
        keeps = kept.folder() is not None
        chosen = executor(scheduler)
        if only is not None:
            runs.find(only)
    except LetheError as error:
        with contextlib.suppress(OSError):
            files.write_json(home() / STATUS, {"pid": os.getpid(), "executor": "", "slots": 0, "message": str(error)})
        raise
    try:
        if keeps:
            threading.Thread(target=kept.watch, args=(over,), name="kept", daemon=True).start()
        chosen.prepare(1)
        dispatcher = Dispatcher(chosen, only)
        dispatcher.recover()
        dispatcher.work()
    finally:
        over.set()
        chosen.close()
        if keeps:
            kept.keep_all()  # a copy that is cut off has no list, and counts for nothing
        lock.release()


def main() -> int:
    """Serve as the command line says. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backends.engine", description="Do the queued runs of LETHE_HOME.")
    parser.add_argument("--scheduler", default=None, metavar="ADDRESS", help="a Dask scheduler, as tls://HOST:PORT")
    parser.add_argument("--only", default=None, metavar="RUN_ID", help="end when this run has ended")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    chosen = parser.parse_args()

    def leave(*_: Any) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, leave)
    if chosen.with_parent:
        end_with_input()
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    try:
        serve(chosen.scheduler, chosen.only)
    except LetheError as error:
        if not (chosen.with_parent and status().get("message") == str(error)):  # else the parent says it
            print(error, file=sys.stderr)
        codes = {Busy: REFUSED, BadInput: REFUSED, OutOfReach: UNREACHABLE}
        return codes.get(type(error), FAILED)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
