"""Asking the warm process that answers pages. It holds the models; this side holds only a pipe."""

import json
import subprocess
import sys
import threading
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
            try:
                assert process.stdin and process.stdout
                process.stdin.write(json.dumps({"op": op, "args": args}) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
            if not line:
                process.kill()
                self._process = None
                raise LetheError("The process that looks into models ended while it worked; ask again.")
        answer = json.loads(line)
        if "ok" in answer:
            return answer["ok"]
        raise (BadInput if answer.get("bad_input") else LetheError)(answer["error"])

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
