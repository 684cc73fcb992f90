"""The warm process that answers the pages: `python -m backends.engine.live`.

One request a line on standard input, {"op": name, "args": {...}}; one answer a line on standard output, {"ok": ...} or
{"error": sentence, "bad_input": true or false}. It is never given jobs, and ends when its input is closed.
"""

import inspect
import json
import os
import queue
import sys
import threading
import traceback
from typing import IO, Any


def main() -> None:
    """Answer requests until standard input ends, which also ends an answer that is being worked on."""
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin, asked), daemon=True).start()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)  # whatever a library prints must not get between the answers
    sys.stdout = sys.stderr
    from ..registry import entries
    from .desk import Desk

    desk = Desk()
    if asked.empty():
        entries("inspectors")  # their libraries take seconds to import: do it while nobody waits
    while True:
        out.write(_dumped(answer(desk, asked.get())) + "\n")
        out.flush()


def _listen(lines: IO[str], asked: "queue.SimpleQueue[str]") -> None:
    """Pass requests on; the end of the input is the end of the process."""
    for line in lines:
        asked.put(line)
    os._exit(0)


def answer(desk: Any, line: str) -> dict[str, Any]:
    """The answer to one request. Whatever goes wrong becomes an error in it."""
    from ..api.errors import BadInput, LetheError
    from .operations import OPERATIONS
    from .work import sentence

    try:
        op, args = _read(line, OPERATIONS)
        return {"ok": OPERATIONS[op](desk, **args)}
    except LetheError as error:
        return {"error": str(error), "bad_input": isinstance(error, BadInput)}
    except Exception as error:
        traceback.print_exception(error)
        said = sentence(error).replace("The job stopped on", "This could not be answered because of", 1)
        return {"error": said, "bad_input": False}


def _read(line: str, operations: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """(operation, arguments) of a request line.

    Raises:
        BadInput: it is no request, names no operation, or its arguments are not the operation's.
    """
    from ..api.errors import BadInput

    try:
        request = json.loads(line)
        op, args = str(request["op"]), dict(request.get("args") or {})
    except (ValueError, LookupError, TypeError, AttributeError):
        raise BadInput('A request is one line of JSON: {"op": name, "args": {...}}.') from None
    if op not in operations:
        raise BadInput(f"There is no operation {op[:60]!r}; ask for one of {', '.join(operations)}.")
    try:
        inspect.signature(operations[op]).bind(None, **args)
    except TypeError as error:
        raise BadInput(f"{op} cannot be asked like that: {error}.") from None
    return op, args


def _dumped(value: dict[str, Any]) -> str:
    from ..api.files import dumps

    return dumps(value)


if __name__ == "__main__":
    main()
