"""The resources of a running server: the home, the port, and the two processes that work for it."""

import errno
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.inference import LIVE
from backends.api import engine, locks
from backends.api.errors import Busy, OutOfReach

PATIENCE = 5.0  # seconds that the engine of a server that was killed is given to notice it
EVERY, MOST = 2.0, 60.0  # seconds between two looks at the engine; the second while it keeps ending


@contextmanager
def hold_home(where: Path) -> Iterator[None]:
    """Hold the home against a second server. The lock ends with the process, however it ends.

    Raises:
        Busy: another server, or another engine, works on it.
    """
    path = where / "server.lock"
    try:
        lock = locks.acquire_named(path)
    except TimeoutError:
        raise Busy(_home_in_use(where, locks.holder(path) or 0)) from None
    try:
        _wait_for_engine(where)
        yield
    finally:
        lock.release()


def _home_in_use(where: Path, pid: int) -> str:
    who = f" (process {pid})" if pid else ""
    return f"Another Lethe{who} already works on {where}; use that one, or set LETHE_HOME to another folder."


def _wait_for_engine(where: Path) -> None:
    end = time.monotonic() + PATIENCE
    while (pid := engine.owner()) is not None:
        if time.monotonic() > end:
            raise Busy(_home_in_use(where, pid))
        time.sleep(0.1)


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket: who opens the page while the studio still starts waits instead of being refused.

    Raises:
        Busy: the port is taken.
        OutOfReach: there is no such address on this machine, or the port may not be used.
    """
    try:
        if not 0 <= port <= 65_535:
            raise OverflowError
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except (OSError, OverflowError):
        raise OutOfReach(f"{host}:{port} is no address; give a host of this machine and a port up to 65535.") from None
    try:
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Busy(
                    f"Port {port} on {host} is taken; stop what uses it, or choose another with --port."
                ) from None
            raise OutOfReach(
                f"Lethe cannot listen on {host}:{port} ({error.strerror}); choose another with --host and --port."
            ) from None
        yield listener
    finally:
        listener.close()


class Guardian(threading.Thread):
    """Starts the engine and the live process, and the engine again when it ended.

    One thread for as long as the server lives: what it starts asks the system to end when this thread does.
    """

    def __init__(self, scheduler: str | None) -> None:
        super().__init__(name="guardian", daemon=True)
        self._scheduler = scheduler
        self._may_start, self._ending = threading.Event(), threading.Event()
        self._engine: subprocess.Popen[bytes] | None = None

    def reach_scheduler(self) -> None:
        """Start the engine at once where a scheduler was named, and wait for its answer.

        Raises:
            LetheError: the scheduler does not answer.
        """
        if self._scheduler:
            self._engine = engine.start(self._scheduler)
            engine.wait(self._engine)

    def start_processes(self) -> None:
        """Start the processes now; before, they would slow the server's own start."""
        self._may_start.set()

    def run(self) -> None:
        self._may_start.wait()
        if self._ending.is_set():
            return
        self._engine = self._engine or engine.start(self._scheduler)
        LIVE.start()
        pause = EVERY
        while not self._ending.wait(pause):
            if self._engine.poll() is None:
                pause = EVERY
            else:  # it ended: again, and less often while it keeps ending
                pause = min(2 * pause, MOST)
                self._engine = engine.start(self._scheduler)

    def stop(self) -> None:
        """End the engine; it ends its jobs, which go on at the next start."""
        self._ending.set()
        self._may_start.set()
        if self.is_alive():
            self.join(timeout=10)
        if self._engine is not None and self._engine.poll() is None:
            self._engine.terminate()
            try:
                self._engine.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._engine.kill()
