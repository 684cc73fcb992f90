"""The warm processes that answer the pages of this server: one for pictures and counts, one for long looks inside.

Two, so that a page never waits for another page's long look. The second is started at the first such look.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from backends.api.limits import limits
from backends.api.line import Room
from backends.api.live import Live

# "drawn" where a run came from elsewhere: every picture it was judged by is drawn anew, twice
LONG: Final = ("inspect", "attack", "test", "export", "drawn", "write_questions")
STOPPING = 1.0  # seconds that a look that was cancelled has to end by itself, before its process is ended


class Answers:
    """Asks the process that is right for the operation; otherwise as `backends.api.live.Live`.

    Those who wait for either are counted together, because each holds one of the threads that pages are answered in.
    """

    def __init__(self) -> None:
        room = Room()
        self._quick = Live(room)
        self._long = Live(room, lambda: limits().look_seconds, STOPPING)

    def _of(self, op: str) -> Live:
        return self._long if op in LONG else self._quick

    def ask(self, op: str, /, **args: Any) -> Any:
        """Send one request and wait for its answer.

        Raises:
            BadInput: the request cannot be answered as asked.
            Busy: too many wait, or others were answered for too long.
            LetheError: the process ended or failed while answering, or took too long.
        """
        return self._of(op).ask(op, visitor=_visitor(), **args)

    def stream(self, op: str, /, *, cancelled: threading.Event | None = None, **args: Any) -> Iterator[Any]:
        """Send one request and yield its answer as it grows, complete at last; closing the iterator, or setting `cancelled`, ends the work."""
        return self._of(op).stream(op, visitor=_visitor(), cancelled=cancelled, **args)

    def start(self) -> None:
        """Start the quick one now, so that the first page finds it warm."""
        self.reopen()
        self._quick.start()

    def reopen(self) -> None:
        """Answer again after `stop`; the processes are started at the first request."""
        self._quick.reopen()
        self._long.reopen()

    def stop(self) -> None:
        """End both. Whoever waits hears so at once; nobody is answered before the next `start` or `reopen`."""
        self._quick.stop()
        self._long.stop()


_ASKS: Final[ContextVar[str]] = ContextVar("who asks", default="")


@contextmanager
def asking_as(visitor: str) -> Iterator[None]:
    """Let what is asked meanwhile count as asked by one visitor, whichever page or program it comes from."""
    before = _ASKS.set(visitor)
    try:
        yield
    finally:
        _ASKS.reset(before)


def _visitor() -> str:
    """Who asks: the page, as Gradio knows it, or whom `asking_as` names; empty outside of both."""
    from gradio.context import LocalContext

    if named := _ASKS.get():
        return named
    request = LocalContext.request.get(None)
    return str(getattr(request, "session_hash", None) or "")


LIVE = Answers()
