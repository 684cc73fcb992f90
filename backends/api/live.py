"""Asking the warm process that answers pages. It holds the models; this side holds only a pipe."""

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

from .errors import BadInput, LetheError


class Live:
    """A child process that answers one request at a time, over its standard input and output.

    It is started at the first request and again after it died. Thread-safe; a request waits for those before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def ask(self, op: str, **args: Any) -> Any:
        """Send one request and wait for its answer.

        Args:
            op: name of an operation of `backends.engine.live`.
            args: its arguments, plain JSON.

        Raises:
            BadInput: the request cannot be answered as asked.
            LetheError: the process ended or failed while answering.
        """
        with self._lock:
            process = self._running()
            self._send(process, {"op": op, "args": args})
            said = self._hear(process)
        return _checked(said)

    def stream(self, op: str, **args: Any) -> Iterator[Any]:
        """Send one request and yield its answer as it grows: each time as far as it is known, last the whole, as `ask` gives it.

        What comes faster than it is taken is left out. Closing the iterator ends the work on the answer, so that the next
        request need not wait for it.

        Raises:
            BadInput: the request cannot be answered as asked.
            LetheError: the process ended or failed while answering.
        """
        heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        gone = threading.Event()
        # a thread of its own listens, so that one who stops taking pieces holds nobody up
        threading.Thread(
            target=self._listen, args=({"op": op, "args": args, "pieces": True}, heard, gone), daemon=True
        ).start()
        try:
            while "piece" in (said := heard.get()):
                if heard.empty():
                    yield said["piece"]
            yield _checked(said)
        finally:
            gone.set()

    def _listen(
        self, request: dict[str, Any], heard: "queue.SimpleQueue[dict[str, Any]]", gone: threading.Event
    ) -> None:
        """Pass on what comes until the answer is whole; once the asker is `gone`, say so."""
        with self._lock:
            if gone.is_set():
                return
            try:
                process, told = self._running(), False
                self._send(process, request)
                while "piece" in (said := self._hear(process)):
                    heard.put(said)
                    if gone.is_set() and not told:
                        self._send(process, {"stop": True})
                        told = True
                heard.put(said)
            except Exception as error:
                heard.put({"error": str(error)})

    def _send(self, process: "subprocess.Popen[str]", request: dict[str, Any]) -> None:
        """Write a line; a process that is gone is noticed where its answer is read."""
        assert process.stdin
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()

    def _hear(self, process: "subprocess.Popen[str]") -> dict[str, Any]:
        """The next line.

        Raises:
            LetheError: the process ended.
        """
        assert process.stdout
        try:
            line = process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            process.kill()
            self._process = None
            raise LetheError("The process that looks into models ended while it worked; ask again.")
        return json.loads(line)  # type: ignore[no-any-return]

    def start(self) -> None:
        """Start the process now, so that the first request finds it warm."""
        with self._lock:
            self._running()

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> "subprocess.Popen[str]":
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backends.engine.live"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        return self._process


def _checked(said: dict[str, Any]) -> Any:
    """What was answered.

    Raises:
        BadInput, LetheError: it is an error.
    """
    if "ok" in said:
        return said["ok"]
    raise (BadInput if said.get("bad_input") else LetheError)(said["error"])
