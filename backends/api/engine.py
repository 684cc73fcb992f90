"""Starting and watching the engine: the one process of a home that gives jobs to executors. No model library is loaded."""

import subprocess
import time
from typing import TYPE_CHECKING, Any

from . import files, locks, processes
from .errors import BadInput, Busy, LetheError, OutOfReach
from .home import home

if TYPE_CHECKING:
    from filelock import BaseFileLock

REFUSED, UNREACHABLE, FAILED = 2, 3, 4  # exit codes of the engine process, when it could not start
LOCK = "engine.lock"
STATUS = "engine.json"


def start(scheduler: str | None = None, only: str | None = None) -> "subprocess.Popen[bytes]":
    """Start the engine; it ends when this process does, or when the process object's `stdin` is closed.

    Args:
        scheduler: address of a Dask scheduler (tls://HOST:PORT); without one jobs are child processes of this machine.
        only: the one run to do; the engine ends when it has ended.
    """
    chosen = ["--scheduler", scheduler] if scheduler else []
    chosen += ["--only", only] if only else []
    command = processes.command("backends.engine", "--with-parent", *chosen)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=processes.environment())


def owner() -> int | None:
    """The process that holds this home's engine lock; None where no engine works."""
    return locks.holder(home() / LOCK)


def status() -> dict[str, Any]:
    """What the engine last said of itself: `pid`, `executor`, `slots` and `message`; {} where none has ever run.

    `message` is empty when all is well, and else one sentence, as that the scheduler does not answer.
    """
    try:
        report = files.read_json(home() / STATUS, {})
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def wait(process: "subprocess.Popen[bytes]", seconds: float = 20.0) -> None:
    """Wait until an engine that `start` returned works.

    Raises:
        Busy: another engine holds the home.
        BadInput: the address, the run or a limit in the environment is none.
        OutOfReach: the scheduler does not answer, or the home cannot be written.
        LetheError: it ended for another reason, or did not start in time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        code = process.poll()
        report = status()
        ours = report.get("pid") == process.pid
        if code is not None:
            message = report.get("message") if ours else ""
            if code == REFUSED and not message:
                raise Busy(busy_sentence())
            error = {REFUSED: BadInput, UNREACHABLE: OutOfReach}.get(code, LetheError)
            raise error(message or f"The engine ended as it started (code {code}); its own output says why.")
        if ours and report.get("executor") and owner() == process.pid:  # without an executor it is about to end
            return
        time.sleep(0.05)
    raise LetheError(f"The engine did not start within {seconds:.0f} seconds; its own output says why.")


def busy_sentence() -> str:
    """Why a second engine may not work on this home."""
    pid = owner()
    who = f" (process {pid})" if pid else ""
    return f"Another engine{who} already works on {home()}; stop it, or set LETHE_HOME to another folder."


def hold(patience: float = 1.0) -> "BaseFileLock":
    """Take this home's engine lock; it is held for as long as this process lives and what this returns is referred to.

    Raises:
        Busy: another engine holds it.
        OutOfReach: the lock cannot be written.
    """
    path = home() / LOCK
    try:
        return locks.acquire_named(path, patience)  # with patience, as someone may be asking `owner` at this moment
    except TimeoutError:
        raise Busy(busy_sentence()) from None
    except OSError as error:
        raise OutOfReach(f"{path} cannot be written ({error.strerror}); set LETHE_HOME to another folder.") from None
