"""The warm processes that answer the pages of this server: one for pictures and counts, one for long looks inside.

Two, so that a page never waits for another page's long look. The second is started at the first such look.
"""

from collections.abc import Iterator
from typing import Any, Final

from backends.api.live import Live

# "drawn" where a run came from elsewhere: every picture it was judged by is drawn anew, twice
LONG: Final = ("inspect", "attack", "export", "drawn", "write_questions")


class Answers:
    """Asks the process that is right for the operation; otherwise as `backends.api.live.Live`."""

    def __init__(self) -> None:
        self._quick, self._long = Live(), Live()

    def ask(self, op: str, **args: Any) -> Any:
        """Send one request and wait for its answer.

        Raises:
            BadInput: the request cannot be answered as asked.
            LetheError: the process ended or failed while answering.
        """
        return (self._long if op in LONG else self._quick).ask(op, **args)

    def stream(self, op: str, **args: Any) -> Iterator[Any]:
        """The same as it grows, last the whole; closing the iterator ends the work. Of the quick one only."""
        return self._quick.stream(op, **args)

    def start(self) -> None:
        """Start the quick one now, so that the first page finds it warm."""
        self._quick.start()

    def stop(self) -> None:
        """End both."""
        self._quick.stop()
        self._long.stop()


LIVE = Answers()
