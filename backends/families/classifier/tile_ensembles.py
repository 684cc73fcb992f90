"""Every ensemble that a model with tiles can come to serve, really asked: prefixes answer once, and deletions choose among their answers."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.task import Index
from . import tile_sequences, tile_training
from .tile_sequences import Slice

if TYPE_CHECKING:
    from .task import Classifier

REQUESTS = 20_250_424  # salt of their draws: another than that of the slices, whose lot they would repeat


class Ensembles:
    """What a model would answer on some test images after any deletions.

    The logits of a prefix are computed where it first serves. Their average is what the model itself would say, up to rounding.
    """

    def __init__(self, task: "Classifier", model: Any, index: Index) -> None:
        """`model` holds the tiles; it is not changed."""
        self._task, self._index, self._tiles = task, index, model.tiles
        self._orders = [model.tiles.orders(shard) for shard in range(model.config.shards)]
        self._one = tile_training.alone(model).eval()
        self._labels = task.data.test.labels[index]
        self._logits: dict[tuple[int, int, int], NDArray[np.float32]] = {}
        self._accuracy: dict[tuple[tuple[int, int], ...], float | None] = {}

    def served(self, deleted: Collection[Slice], orders: int) -> tuple[tuple[int, int], ...]:
        """(order, stages) that serves each shard once these slices are deleted, with the first few orders alone."""
        each = []
        for shard, own in enumerate(self._orders):
            numbers = {number for other, number in deleted if other == shard}
            each.append(tile_sequences.served(own[:orders], numbers))
        return tuple(each)

    def accuracy(self, deleted: Collection[Slice], orders: int) -> float | None:
        """Percent of the images that are right; None where nothing is left that could serve."""
        chosen = self.served(deleted, orders)
        if chosen not in self._accuracy:
            parts = [self._prefix(shard, *one) for shard, one in enumerate(chosen) if one[1]]
            right = np.mean(np.mean(parts, 0).argmax(1) == self._labels) if parts else None
            self._accuracy[chosen] = None if right is None else 100 * float(right)
        return self._accuracy[chosen]

    def course(self, deleted: Collection[Slice], requests: Sequence[Slice], orders: int) -> list[float | None]:
        """The accuracy at the start and after each of these deletions, one after the other."""
        hit = {*deleted}
        values = [self.accuracy(hit, orders)]
        for request in requests:
            hit.add(request)
            values.append(self.accuracy(hit, orders))
        return values

    def firsts(self, deleted: Collection[Slice], orders: int) -> set[Slice]:
        """The slices that stand first in an order that still serves or could: once all of them were hit, nothing is left."""
        return {
            (shard, one[0])
            for shard, own in enumerate(self._orders)
            for one in own[:orders]
            if one and (shard, one[0]) not in deleted
        }

    def _prefix(self, shard: int, order: int, stages: int) -> NDArray[np.float32]:
        key = shard, order, stages
        if key not in self._logits:
            tensors = [self._tiles.at(shard, order, stage).state_dict() for stage in range(stages)]
            tile_training.put_alone(self._one, tensors)
            self._logits[key] = self._task.over(lambda x: self._task.forward(self._one, x), self._index, test=True)
        return self._logits[key]


def requests(parts: Sequence[Sequence[Index]], without: Index, count: int, seed: int) -> Iterator[Slice]:
    """The slices of training images that are drawn one after the other, each at most once, from those that are still there."""
    of = {
        int(item): (shard, number) for shard, own in enumerate(parts) for number, ids in enumerate(own) for item in ids
    }
    there = np.setdiff1d(np.array(sorted(of)), without)
    for item in np.random.default_rng([seed, REQUESTS]).permutation(there)[:count]:
        yield of[int(item)]
