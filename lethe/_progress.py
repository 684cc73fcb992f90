"""How a person in a notebook or a script hears how far a job is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.follow import ProgressLine, Watcher


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        phase: what it does now; empty where only a sentence is told.
        step, of: steps done, and of how many (0: not counted).
        seconds: since the job began.
        values: numbers of this step, as its loss.
        sentence: what is no step, as that the run waits for others.
    """

    phase: str = ""
    step: int = 0
    of: int = 0
    seconds: float = 0.0
    values: dict[str, float] = field(default_factory=dict)
    sentence: str = ""


Hears = Callable[[Progress], object]


class Calls:
    """Calls a function with every step of a run."""

    def __init__(self, hear: Hears) -> None:
        self._hear, self._last = hear, ""

    def show(self, event: dict[str, Any]) -> None:
        """A step."""
        numbers = {name: float(event.get(name) or 0) for name in ("step", "of", "seconds")}
        values = {name: float(value) for name, value in event.get("values", {}).items()}
        phase, step, of = str(event.get("phase", "")), int(numbers["step"]), int(numbers["of"])
        self._hear(Progress(phase, step, of, numbers["seconds"], values))

    def line(self, text: str) -> None:
        """A sentence, unless it was the last one too."""
        if text != self._last:
            self._last = text
            self._hear(Progress(sentence=text))

    def say(self, sentence: str) -> None:
        """A sentence."""
        self._hear(Progress(sentence=sentence))

    def end(self) -> None:
        """Nothing more comes."""


class _Nobody(Calls):
    def __init__(self) -> None:
        super().__init__(lambda progress: None)


def watcher(progress: Hears | bool) -> Watcher:
    """What follows a run: a line on standard error for True, nothing for False, else what calls the function."""
    return Calls(progress) if callable(progress) else ProgressLine() if progress else _Nobody()
