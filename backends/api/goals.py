"""How far a number is from its goal. The thresholds of every verdict and tile stand here, each with its reason."""

from collections.abc import Mapping
from math import isnan, nan
from typing import Any, Final, Literal, NamedTuple

from .catalog import Metric
from .results import Measured

# Distances, in points of percent; of a number from 0 to 1 a hundredth is a point.
FAR: Final = 10.0  # from its goal: forty questions or images, the fewest usual, have a standard error of up to 8 points
NEAR: Final = 2.0  # two shares count as the same: between seeds, the retrained references differ by as much
HURT: Final = 2.0  # the rest may lose so much before it counts as hurt, for the same reason; twice that in one class
NAMED: Final = 1.0  # a class that lost less is not worth naming
CHANGED: Final = 0.05  # less is shown as 0.0, so nothing is said to have changed

# Answers
FORGOT: Final = 25.0  # percent of the questions that may still be answered: one of four right happens without knowledge
PARTLY: Final = 50.0  # points that must have gone for "partly": half of what is known as a rule
BACK, SOME = 0.5, 0.2  # part of the lost answers that comes back another way: hidden, and partly so
ALIKE: Final = 0.05  # the level of the test of forget quality, as TOFU reads it
STAMMER: Final = (
    3.0  # nats a token beyond the retrained reference: each word is 20 times less likely to the model before
)
STAMMER_ALONE: Final = (
    5.0  # the same beyond the model before, of whose answers those that it learned cost nearly nothing
)
REPEATS: Final = 0.8  # part of the fluency there was: below it, answers are shorter or repeat themselves

# Pictures
GONE: Final = 95.0  # percent of the pictures that no longer show it: two of forty may be a judge's mistake

# Vectors: share of their first words in common from which one barely changed, and below which it is another
SAME, OTHER = 0.75, 0.4

Kind = Literal["retrained", "before", "zero"]


class Goal(NamedTuple):
    """What a number should be, where that comes from, and how far off it is in points, 0 where it is as good or better."""

    value: float
    kind: Kind
    off: float

    @property
    def far(self) -> bool:
        """Whether it is far from its goal."""
        return self.off > FAR


WORDS: Final[dict[Kind, str]] = {"retrained": "as retrained", "before": "as before", "zero": "0"}


def goal(one: Measured, entry: Metric | None) -> Goal | None:
    """The goal of a metric after the job; None where it has none, as time has, or where it was not measured.

    By direction: "reference", the retrained reference; "higher", the retrained reference or else the model before, and more is
    as good; "lower" of what is to be forgotten and of distances, 0.
    """
    if entry is None or (entry.span is None and one.unit != "points") or isnan(one.after):
        return None
    there = nan if one.reference is None else one.reference
    kind: Kind = "retrained"
    if one.direction == "lower":
        if entry.measures not in ("forgetting", "privacy") and one.unit != "points":
            return None
        kind, there = "zero", 0.0
    elif one.direction == "higher" and isnan(there):
        if entry.measures != "keeping":
            return None
        kind, there = "before", one.before
    if isnan(there):
        return None
    return Goal(there, kind, _distance(one, entry, there))


def _distance(one: Measured, entry: Metric, there: float) -> float:
    off = (one.after - there) * (100 / entry.span if entry.span else 1)
    if entry.enough is not None and (
        one.after >= entry.enough if one.direction == "higher" else one.after <= entry.enough
    ):
        return 0.0
    if one.direction == "reference":
        return abs(off)
    return max(0.0, -off if one.direction == "higher" else off)


def far(metrics: Mapping[str, Measured], entries: Mapping[str, Any], *without: str) -> list[str]:
    """Ids of the metrics that are far from the retrained reference, the farthest first; `without` some."""
    distances = {}
    for name, one in metrics.items():
        aim = goal(one, entries.get(name)) if name not in without else None
        if aim is not None and aim.kind == "retrained" and aim.far:
            distances[name] = aim.off
    return sorted(distances, key=lambda name: -distances[name])
