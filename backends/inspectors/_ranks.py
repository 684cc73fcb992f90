"""The k-th largest of very many amounts, exactly, in two passes and without holding them: amounts are counted by their bits."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HALF = 1 << 15  # float32 above 0: 15 bits that matter first, then 16
LOWER = 1 << 16


class Ranks:
    """Two passes over a stream of amounts (float32, finite, any shape): `count` all of it, `aim` at ranks, `refine` all of it, `lines`.

    Floats above 0 are in the order of their bits; amounts that are 0 have no rank.
    """

    def __init__(self) -> None:
        self._upper = np.zeros(HALF, np.int64)

    @property
    def total(self) -> int:
        """How many amounts are above 0."""
        return int(self._upper.sum())

    def count(self, amounts: Tensor) -> None:
        """First pass: a piece of the stream."""
        self._upper += _histogram(_bits(amounts) >> 16, HALF)

    def aim(self, ranks: NDArray[np.int64]) -> None:
        """Between the passes: the ranks to be found, 1 for the largest."""
        from_top = np.cumsum(self._upper[::-1])
        self._beyond = ranks > self.total
        places = np.searchsorted(from_top, np.minimum(ranks, max(1, self.total))).clip(max=HALF - 1)
        bins = HALF - 1 - places
        self._left = ranks - (from_top[places] - self._upper[bins])
        self._bins, self._of = np.unique(bins, return_inverse=True)
        self._slots = torch.full((HALF,), -1)
        self._slots[torch.from_numpy(self._bins)] = torch.arange(len(self._bins))
        self._lower = np.zeros(len(self._bins) * LOWER, np.int64)

    def refine(self, amounts: Tensor) -> None:
        """Second pass: the same piece again."""
        bits = _bits(amounts)
        slots = self._slots.to(bits.device)[bits >> 16]
        keys = slots * LOWER + (bits & (LOWER - 1))
        self._lower += _histogram(keys[slots >= 0], len(self._lower))

    def lines(self) -> NDArray[np.float32]:
        """The amount of each rank; 0 where there are fewer amounts above 0."""
        from_top = np.cumsum(self._lower.reshape(-1, LOWER)[:, ::-1], axis=1)
        lower = [
            LOWER - 1 - int(np.searchsorted(from_top[of], left)) for of, left in zip(self._of, self._left, strict=True)
        ]
        bits = (self._bins[self._of] << 16) + np.clip(lower, 0, LOWER - 1)
        amounts: NDArray[np.float32] = bits.astype(np.int32).view(np.float32)
        return np.where(self._beyond, np.float32(0), amounts)


def _bits(amounts: Tensor) -> Tensor:
    return amounts[amounts > 0].contiguous().view(torch.int32).long()


def _histogram(keys: Tensor, size: int) -> NDArray[np.int64]:
    counts: NDArray[np.int64] = torch.bincount(keys, minlength=size).cpu().numpy()
    return counts
