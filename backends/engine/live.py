"""The warm process that answers the pages: `python -m backends.engine.live`.

One request a line on standard input, {"op": name, "args": {...}}; one answer a line on standard output, {"ok": ...} or
{"error": sentence, "bad_input": true or false}. It is never given jobs, and ends when its input is closed.

Its first line is {"ready": true}, once it has imported what it needs. With "pieces": true in the request, lines {"piece": the
answer as far as it is known, or how far the work is} may come before the answer. The line {"stop": true} ends the work on the
last request that was sent, if it tells pieces; its answer is an error then.
"""

import importlib
import inspect
import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

from .parent import end_with


class Stopped(Exception):
    """Nobody waits for the answer any more."""


@dataclass
class Inbox:
    """Requests as they come, numbered from 1, and the number of the last one that was given up."""

    waiting: "queue.SimpleQueue[tuple[int, str]]" = field(default_factory=queue.SimpleQueue)
    count: int = 0
    stopped: int = 0

    def take(self, line: str) -> None:
        """One line: a request, or the word that the last one is no longer wanted."""
        if line.startswith('{"stop"'):
            self.stopped = self.count
        else:
            self.count += 1
            self.waiting.put((self.count, line))


def main() -> None:
    """Answer requests until standard input ends, which also ends an answer that is being worked on."""
    parent = os.environ.get("LETHE_PARENT", "")
    if parent.isdigit():
        end_with(int(parent))
    inbox = Inbox()
    threading.Thread(target=_listen, args=(sys.stdin, inbox), daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    sys.stdout = sys.stderr
    from ..core.registry import entries
    from .session import Desk

    def write(value: dict[str, Any]) -> None:
        out.write(_dumped(value) + "\n")
        out.flush()

    desk = Desk()
    entries("inspectors")  # before it is ready: importing costs nobody's answer its time
    importlib.import_module("backends.engine.operations")
    write({"ready": True})

    while True:
        number, line = inbox.waiting.get()

        def tell(piece: Any, number: int = number) -> None:
            if inbox.stopped >= number:
                raise Stopped
            write({"piece": piece})

        write(answer(desk, line, tell))


def _listen(lines: IO[str], inbox: Inbox) -> None:
    """Pass requests on; the end of the input is the end of the process."""
    for line in lines:
        inbox.take(line)
    os._exit(0)


def answer(desk: Any, line: str, tell: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """The answer to one request. Whatever goes wrong becomes an error in it. `tell` hears pieces where they are wanted."""
    from ..api.errors import BadInput, LetheError
    from .attempt import sentence
    from .operations import OPERATIONS
    from .session import silent

    try:
        op, args, pieces = _read(line, OPERATIONS)
        if desk is not None:
            desk.tell = tell if tell and pieces else silent
        return {"ok": OPERATIONS[op](desk, **args)}
    except Stopped:
        return {"error": "The question was given up.", "bad_input": False}
    except LetheError as error:
        return {"error": str(error), "bad_input": isinstance(error, BadInput)}
    except Exception as error:
        traceback.print_exception(error)
        message = sentence(error).replace("The job stopped on", "This could not be answered because of", 1)
        return {"error": message, "bad_input": False}


def _read(line: str, operations: dict[str, Any]) -> tuple[str, dict[str, Any], bool]:
    """(operation, arguments, whether pieces are wanted) of a request line.

    Raises:
        BadInput: it is no request, names no operation, or its arguments are not the operation's.
    """
    from ..api.errors import BadInput

    try:
        request = json.loads(line)
        op, args, pieces = str(request["op"]), dict(request.get("args") or {}), request.get("pieces") is True
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BadInput('A request is one line of JSON: {"op": name, "args": {...}}.') from None
    if op not in operations:
        raise BadInput(f"There is no operation {op[:60]!r}; ask for one of {', '.join(operations)}.")
    try:
        inspect.signature(operations[op]).bind(None, **args)
    except TypeError as error:
        raise BadInput(f"{op} cannot be asked like that: {error}.") from None
    return op, args, pieces


def _dumped(value: dict[str, Any]) -> str:
    from ..api.files import dumps

    return dumps(value)


if __name__ == "__main__":
    main()
