"""Scores of sets of items as a panel whose threshold is dragged: counts at every threshold of all items, dots of some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from ..api.panels import Role, SideDot, Sides, SideSet

STOPS, DOTS = 400, 120  # thresholds that can be chosen; dots of a set at most
EDGES = (0.002, 0.998)  # shares of all scores between which the thresholds lie
FARTHEST = 12.0  # log odds: nearer to 0 or 1 no threshold lies

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """A set of items with their scores, as `SideSet` has them. `pictures`: by id, of the items that are drawn in any case."""

    name: str
    role: Role
    ids: Sequence[str]
    values: Scores
    rate: Literal["TPR", "FPR", ""] = ""
    pictures: Mapping[str, str] = field(default_factory=dict)


def sides(
    sets: Sequence[Scored],
    threshold: float | None,
    *,
    title: str,
    how: str,
    x_title: str,
    says: str = "",
    start_name: str = "",
    scale: Literal["linear", "odds"] = "linear",
) -> Sides:
    """The panel of sets of items.

    Args:
        sets: with scores; those that are no numbers are counted and never lie above a threshold.
        threshold: that is shown first, exactly; None for the middle one.
        title, how, x_title, says, start_name, scale: as of `Sides`.
    """
    stops = thresholds(np.concatenate([np.asarray(one.values, np.float64) for one in sets]), threshold, scale)
    start = len(stops) // 2 if threshold is None else int(np.searchsorted(stops, threshold))
    return Sides(
        title=title, how=how, says=says, x_title=x_title, start_name=start_name, scale=scale,
        sets=[_set(one, stops) for one in sets], thresholds=stops.tolist(), start=start,
    )  # fmt: skip


def thresholds(values: Scores, threshold: float | None, scale: Literal["linear", "odds"]) -> Scores:
    """At most 401 thresholds in ascending order, at equal distances on the scale, and the one that is shown first among them."""
    finite = values[np.isfinite(values)]
    places = np.clip(logit(finite), -FARTHEST, FARTHEST) if scale == "odds" else finite
    low, high = np.quantile(places, EDGES) if len(places) else (0.0, 1.0)
    every = np.linspace(low, max(high, low + 1e-6), STOPS)
    stops = expit(every) if scale == "odds" else every
    return np.unique(np.append(stops, [] if threshold is None else [threshold]))


def _set(one: Scored, stops: Scores) -> SideSet:
    values = np.asarray(one.values, np.float64)
    finite = np.sort(values[np.isfinite(values)])
    called = len(finite) - np.searchsorted(finite, stops, side="left")
    order = np.random.default_rng(0).permutation(np.flatnonzero(np.isfinite(values)))
    has_picture = np.array([one.ids[at] in one.pictures for at in order], bool)
    chosen = np.sort(np.r_[order[has_picture], order[~has_picture]][: max(DOTS, int(has_picture.sum()))])
    dots = [
        SideDot(id=one.ids[at], value=float(f"{values[at]:.9g}"), picture=one.pictures.get(one.ids[at], ""))
        for at in chosen
    ]
    return SideSet(
        name=one.name, role=one.role, rate=one.rate, size=len(values), called=[int(count) for count in called], dots=dots
    )  # fmt: skip
