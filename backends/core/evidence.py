"""What metrics and inspectors look at: the three models of a run, and what each says about every item, computed once."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from functools import cached_property
from math import nan
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from .task import ClassifierTask, Index, Task

When = Literal["before", "after", "reference"]
T = TypeVar("T")
T_co = TypeVar("T_co", bound=Task, covariant=True)
Tell = Callable[[str, int, int], None]  # what is done, how many of its steps are done, of how many (0: not counted)


def silent(phase: str, done: int, of: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Score:
    """What a metric found.

    Attributes:
        value: the number; NaN where it cannot be measured.
        parts: named parts of it, as accuracy by class name.
        items: one value per item, and `ids`, the item each belongs to ("train-17", "test-3").
    """

    value: float
    parts: dict[str, float] = field(default_factory=dict)
    items: NDArray[np.float32] | None = None
    ids: list[str] | None = None


class Evidence(Generic[T_co]):
    """One model of a run (`when`), as a metric sees it. `outputs` is what `Task.outputs` gave; `others`, the run's models by when.

    The methods `logits`, `labels` and `ids` are for families that answer about the items of a data set.
    """

    def __init__(
        self,
        when: When,
        task: T_co,
        outputs: dict[str, NDArray[Any]],
        other: Callable[[str, When], float],
        seconds: float = nan,
        memory: float = nan,
        stored: float = nan,
        moved: float = nan,
        others: "Mapping[When, Evidence[T_co]] | None" = None,
    ) -> None:
        """`outputs` as `Task.outputs`; `other(metric, when)` gives another metric's value; seconds, bytes of memory, bytes
        of changed tensors and percent of changed weights of the job (after only); `others`, this and the run's other models."""
        self.when, self.task, self.outputs, self._other = when, task, outputs, other
        self.others: Mapping[When, Evidence[T_co]] = {} if others is None else others
        self.seconds, self.memory, self.stored, self.moved = seconds, memory, stored, moved

    def logits(self, part: str) -> NDArray[np.float32]:
        """[n, classes] for a part: forget, keep, retain, train, test, test_forget."""
        logits: NDArray[np.float32] = self.outputs[self._split(part)][self.task.parts[part]]
        return logits

    def labels(self: "Evidence[ClassifierTask]", part: str) -> NDArray[np.int64]:
        """True classes [n] of a part."""
        data = self.task.data
        return (data.test if self._split(part) == "test" else data.train).labels[self.task.parts[part]]

    def ids(self, part: str) -> list[str]:
        """Names of a part's items, as "train-17"."""
        return [f"{self._split(part)}-{i}" for i in self.task.parts[part]]

    def value(self, metric: str, when: When) -> float:
        """Another metric's value, NaN where it was not measured."""
        return self._other(metric, when)

    @staticmethod
    def _split(part: str) -> str:
        return "test" if part.startswith("test") else "train"


class InspectContext(Generic[T_co]):
    """One finished run, as an inspector sees it. Models are loaded when they are first asked for."""

    def __init__(
        self,
        task: T_co,
        load: Callable[[When], nn.Module | None],
        outputs: Callable[[When], dict[str, NDArray[Any]]],
        run: Path,
        out: Path,
        root: Path | None = None,
        tell: Tell = silent,
    ) -> None:
        """`load` and `outputs` by when; `run`, the run's folder; `out`, where pictures go; `root`, which they are named
        relative to (the run's folder, if left out); `tell`, who hears how far the look is, and may raise to end it."""
        self.task, self.run, self._load, self._outputs, self._out = task, run, load, outputs, out
        self._root, self.tell = root or run, tell

    def steps(self, items: Iterable[T], phase: str) -> Iterator[T]:
        """The items one after the other; before each, `tell` hears how many are done. Nothing nests inside."""
        every = items if isinstance(items, Sized) else list(items)
        done = 0
        for item in every:
            self.tell(phase, done, len(every))
            yield item
            done += 1
        self.tell(phase, done, len(every))

    def _opened(self, when: When, words: str) -> nn.Module | None:
        self.tell(f"opening {words}", 0, 0)
        return self._load(when)

    @cached_property
    def before(self) -> nn.Module:
        """The model before."""
        model = self._opened("before", "the original model")
        assert model is not None
        return model

    @cached_property
    def after(self) -> nn.Module:
        """The unlearned model."""
        model = self._opened("after", "the unlearned model")
        assert model is not None
        return model

    @cached_property
    def reference(self) -> nn.Module | None:
        """The retrained reference, where there is one for this forget set."""
        return self._opened("reference", "the retrained reference")

    def outputs(self, when: When) -> dict[str, NDArray[Any]]:
        """What `Task.outputs` gives of one of the models, from the cache where it is known."""
        return self._outputs(when)

    def some(self, part: str, count: int) -> Index:
        """At most `count` items of a part, the same ones each time."""
        order = np.random.default_rng(0).permutation(self.task.parts[part])
        return np.sort(order[:count])

    def picture(self, name: str, image: Image.Image | NDArray[np.uint8]) -> str:
        """Write a PNG beside the findings and return its path relative to the run folder (or `root`)."""
        self._out.mkdir(parents=True, exist_ok=True)
        path = self._out / f"{name}.png"
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path)
        return str(path.relative_to(self._root))

    def arrays(self, name: str, **arrays: Any) -> str:
        """Write arrays beside the findings, compressed, and return the path of the file relative to the run folder (or `root`)."""
        self._out.mkdir(parents=True, exist_ok=True)
        path = self._out / f"{name}.npz"
        np.savez_compressed(path, **arrays)
        return str(path.relative_to(self._root))
