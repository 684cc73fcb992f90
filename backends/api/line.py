"""Who is answered next, and how many may wait: the line before a warm process, which nobody waits in for ever."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import Busy, LetheError
from .languages import later
from .limits import limits

BUSY = later("The studio is answering others; ask again in a moment.")
GIVEN_UP = later("The question was given up.")
SHARE = 4  # a visitor may hold one place in this many
EVERY = 0.2  # seconds between two looks at whether it is still wanted
REMEMBERED = 1000  # visitors whose last turn is remembered


class GivenUp(LetheError):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """A place in a line."""

    line: "Line"
    visitor: str
    number: int


class Room:
    """All who wait, whatever for: together they are no more than `limits().waiting_looks`."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.tickets: list[Ticket] = []
        self.numbers = itertools.count()


class Line:
    """Those of a room who wait for one process. Visitors are answered in turn, and of one visitor who came first."""

    def __init__(self, room: Room) -> None:
        self._room, self._taken = room, False
        self._last: dict[str, int] = {}  # visitor -> number of the last turn

    def enter(self, visitor: str = "") -> Ticket:
        """Take a place; of an unknown visitor ("") only the places of all are counted.

        Raises:
            Busy: too many wait already, or too many of this visitor.
        """
        with self._room.changed:
            waiting, most = self._room.tickets, limits().waiting_looks
            own = sum(ticket.visitor == visitor for ticket in waiting) if visitor else 0
            idle = not self._taken and not any(ticket.line is self for ticket in waiting)
            if not idle and (len(waiting) >= most or own >= max(1, most // SHARE)):
                raise Busy(BUSY)
            ticket = Ticket(self, visitor, next(self._room.numbers))
            waiting.append(ticket)
            return ticket

    @contextmanager
    def turn(self, ticket: Ticket, is_wanted: Callable[[], bool], counts: Callable[[], bool]) -> Iterator[None]:
        """Wait for the turn of a ticket, and hold it.

        Args:
            ticket: of this line.
            is_wanted: whether somebody still waits for the answer.
            counts: whether time counts now; it does not while the process starts.

        Raises:
            Busy: it did not come within `limits().wait_seconds`.
            GivenUp: it is not wanted any more.
        """
        changed = self._room.changed
        try:
            with changed:
                left = limits().wait_seconds
                while self._taken or self._next() is not ticket:
                    if not is_wanted():
                        raise GivenUp(GIVEN_UP)
                    if left <= 0:
                        raise Busy(BUSY)
                    begun = time.monotonic()
                    changed.wait(min(EVERY, left))
                    left -= time.monotonic() - begun if counts() else 0
                self._taken = True
        finally:
            with changed:
                self._room.tickets.remove(ticket)
                changed.notify_all()
        try:
            yield
        finally:
            with changed:
                self._taken = False
                if len(self._last) >= REMEMBERED:
                    self._last.clear()
                self._last[ticket.visitor] = next(self._room.numbers)
                changed.notify_all()

    def _next(self) -> Ticket:
        own = (ticket for ticket in self._room.tickets if ticket.line is self)
        return min(own, key=lambda ticket: (self._last.get(ticket.visitor, -1), ticket.number))
