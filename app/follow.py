"""Following a run from the command line or from Python: the run folder is read, the engine is asked for where none works yet."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from app.terminal import say
from backends.api import early, engine, runs
from backends.api.errors import LetheError
from backends.api.runs import RunFolder, State
from backends.api.spec import ENDED

EVERY = 0.1  # seconds between two looks at the run folder
QUIET = 5.0  # seconds between two progress lines where the output is no terminal
STARTS = 5  # how often an engine is started that ends before the run does
PATIENCE = 15.0  # seconds that a run is given to stop within its step


class Tail:
    """The events of a run as they are written; a line that is not complete yet waits."""

    def __init__(self, path: Path) -> None:
        self._path, self._at = path, 0

    def read(self) -> list[dict[str, Any]]:
        """The events since the last call, oldest first."""
        try:
            with self._path.open("rb") as file:
                self._at = min(self._at, file.seek(0, 2))  # a run that goes on from its checkpoint cut the file
                file.seek(self._at)
                text = file.read()
        except FileNotFoundError:
            return []
        complete = text[: text.rfind(b"\n") + 1]
        self._at += len(complete)
        events = []
        for line in complete.splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # the end of a line that a kill cut short
                continue
            if isinstance(event, dict):
                events.append(event)
        return events


class Watcher(Protocol):
    """Hears how far a run is."""

    def show(self, event: dict[str, Any]) -> None:
        """An event of the run: phase, step, of, seconds, values."""

    def line(self, text: str) -> None:
        """What is no event, as that the run waits; again and again while it is so."""

    def say(self, sentence: str) -> None:
        """A sentence that stands for itself, once."""

    def end(self) -> None:
        """Nothing more comes."""


class ProgressLine:
    """One line on standard error: rewritten in a terminal, every few seconds elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last, self._phase, self._written = 0.0, "", False

    def show(self, event: dict[str, Any]) -> None:
        """Show an event: phase, step, of, seconds, values."""
        phase, step, of = str(event.get("phase", "")), event.get("step", 0), event.get("of", 0)
        values = "  ".join(
            f"{name} {value:.4g}" for name, value in event.get("values", {}).items() if _is_number(value)
        )
        counted = f" {step}/{of}" if of else ""
        self.line(f"{phase}{counted}  {event.get('seconds', 0):.1f} s  {values}".rstrip(), fresh=phase != self._phase)
        self._phase = phase

    def line(self, text: str, *, fresh: bool = False) -> None:
        """Show any line; a fresh one is shown at once."""
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write("\r" + text[:width].ljust(width))
            sys.stderr.flush()
            self._written = True
        elif fresh or time.monotonic() - self._last > QUIET:
            say(text)
            self._last = time.monotonic()

    def say(self, sentence: str) -> None:
        """Leave the line as it is, and print a sentence below it."""
        self.end()
        say(sentence)

    def end(self) -> None:
        """Leave the line as it is."""
        if self._written:
            sys.stderr.write("\n")
            self._written = False


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class TemporaryEngine:
    """The engine that works for one run where no other holds the home."""

    def __init__(self, run: RunFolder) -> None:
        self._run, self._started = run, 0
        self._process: subprocess.Popen[Any] | None = None

    def ensure_engine(self) -> None:
        """Start one where none works.

        Raises:
            LetheError: it ended too often before the run did.
        """
        if (self._process is not None and self._process.poll() is None) or engine.owner() is not None:
            return
        if self._started == STARTS:
            reason = engine.status().get("message") or "`lethe doctor` looks into it."
            raise LetheError(f"The engine ended {STARTS} times before run {self._run.id} did: {reason}")
        if self._started:
            time.sleep(0.5)
        self._started += 1
        self._process = engine.start(only=self._run.id)

    def stop(self) -> None:
        """Wait for it to end by itself; where it does not, it ends with its input."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            assert self._process.stdin
            self._process.stdin.close()
            self._process.wait(timeout=10)


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Being asked to end (SIGTERM) counts as Ctrl-C, where a process may say so: in its main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    was = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, was)


def follow(run: RunFolder, watcher: Watcher | None = None) -> State:
    """Watch a run until it ends; on Ctrl-C, or where the watcher raises, it is cancelled.

    Args:
        run: a run of this home.
        watcher: hears how far it is; left out, that is a line on standard error.

    Returns:
        Its last state.

    Raises:
        KeyboardInterrupt: Ctrl-C; the run has been cancelled.
        LetheError: the engine could not be kept alive.
    """
    temporary_engine, tail = TemporaryEngine(run), Tail(run.path / "events.jsonl")
    progress: Watcher = watcher or ProgressLine()
    told: early.Early | None = None
    with terminated_as_interrupted():
        try:
            while (state := run.state).status not in ENDED:
                if not run.path.is_dir():
                    raise LetheError(f"Run {run.id} was deleted while it was followed.")
                temporary_engine.ensure_engine()
                for event in tail.read():
                    progress.show(event)
                if not told and (told := early.of_run(run)):
                    progress.say(told.sentence)
                if state.status == "queued" and (before := runs.place_in_queue(run)):
                    progress.line(f"waiting for {before} {'run' if before == 1 else 'runs'} before this one")
                time.sleep(EVERY)
            for event in tail.read():
                progress.show(event)
            return state
        except KeyboardInterrupt:
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # `timeout` and others send it twice
            progress.say(f"Cancelling run {run.id}.")
            _cancel(run)
            raise
        except LetheError:
            raise  # the run goes on by itself, or is no more
        except Exception:  # the watcher's own
            _cancel(run)
            raise
        finally:
            progress.end()
            temporary_engine.stop()


def _cancel(run: RunFolder) -> None:
    """Ask the run to stop, and wait until it has."""
    with suppress(LetheError):  # it ended, or was being cancelled already
        run.cancel()
    end = time.monotonic() + PATIENCE
    while run.state.status not in ENDED and time.monotonic() < end and engine.owner() is not None:
        time.sleep(EVERY)
    if run.state.status == "cancelling" and engine.owner() is None:
        run.move("cancelled", note="Cancelled; its engine had ended.")
