"""Asking the warm process that answers pages. It holds the models; this side holds only a pipe.

Nobody waits without limit: not for the turn (see `turns`), and not for an answer. A process that takes too long or too much
memory is ended and another one started, so what it was asked costs its own answer only.
"""

import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .errors import BadInput, LetheError
from .limits import limits
from .line import EVERY, GIVEN_UP, GivenUp, Line, Room
from .memory import memory_limit
from .warm import ENDED, Warm

START = 300.0  # seconds that a process has to import what it needs
GRACE = 5.0  # seconds that an answer that was given up has to stop by itself; its process stays warm then
STOP = {"stop": True}


class Live:
    """A child process that answers one request at a time, over its standard input and output.

    It is started at the first request and again after it died. Thread-safe; a request waits for those before it, not for ever.
    """

    def __init__(
        self, room: Room | None = None, seconds: Callable[[], float] | None = None, grace: float = GRACE
    ) -> None:
        """
        Args:
            room: shared by processes whose waiting requests are counted together.
            seconds: how long the process may work without a sign of life; `limits().answer_seconds` if left out.
            grace: seconds that an answer that was given up has to stop by itself.
        """
        self._line = Line(room or Room())
        self._seconds = seconds or (lambda: limits().answer_seconds)
        self._grace = grace
        self._making = threading.Lock()
        self._warm: Warm | None = None
        self._over = False

    def ask(self, op: str, /, *, visitor: str = "", **args: Any) -> Any:
        """Send one request and wait for its answer.

        Args:
            op: name of an operation of `backends.engine.live`.
            visitor: who asks; one of them never takes all places.
            args: its arguments, plain JSON.

        Raises:
            BadInput: the request cannot be answered as asked.
            Busy: too many wait, or others were answered for too long.
            LetheError: the process ended, failed, or took too long or too much.
        """
        never = threading.Event()
        with self._line.turn(self._line.enter(visitor), lambda: True, self._wait_counts):
            return _checked(self._exchange(_request(op, args), lambda piece: None, never))

    def stream(
        self, op: str, /, *, visitor: str = "", cancelled: threading.Event | None = None, **args: Any
    ) -> Iterator[Any]:
        """Send one request and yield its answer as it grows: each time as far as it is known, last the whole, as `ask` gives it.

        What comes faster than it is taken is left out. Closing the iterator, or setting `cancelled`, ends the work on the answer, so
        that the next request need not wait for it.

        Raises:
            GivenUp: `cancelled` was set.
            BadInput, Busy, LetheError: as `ask`.
        """
        ended = cancelled or threading.Event()
        heard: queue.SimpleQueue[dict[str, Any] | LetheError] = queue.SimpleQueue()
        ticket = self._line.enter(visitor)

        def listen() -> None:
            try:
                with self._line.turn(ticket, lambda: not ended.is_set(), self._wait_counts):
                    heard.put(self._exchange(_request(op, args), lambda piece: heard.put({"piece": piece}), ended))
            except LetheError as error:
                heard.put(error)
            except Exception as error:
                heard.put(LetheError(str(error)))

        # a thread of its own listens, so that one who stops taking pieces holds nobody up
        threading.Thread(target=listen, daemon=True).start()
        try:
            while isinstance(message := heard.get(), dict) and "piece" in message:
                if heard.empty():
                    yield message["piece"]
            if isinstance(message, LetheError):
                raise message
            yield _checked(message)
        finally:
            ended.set()

    def _exchange(
        self, request: dict[str, Any], hear: Callable[[Any], None], cancelled: threading.Event
    ) -> dict[str, Any]:
        """The answer to a request whose turn it is; `hear` is called with every piece of it.

        Raises:
            GivenUp: it is not wanted any more.
            LetheError: the process ended, or was ended because it took too long or too much.
        """
        warm = self._ready(cancelled)
        warm.send(request)
        begun = last_heard = time.monotonic()
        stopped: float | None = None
        try:
            while (message := warm.hear(EVERY)) is None or "piece" in message:
                now = time.monotonic()
                if message is not None:
                    last_heard = now
                    hear(message["piece"])
                if cancelled.is_set() and stopped is None:
                    warm.send(STOP)
                    stopped = now
                if stopped is not None and now - stopped > self._grace:
                    raise GivenUp(GIVEN_UP)
                self._check(warm, now - last_heard, now - begun)
            if warm.resident_bytes() > memory_limit():  # the answer is whole, but the next one would pay for it
                self._replace(warm)
        except LetheError:
            self._replace(warm)
            raise
        if stopped is not None:
            raise GivenUp(GIVEN_UP)
        return message

    def _check(self, warm: Warm, silent: float, elapsed: float) -> None:
        """Whether a process may go on: seconds without a sign of life, and in all.

        Raises:
            LetheError: it took too long, or too much memory.
        """
        seconds = self._seconds()
        if silent > seconds or elapsed > limits().look_seconds:
            most = seconds if silent > seconds else limits().look_seconds
            raise LetheError(f"This took longer than {most:g} seconds, so it was stopped; ask for less.")
        most = memory_limit()
        if (resident := warm.resident_bytes()) > most:
            raise LetheError(
                f"This took {resident / 1e9:.1f} GB of memory, more than the limit of {most / 1e9:.1f} GB, so it was stopped; ask for less."
            )

    def start(self) -> None:
        """Start the process now, so that the first request finds it warm."""
        self.reopen()
        self._running()

    def reopen(self) -> None:
        """Take requests again after `stop`; the first of them starts the process."""
        self._over = False

    def stop(self) -> None:
        """End the process. Whoever waits for it hears so at once, and no request starts another one."""
        self._over = True
        with self._making:
            if self._warm is not None:
                self._warm.kill()
                self._warm = None

    def _running(self) -> Warm:
        with self._making:
            if self._over:
                raise LetheError(ENDED)
            if self._warm is None or not self._warm.alive:
                self._warm = Warm()
            return self._warm

    def _wait_counts(self) -> bool:
        """Whether a process that could answer is there, so that waiting is for the others' answers."""
        return self._warm is None or self._warm.ready.is_set()

    def _ready(self, cancelled: threading.Event) -> Warm:
        """The process, once it has imported what it needs.

        Raises:
            GivenUp: nobody waits any more.
            LetheError: it did not start, or was stopped.
        """
        warm, begun = self._running(), time.monotonic()
        while not warm.ready.wait(EVERY):
            if cancelled.is_set():
                raise GivenUp(GIVEN_UP)
            if time.monotonic() - begun > START:
                self._replace(warm)
                raise LetheError("The process that looks into models did not start; ask again.")
        return warm

    def _replace(self, warm: Warm) -> None:
        """End a process and start the next, so that the next request finds it warm."""
        warm.kill()
        if not self._over:
            print("A process that answers pages was ended, and another one is started.", file=sys.stderr, flush=True)
        with self._making:
            if self._warm is warm:
                self._warm = None if self._over else Warm()


def _request(op: str, args: dict[str, Any]) -> dict[str, Any]:
    return {"op": op, "args": args, "pieces": True}


def _checked(reply: dict[str, Any]) -> Any:
    """What was answered.

    Raises:
        BadInput, LetheError: it is an error.
    """
    if "ok" in reply:
        return reply["ok"]
    raise (BadInput if reply.get("bad_input") else LetheError)(reply["error"])
