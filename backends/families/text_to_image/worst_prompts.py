"""Prompts that are hard to erase: what a search for them keeps in its run, and how far a prediction went on the way of an eraser."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...api import run_outputs
from ...api.errors import BadInput

MADE: Final = "worst_prompts"  # what a run of the method keeps, by this name
NONE_MADE: Final = "This run searched no prompts; take one of a method that does."


@dataclass(frozen=True)
class Searched:
    """Candidates and what became of them in a search.

    Attributes:
        prompts: the candidates [n].
        weights: of each, before and after every round [rounds + 1, n].
        moved: how far each went in every round, as `way` has it [rounds, n].
        chosen: those whose set was erased in the end [n].
    """

    prompts: list[str]
    weights: NDArray[np.float32]
    moved: NDArray[np.float32]
    chosen: NDArray[np.bool_]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a run keeps it."""
        return {
            "prompts": np.array(self.prompts, np.str_),
            "weights": self.weights,
            "moved": self.moved,
            "chosen": self.chosen,
        }

    @property
    def order(self) -> list[int]:
        """Places of the prompts, those that went least far first, as the mean over all rounds; without a round those chosen first."""
        rank = self.moved.mean(0) if len(self.moved) else 1.0 - self.chosen
        return [int(at) for at in np.argsort(rank, kind="stable")]


def of_run(folder: Path) -> Searched:
    """What the run in this folder searched.

    Raises:
        BadInput: it searched nothing.
    """
    arrays = run_outputs.method_arrays(folder, MADE)
    if arrays is None:
        raise BadInput(NONE_MADE)
    return Searched([str(one) for one in arrays["prompts"]], arrays["weights"], arrays["moved"], arrays["chosen"])


def way(now: Tensor, conditional: Tensor, unconditional: Tensor, strength: float) -> Tensor:
    """How far predictions went from those with the prompt to those that ESD teaches [n]: 0 not at all, 1 all of the way, in any direction.

    |now - conditional| over |target - conditional|, where target = unconditional - strength (conditional - unconditional); of predictions
    [n, c, h, w], each norm over c, h and w.
    """
    gone = (now - conditional).flatten(1).norm(dim=1)
    whole = (1 + strength) * (conditional - unconditional).flatten(1).norm(dim=1)
    return gone / whole.clamp(min=torch.finfo(gone.dtype).tiny)
