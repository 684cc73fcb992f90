"""Undoing the largest directions of the change (SVD): takes the strongest part of the edit out again."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ._weights import matrices, states

RANKS = (0, 1, 2, 4, 8)


class UndoDirections(Params):
    """Nothing to set."""


@attack(
    id="undo_directions",
    title="Undoing directions of the change (SVD): takes its strongest part out",
    summary="Splits the change of every weight matrix into directions and undoes the largest: knowledge behind a thin edit is back at once.",
    source={
        "title": "Our extension: the update as a low-rank matrix, as in Hu et al., LoRA, ICLR 2022",
        "url": "https://arxiv.org/abs/2106.09685",
    },
    needs=("exam", "weights"),
    lacks=lambda look: "A guard changes no weight, so there is no change to undo." if look.guarded else "",
    test="weights",
    counts=False,
    group="there",
    order=52,
)
def undo_directions(look: AttackContext[Any], params: UndoDirections) -> Result:
    """w - sum of the r largest singular directions of (w - w_original), r = 0, 1, 2, 4, 8, of linear and convolution weights.

    It needs the original's weights, so it explains how thin an edit is and is not weighed by the court. Changes of norms, biases and
    embeddings stay.
    """
    original = {name: weight.detach() for name, weight in matrices(look.before).items()}

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        parts = {
            name: _split(weight.detach() - original[name])
            for name, weight in matrices(model).items()
            if name in original
        }

        def without(rank: int, name: str, weight: Tensor) -> Tensor:
            return weight - _largest(parts[name], rank).view_as(weight) if name in parts else weight

        return states(model, [lambda name, weight, rank=rank: without(rank, name, weight) for rank in RANKS])  # type: ignore[misc]

    tried = look.try_on_each(way, len(RANKS), "undoing and asking")
    attacked = look.attacked(
        attack="undo_directions", kind="weights", x=[float(rank) for rank in RANKS], x_title="largest directions undone, of each matrix",
        recalled=tried.recalled, kept=tried.kept, at=1, counts=False,
    )  # fmt: skip
    return Result(attacked, [curves(attacked, "With the largest directions of the change undone")])


Parts = tuple[Tensor, Tensor, Tensor]


def _split(change: Tensor) -> Parts:
    """The change of a weight by its singular directions, as many as the most that are undone: (left, sizes, right)."""
    matrix = change.float() if change.ndim == 3 else change.flatten(1).float()
    left, sizes, right = torch.linalg.svd(matrix, full_matrices=False)
    most = RANKS[-1]
    return left[..., :most], sizes[..., :most], right[..., :most, :]


def _largest(parts: Parts, rank: int) -> Tensor:
    """The largest directions of a change."""
    left, sizes, right = parts
    return (left[..., :rank] * sizes[..., None, :rank]) @ right[..., :rank, :]
