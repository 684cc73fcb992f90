"""The process that holds models open for Python: started at the first question, one for each home, ended with this process."""

from collections.abc import Callable, Iterator
from typing import Any

from backends.api.home import home
from backends.api.live import Live

_LIVE: dict[str, Live] = {}


def ask(op: str, /, **args: Any) -> Any:
    """Ask a live operation, and wait for its answer.

    Raises:
        BadInput: it cannot be answered as asked.
        LetheError: the process ended, failed, or took too long.
    """
    return _live().ask(op, **args)


def stream(op: str, hear: Callable[[dict[str, Any]], object], /, **args: Any) -> Any:
    """As `ask`; `hear` is called with every piece of the answer while it grows."""
    pieces: Iterator[Any] = _live().stream(op, **args)
    piece: Any = None
    for piece in pieces:
        hear(piece)
    return piece


def _live() -> Live:
    return _LIVE.setdefault(str(home()), Live())


def close() -> None:
    """End the process that holds models open, and give its memory back; the next question starts it again."""
    while _LIVE:
        _LIVE.popitem()[1].stop()
