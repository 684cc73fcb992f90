"""Prompts that are hard to erase: what a search for them keeps in its run, and how far an eraser moved a prediction."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
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
        losses: of each in every round, low where erasing failed [rounds, n].
        chosen: those whose set was erased in the end [n].
    """

    prompts: list[str]
    weights: NDArray[np.float32]
    losses: NDArray[np.float32]
    chosen: NDArray[np.bool_]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As a run keeps it."""
        return {
            "prompts": np.array(self.prompts, np.str_),
            "weights": self.weights,
            "losses": self.losses,
            "chosen": self.chosen,
        }

    @property
    def order(self) -> list[int]:
        """Places of the prompts, those with the lowest loss first, as the mean over all rounds; without a round those chosen first."""
        rank = self.losses.mean(0) if len(self.losses) else 1.0 - self.chosen
        return [int(at) for at in np.argsort(rank, kind="stable")]


def of_run(folder: Path) -> Searched:
    """What the run in this folder searched.

    Raises:
        BadInput: it searched nothing.
    """
    arrays = run_outputs.method_arrays(folder, MADE)
    if arrays is None:
        raise BadInput(NONE_MADE)
    return Searched([str(one) for one in arrays["prompts"]], arrays["weights"], arrays["losses"], arrays["chosen"])


def distance(now: Tensor, before: Tensor) -> Tensor:
    """How far predictions [n, c, h, w] are from those of the original model on the same latents, as a mean of squares [n]."""
    return (now - before).square().flatten(1).mean(1)
