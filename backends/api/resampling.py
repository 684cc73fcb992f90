"""How sure a difference between two models is: resampling of what was asked, of the seeds and of the retrained references.

Groups of items get random weights (the Bayesian bootstrap of Rubin, 1981), and one more group stands for what was not asked, with the
worst outcome there could be. Of items that are right or wrong this is the exact interval of Clopper and Pearson: 0 of 15 leaves up to
22 %, where drawing items with replacement would leave nothing. For shares between 0 and 1 it is the bound of Gaffke (2005) as
Learned-Miller and Thomas read it (arXiv 1905.06208). Seeds and references are drawn on top, n - 1 of n (Rao and Wu, 1988): n of n
understates how much a few of them vary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log10, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtrit

DRAWS: Final = 1000
LEVEL: Final = 0.95
MARGIN: Final = 0.10  # differences up to it are the same, however alike the references are
POOLED: Final = 0.25  # p-value of the F-test above which references do not differ but by chance
MOST: Final = 1000.0  # times as many items: what needs more is not settled by asking
SEED: Final = 17
Floats = NDArray[np.float64]
Outcomes = NDArray[np.float64]  # shares, [references, seeds, items]; of any other model [1, seeds, items]


@dataclass(frozen=True)
class Difference:
    """The mean difference of two models, with resampled ones: `low` where what was not asked speaks against it, `high` for it; [draws]."""

    mean: float
    low: Floats
    high: Floats

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval, by percentiles."""
        tail = 50 * (1 - LEVEL)
        return float(np.percentile(self.low, tail)), float(np.percentile(self.high, 100 - tail))

    def p_value(self, margin: float) -> float:
        """Of the hypothesis that it is no more than the margin; below .05 where the interval lies above. Never below 2 / (draws + 1)."""
        return min(1.0, 2 * (1 + int((self.low <= margin).sum())) / (len(self.low) + 1))

    def excess(self, over: "Difference", paired: bool) -> float:
        """The lower bound of how much more this is than another difference; `paired`, of the same items in the same order."""
        other = over.high if paired else np.random.default_rng(SEED).permutation(over.high)
        return float(np.percentile(self.low - other, 50 * (1 - LEVEL)))


def difference(one: Outcomes, other: Outcomes, groups: Sequence[int], times: float = 1.0) -> Difference:
    """The difference one - other, paired by item and, where both had equally many, by seed.

    What was not asked is 0 or 1 of `one`, and of `other` as all of it together: that is the better studied of the two.

    Args:
        one, other: [references, seeds, items].
        groups: a number for each item; items of one group are drawn together.
        times: as if the same were seen of so many times as many groups.
    """
    index, sizes = _grouped(groups)
    weights, unasked = _weights(len(sizes), times)
    of_items, unasked = weights[:, index], unasked * sizes.mean()
    change = _resampled(one, of_items) - _resampled(other, of_items)
    total = of_items.sum(1) + unasked
    level = float(other.mean())
    return Difference(
        float(one.mean()) - level, (change - unasked * level) / total, (change + unasked * (1 - level)) / total
    )


def margin(references: Outcomes, groups: Sequence[int]) -> float:
    """How far a model may lie from the references and still be one of them.

    Every reference is compared with the others. Of one, nothing is known and `MARGIN` stands; of two, it is their distance; of more, the
    half-width of the interval in which the next one is expected, without the part that comes from having asked few items, where they
    seem to differ at all (F-test at 25 %, as is usual before variances are pooled).
    """
    count = len(references)
    means = references.mean((1, 2))
    if count < 3:
        return max(MARGIN, float(np.ptp(means)))
    index, sizes = _grouped(groups)
    table = np.stack([np.bincount(index, row) / sizes for row in references.mean(1)])
    residual = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    freedom = (count - 1) * max(1, len(sizes) - 1)
    of_items = float((residual**2).sum()) / freedom / len(sizes)
    of_models = float(means.var(ddof=1)) - of_items
    if of_models <= 0 or (of_items and fdtrc(count - 1, freedom, of_models / of_items + 1) > POOLED):
        return MARGIN
    return max(MARGIN, float(stdtrit(count - 1, 0.5 + LEVEL / 2)) * sqrt(of_models * (1 + 1 / count)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, adjusted by Holm (1979) for having tried so many tests."""
    adjusted, highest = [1.0] * len(p_values), 0.0
    for place, at in enumerate(sorted(range(len(p_values)), key=lambda one: p_values[one])):
        highest = max(highest, min(1.0, p_values[at] * (len(p_values) - place)))
        adjusted[at] = highest
    return adjusted


def needed(one: Outcomes, other: Outcomes, groups: Sequence[int], settled: Callable[[Difference], bool]) -> int | None:
    """Of how many groups the same shares would settle it, to two digits; None where more of them would not."""
    low, high = 1.0, MOST
    if not settled(difference(one, other, groups, high)):
        return None
    for _ in range(12):
        middle = sqrt(low * high)
        low, high = (low, middle) if settled(difference(one, other, groups, middle)) else (middle, high)
    count = ceil(high * len(set(groups)))
    digits = int(10 ** max(0, int(log10(count)) - 1))
    return ceil(count / digits) * digits


def _grouped(groups: Sequence[int]) -> tuple[NDArray[np.intp], Floats]:
    """(the group of each item, counted from 0; how many items each group has)."""
    _, index, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    return index, sizes.astype(np.float64)


@lru_cache(maxsize=8)
def _weights(groups: int, times: float) -> tuple[Floats, Floats]:
    """Weights of the groups [draws, groups] and of the one that was not asked [draws]; the same each time, which pairs tests."""
    chance = np.random.default_rng(SEED)
    unasked = chance.standard_exponential(DRAWS)
    return chance.standard_gamma(times, (DRAWS, groups)), unasked


@lru_cache(maxsize=32)
def _picked(count: int, level: int) -> Floats:
    """The share that each of `count` seeds or references has in each draw, [draws, count]."""
    if count < 2:
        return np.ones((DRAWS, count))
    chance = np.random.default_rng([SEED, level])
    return chance.multinomial(count - 1, np.full(count, 1 / count), DRAWS) / (count - 1)


def _resampled(values: Outcomes, of_items: Floats) -> Floats:
    """The weighted sum over items in each draw, of seeds and references drawn as well; [draws]."""
    references, seeds, items = values.shape
    sums = of_items @ values.reshape(-1, items).T
    shares = _picked(references, 0)[:, :, None] * _picked(seeds, 1)[:, None, :]
    result: Floats = (sums * shares.reshape(DRAWS, -1)).sum(1)
    return result
