"""A GPU lent to a run in slices: the event of the visitor's page that asks ZeroGPU for one after the other.

The call has to begin in that event, because ZeroGPU counts it for whoever sent it. What it does is the engine's
(`backends/engine/slice_work.py`); the entry of the Space hands it over, decorated by `spaces.GPU`.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import gradio as gr
from gradio.context import LocalContext

from app import permissions, theme
from backends.api import slices
from backends.api.errors import LetheError
from backends.api.estimate import Estimate
from backends.api.languages import tr
from backends.api.runs import RunFolder
from backends.api.slices import Work

log = logging.getLogger("lethe.slices")

EVERY: Final = 1.0  # seconds between two beats, and between two looks at a run that waits for its turn
PAGES: Final = 2  # of one run: that which lends, and the same one loaded again
WORKERS: Final = 8  # pages that lend at once; each holds one of the threads that pages are answered in
STUCK: Final = "it came no further"

Here = Callable[[], bool]


class Lender:
    """Lends the GPU of this Space to runs, one slice after the other.

    Attributes:
        work: does one slice; None where there is no GPU to lend.
    """

    def __init__(self) -> None:
        self.work: Work | None = None
        self._lock = threading.Lock()
        self._lending: set[str] = set()
        self._pages: Counter[str] = Counter()

    @property
    def offered(self) -> bool:
        """Whether pages offer it."""
        return self.work is not None

    def lend(self, run: RunFolder, is_here: Here) -> None:
        """Do a run in slices until its method has ended, the GPU is refused, or the visitor is gone.

        Args:
            run: one that was asked for so; of any other nothing is done.
            is_here: whether the page that lends is still open.
        """
        with self._lock:
            self._pages[run.id] += 1
            one_too_many = self._pages[run.id] > PAGES
        try:
            if self.work is not None and not one_too_many:
                self._wait_and_lend(run, is_here)
        finally:
            with self._lock:
                self._pages[run.id] -= 1

    def _wait_and_lend(self, run: RunFolder, is_here: Here) -> None:
        with _beating(run, is_here):
            while slices.pending(run) and is_here():
                if run.state.status == "running" and self._take(run.id):
                    try:
                        self._slices(run, is_here)
                    finally:
                        self._lending.discard(run.id)
                    return
                time.sleep(EVERY)

    def _take(self, run_id: str) -> bool:
        """Whether no other page, as the same one before it was loaded again, lends to the run; then it is this one's."""
        with self._lock:
            free = run_id not in self._lending
            self._lending.add(run_id)
            return free

    def _slices(self, run: RunFolder, is_here: Here) -> None:
        last: dict[str, Any] | None = None
        while is_here() and slices.pending(run):
            state = run.state
            if state.status == "cancelling":
                slices.end(run, state.message)
            if state.status != "running":
                return
            progress = self._slice(run, state.attempt, is_here)
            if progress.get("end") == slices.LEARNED:
                slices.end(run, slices.MEASURED)
            elif progress.get("end") == slices.MORE and progress == last:
                slices.end(run, slices.BROKEN.format(why=STUCK))
            elif progress.get("end") != slices.MORE:
                return
            last = progress

    def _slice(self, run: RunFolder, attempt: int, is_here: Here) -> dict[str, Any]:
        """One slice; how far it came, {} where it did not end as it should."""
        assert self.work is not None
        begun: float | None = None
        last: dict[str, Any] = {}
        try:
            with closing(_generator(self.work(str(run.path), attempt))) as pieces:
                for last in pieces:  # noqa: B007  what counts is what came last
                    begun = begun or time.monotonic()
                    if not is_here():
                        return {}
            return last
        except Exception as error:  # whatever ZeroGPU says: the run goes on without it
            why = slices.REFUSED if begun is None else slices.BROKEN
            slices.end(run, why.format(why=reason(error)) if is_here() else slices.LEFT)
            return {}
        finally:
            if begun is not None:
                slices.used(run, time.monotonic() - begun)


def _generator(pieces: Iterator[dict[str, Any]]) -> Any:
    """What a slice yields, as something that can be closed: then its worker ends at its next checkpoint."""
    yield from pieces


def reason(error: Exception) -> str:
    """What ZeroGPU says when it lends no GPU, short enough to stand within a sentence; anything else goes to the log."""
    title = str(getattr(error, "title", "") or "").removeprefix("ZeroGPU ").strip()
    if not isinstance(error, gr.Error):
        log.warning("A slice of the GPU failed.", exc_info=error)
        return "the call failed"
    words = " ".join(str(error.message).split()).rstrip(". ")
    return f"{title}: {words}"[:160] if title and title != "Error" else words[:160]


@contextmanager
def _beating(run: RunFolder, is_here: Here) -> Iterator[None]:
    """Let the engine know as long as the page is open."""
    over = threading.Event()

    def beats() -> None:
        while is_here() and not over.is_set():
            try:
                slices.beat(run)
            except OSError:
                log.warning("The beat of run %s could not be written.", run.id)
            over.wait(EVERY)

    thread = threading.Thread(target=beats, name="slices-beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


LENDER: Final = Lender()


def label(needed: Estimate | None) -> str:
    """What stands on the button that asks for a GPU, with what it costs the visitor.

    Args:
        needed: by earlier jobs on a GPU; None where none was measured.
    """
    if needed is None:
        return tr("On the GPU: {asked} s at a time of your 5 free minutes today", asked=slices.ASKED)
    cost = theme.seconds(slices.ASKED * slices.count(needed.seconds))
    return tr("On the GPU: about {cost} of your 5 free minutes today", cost=cost)


def about(needed: Estimate | None) -> str:
    """What is known of a job in slices, in words."""
    measured = (
        tr(
            "Such a job took about {seconds} on {where}.",
            seconds=theme.seconds(max(1, round(needed.seconds))),
            where=needed.where,
        )
        if needed
        else tr("How long this job takes on a GPU was not measured yet.")
    )
    return tr(
        "On the GPU: ZeroGPU lends it for {asked} s at a time, while the page of the run is open; a day has 5 minutes with a free "
        "account, 2 without one. {measured} What it learned is measured on the processor.",
        asked=slices.ASKED,
        measured=measured,
    )


def lend(run_id: str, secret: str) -> None:
    """Lend the GPU to a run of one's own, for as long as its page is open; of another run nothing is done."""
    try:
        run = permissions.for_change(run_id, secret)
    except LetheError:
        return
    if slices.pending(run):
        LENDER.lend(run, _page_is_open())


def _page_is_open() -> Here:
    """Whether the page whose event this is still waits for its end, as Gradio's queue knows."""
    blocks, event_id = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    queue = getattr(blocks, "_queue", None)
    events = [event for job in getattr(queue, "active_jobs", ()) for event in job or () if event._id == event_id]
    return lambda: all(event.alive for event in events)
