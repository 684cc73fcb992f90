"""The protocol of a model family, as the engine uses it; what its methods and metrics use besides, the family adds.

A family of labelled items adds `batch(index, test=, augment=)`, `forward(model, x)` and `loss(outputs, labels, reduction=)`, and a `recipe`
by which it is trained; one that is asked a line of text adds `ask(model, question)`, which gives at least `said`.

One whose outputs take long adds `first_part()`, the rows of its suite that a first measurement takes (None: all are soon there),
and `only(index)`, a copy of the task that has these rows alone.

A task joins a model, its data and the forget and keep sets of one job. `parts` names index sets; of a classifier into its
data (which the methods walk over), of other families into the suite of questions or pictures that it is judged by:

    forget       what must be forgotten: training items; or what of the suite asks for it
    keep         the retain set that a method trains on (training items): what the keep list names, else all of `retain`
    retain       every training item outside the forget set, which metrics look at; equal to `keep` without a keep list
    train        all training items
    test         test items, for class forgetting without the forgotten classes
    test_forget  test items of the forgotten classes; empty for other targets
    neighbour, unrelated   the rest of a suite
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data._images import ImageSet

Index = NDArray[np.int64]
Tell = Callable[[int, int], None]


def silent(done: int, of: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Batch:
    """Some items on the device. `forget` marks those of the forget set; `part`, `epoch`, `step` say where a pass stands."""

    x: Tensor
    y: Tensor
    index: Tensor
    forget: Tensor
    part: str = ""
    epoch: int = 0
    step: int = 0
    of: int = 0

    def __len__(self) -> int:
        return len(self.y)


class Task(Protocol):
    """One model family at work on one job; `Family.task` names its class."""

    id: str
    folder: Path
    family: str
    device: torch.device
    precision: torch.dtype
    parts: dict[str, Index]
    notes: list[str]  # sentences on how model and data were read, where that has to be said
    shots: int  # how often a phase shows what the model makes
    keeps: bool  # whether a run keeps its outputs: those that people want to see, and that take long to make again
    exact: bool  # whether outputs are made in float32, whatever precision it trains in

    def suite(self) -> list[dict[str, Any]]:
        """Of a task that keeps its outputs, what each of their rows was asked: at least `role` and `prompt`."""
        ...

    def load(self, folder: Path | None = None) -> nn.Module:
        """A fresh copy of the model before, or of the weights of this architecture that another folder holds, in eval mode."""
        ...

    def fresh(self, seed: int) -> nn.Module:
        """A model of this architecture with new random weights."""
        ...

    def again(self) -> "Task":
        """A copy of this task, model and data shared, with nothing resolved."""
        ...

    def resolve(self, forget: Sequence[str], keep: Sequence[str] = ()) -> None:
        """From what a person named to index sets: fills `parts`, once, before a job starts.

        Raises:
            BadInput: the targets do not fit the model and its data.
        """
        ...

    def keep_as(self, other: Any) -> None:
        """Rehearse only what another task of the same model keeps, one that has to forget at least as much."""
        ...

    @property
    def neighbour_names(self) -> list[str]:
        """What is nearest to the forget set and not in it, as a person names it, nearest first."""
        ...

    def named_sets(self, start: int) -> dict[str, Any]:
        """How much is to be forgotten and kept, and what is to be forgotten, from `start` on, as a form shows it."""
        ...

    def examine(self) -> tuple[bool, str]:
        """Whether the model works on this machine, and a few words on what it did."""
        ...

    @property
    def forget_key(self) -> str:
        """24 hexadecimal digits that name what is to be forgotten, whatever the order it was named in."""
        ...

    @property
    def architecture(self) -> str:
        """The architecture that a measured precision holds for."""
        ...

    def trial(self) -> Callable[[], object]:
        """One training step on a copy of the model, to measure a precision with; each call takes another step."""
        ...

    def describe(self, model: nn.Module) -> dict[str, Any]:
        """What a form has to know of the model: `family`, `parameters` and what the family adds."""
        ...

    def outputs(self, model: nn.Module, tell: Tell = silent) -> dict[str, NDArray[Any]]:
        """Outputs of the model for everything that metrics look at; equal for equal weights, and kept.

        Where that takes long, `tell` is called with (done, of) in between; it may raise to stop.
        """
        ...

    def outputs_key(self) -> bytes:
        """What `outputs` depends on apart from the weights, the precision and the machine."""
        ...

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        """What the model makes of a fixed handful of items, for watching a job: each with `id` and `role`.

        `image`, a PIL image, is written beside the samples, and its path stands as `picture` instead.
        """
        ...

    def write(self, model: nn.Module, folder: Path) -> None:
        """The model in the standard layout of its library, so that from_pretrained loads it."""
        ...


class ClassifierTask(Task, Protocol):
    """A task about images that each have a class: what methods walk over in batches."""

    data: ImageSet
    names: list[str]  # of the classes
    recipe: Mapping[str, Any]  # how the model was trained
    forgotten_classes: list[int]
    corrects: Any  # what was manipulated in the data (`backends.data._tampering.Tampered`), where that is to be forgotten; else None
    neighbours: list[int]  # classes nearest to what is to be forgotten, nearest first

    @property
    def directions(self) -> NDArray[np.float32]:
        """Features of every training item under the model before, each of length 1, [n, d]."""
        ...

    def set_forget(self, index: Index) -> None:
        """Say which training items `Batch.forget` marks."""
        ...

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        """Some items of the training data, or of the test data, on the device."""
        ...

    def loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of these outputs, as the family trains: of classes their cross-entropy."""
        ...

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        """Logits, float32 [n, classes]."""
        ...
