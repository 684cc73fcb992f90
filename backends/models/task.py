"""What the engine, the methods, the metrics and the inspectors know of a model family: one small protocol.

A task joins a model, its data and the forget and keep sets of one job. `parts` names index sets into its data:

    forget       what the method must forget (training items)
    keep         what the method may rehearse (training items)
    retain       every training item that is not to be forgotten; equal to keep where no keep list was given
    train        all training items
    test         test items, for class forgetting without the forgotten classes
    test_forget  test items of the forgotten classes; empty for other targets
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Index = NDArray[np.int64]


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
    """One model family at work on one job."""

    family: str
    device: torch.device
    parts: dict[str, Index]
    forgotten_classes: list[int]
    neighbours: list[int]
    names: list[str]
    recipe: Mapping[
        str, Any
    ]  # how the model was trained: epochs, learning_rate, momentum, weight_decay, batch_size, flip, optimizer

    def load(self) -> nn.Module:
        """A fresh copy of the model before, in eval mode."""
        ...

    def fresh(self, seed: int) -> nn.Module:
        """The same architecture with new random weights."""
        ...

    def set_forget(self, index: Index) -> None:
        """Say which training items `Batch.forget` marks."""
        ...

    def batch(self, index: Index, *, test: bool = False, augment: bool = False) -> Batch:
        """Items by position, on the device."""
        ...

    def forward(self, model: nn.Module, x: Tensor) -> Tensor:
        """Logits, float32 [n, classes], in the job's precision."""
        ...

    def features(self, model: nn.Module, x: Tensor) -> Tensor:
        """What goes into the last layer, float32 [n, d]."""
        ...

    def outputs(self, model: nn.Module) -> dict[str, NDArray[np.float32]]:
        """Logits of every training and test item, keyed `train` and `test`, test transforms, no gradient."""
        ...

    def sample(self, model: nn.Module) -> list[dict[str, Any]]:
        """What the model makes of a fixed handful of items, for watching a job."""
        ...
