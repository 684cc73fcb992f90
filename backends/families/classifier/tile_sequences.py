"""Shards, slices and their orders: which tiles a deletion puts out, and how many deletions a model stands.

As of S3T (Chowdhury et al., Towards Scalable Exact Machine Unlearning Using Parameter-Efficient Fine-Tuning, ICLR 2025). Numbers only: no
model is opened here. Shards, orders and slices are counted from 0.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.task import Index

Slice = tuple[int, int]  # (shard, slice)
MODEL_TYPE = "tiled-vit"  # of a config whose model holds tiles
SALT = 20_240_616
DRAWS = 8  # requests that a simulation draws at a time, for each slice


def rotations(slices: int, count: int) -> list[list[int]]:
    """The first `count` cyclic rotations of 0 .. slices - 1: orders of which each begins with another slice.

    Raises:
        ValueError: more orders than slices; S3T then rotates what follows the first slice, which is not done here.
    """
    if not 1 <= count <= slices:
        raise ValueError(f"{count} rotations of {slices} slices")
    return [[(first + place) % slices for place in range(slices)] for first in range(count)]


def partition(count: int, shards: int, slices: int, seed: int) -> list[list[Index]]:
    """Training ids 0 .. count - 1 dealt by lot to the slices of every shard, as evenly as it goes; each sorted."""
    order = np.random.default_rng([seed, SALT]).permutation(count)
    pieces = np.array_split(order, shards * slices)
    return [[np.sort(pieces[shard * slices + one]) for one in range(slices)] for shard in range(shards)]


def touched(parts: Sequence[Sequence[Index]], ids: Index) -> list[Slice]:
    """The slices that hold some of these training ids."""
    return [
        (shard, number)
        for shard, slices in enumerate(parts)
        for number, own in enumerate(slices)
        if np.isin(own, ids).any()
    ]


def surviving(order: Sequence[int], deleted: Collection[int]) -> int:
    """How many stages of an order saw nothing of the slices that are deleted: those before the first of them."""
    return next((stage for stage, number in enumerate(order) if number in deleted), len(order))


def served(orders: Sequence[Sequence[int]], deleted: Collection[int]) -> tuple[int, int]:
    """(order, stages) of the longest surviving prefix of a shard, the first of equal ones; no stage where all are empty."""
    lengths = [surviving(order, deleted) for order in orders]
    best = int(np.argmax(lengths))
    return best, lengths[best]


def expected_deletions(shards: int, slices: int, orders: int) -> float:
    """Deletions until nothing is left, when each request falls on any slice alike: mL H(mB), which is O(mL log mB).

    An order is empty once its first slice was hit, and rotations begin with different ones, so that mB of the mL slices have to be hit.
    """
    firsts = shards * orders
    return float(shards * slices * sum(1 / number for number in range(1, firsts + 1)))


def simulated_deletions(
    firsts: Collection[Slice], weights: NDArray[np.float64], trials: int, seed: int
) -> NDArray[np.int64]:
    """Deletions until nothing is left, in so many trials of requests at random.

    Args:
        firsts: the slices that stand first in an order that still holds something; an order is empty once that one is hit.
        weights: [shards, slices], how likely a request is to fall on a slice, in any unit.
        trials: how many.
        seed: of the requests.
    """
    shares = (weights / weights.sum()).ravel()
    needed = sorted({shard * weights.shape[1] + number for shard, number in firsts})
    rng = np.random.default_rng([seed, SALT])
    at = np.zeros((trials, len(needed)), np.int64)  # when each of them was first hit; 0: not yet
    done = 0
    while (at == 0).any():
        draws = rng.choice(len(shares), (trials, DRAWS * len(shares)), p=shares)
        for column, number in enumerate(needed):
            hit = draws == number
            now = (at[:, column] == 0) & hit.any(1)
            at[now, column] = done + hit[now].argmax(1) + 1
        done += draws.shape[1]
    last: NDArray[np.int64] = at.max(1, initial=0)
    return last
