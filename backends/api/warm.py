"""One warm process behind a pipe: started, written to, heard, and ended. No model library is loaded here."""

import contextlib
import json
import os
import queue
import subprocess
import threading
from typing import Any

from . import memory, processes
from .errors import LetheError
from .languages import later

ENDED = later("The process that looks into models ended while it worked; ask again.")
READY = {"ready": True}  # the first line of a process that has imported what it needs


class Warm:
    """`python -m backends.engine.live`. It ends when its input is closed, and on Linux with this process however that ends.

    Attributes:
        ready: set once it has imported what it needs, or has ended.
    """

    def __init__(self) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._started, self.ready = threading.Event(), threading.Event()
        threading.Thread(target=self._read, name="warm process", daemon=True).start()
        self._started.wait()

    def _read(self) -> None:
        """Start it and take in its lines. The kernel ends it with the thread that started it, so this one lives as long."""
        try:
            self._process = subprocess.Popen(
                processes.command("backends.engine.live"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                encoding="utf-8", errors="replace", env=processes.environment(LETHE_PARENT=str(os.getpid())),
            )  # fmt: skip
        except OSError:
            pass  # no process: whoever asks hears that it has ended
        finally:
            self._started.set()
        if self._process is not None:
            assert self._process.stdout
            threading.Thread(target=self._write, name="to the warm process", daemon=True).start()
            for line in self._process.stdout:
                if self.ready.is_set():
                    self._lines.put(line)
                elif json.loads(line) == READY:
                    self.ready.set()
            self._process.wait()
        self._requests.put("")
        self._lines.put("")
        self.ready.set()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; 0 where it could not be started."""
        return self._process.pid if self._process is not None else 0

    def _write(self) -> None:
        """Pass requests on. A thread of its own, because a process that reads nothing would hold up who writes."""
        assert self._process is not None and self._process.stdin
        with contextlib.suppress(OSError, ValueError):  # it has ended: that is noticed where its answer is read
            while line := self._requests.get():
                self._process.stdin.write(line)
                self._process.stdin.flush()

    def send(self, request: dict[str, Any]) -> None:
        """Write a line."""
        self._requests.put(json.dumps(request) + "\n")

    def hear(self, patience: float) -> dict[str, Any] | None:
        """The next line; None where none came in that many seconds.

        Raises:
            LetheError: the process ended.
        """
        try:
            line = self._lines.get(timeout=patience)
        except queue.Empty:
            return None
        if not line:
            self._lines.put("")  # for whoever asks next
            raise LetheError(ENDED)
        reply: dict[str, Any] = json.loads(line)
        return reply

    def resident_bytes(self) -> int:
        """Bytes of memory that it holds now."""
        return memory.resident(self.pid, children=False) if self._process is not None else 0

    def kill(self) -> None:
        """End it at once, whatever it does."""
        if self._process is not None:
            self._process.kill()
