"""The two axes of a trade-off plot: what each measures, which way on it is better, and how to read the two together."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from app import theme
from backends.api import catalog
from backends.api.catalog import Metric
from backends.api.languages import later, tr

Side = Literal["right", "up"]
RETRAINED = later("retrained reference")  # a model trained without the forget set
OF: dict[str, str] = {
    "forgetting": later("the forget set"),
    "privacy": later("the forget set"),
    "keeping": later("the rest"),
    "cost": later("what it cost"),
    "other": later("something else"),
}
BETTER: dict[str, str] = {
    "forgetting": later("more is forgotten"),
    "privacy": later("it looks less as if it had been trained on"),
    "keeping": later("more is kept"),
    "cost": later("less was spent"),
}


class Axis(NamedTuple):
    """A metric along an axis. Better is always right or up, so an axis on which less is better runs backwards."""

    entry: Metric
    side: Side

    @property
    def of(self) -> str:
        """The set that it is measured on."""
        return tr(OF[self.entry.measures])

    @property
    def backwards(self) -> bool:
        """Whether its values fall to the right, or upwards."""
        return self.entry.better == "lower"

    @property
    def name(self) -> str:
        """The metric, as the field calls it."""
        return self.entry.title

    @property
    def title(self) -> str:
        """The title of the axis: the metric, its unit, and an arrow to where it is better, or more."""
        unit = f", {self.entry.unit}" if self.entry.unit else tr(", from 0 to 1") if self.entry.most == 1 else ""
        return f"{self.name}{unit} ({self.way})" if self.way else f"{self.name}{unit}"

    @property
    def way(self) -> str:
        """What further right, or up, is, and an arrow there; empty where neither way is better."""
        if not self.meaning:
            return ""
        # where the retrained reference is the aim, further is not better, only more
        words = self.meaning if self.aimed else tr("less is better") if self.backwards else tr("more is better")
        return f"{words} {'→' if self.side == 'right' else '↑'}"

    @property
    def meaning(self) -> str:
        """The meaning of further right, or up; empty where neither way is better."""
        return tr(BETTER.get(self.entry.measures, "")) if self.entry.better else ""

    @property
    def aimed(self) -> bool:
        """Whether the retrained reference is the aim, so that one can go too far."""
        return self.entry.direction == "reference"

    def points(self, value: float) -> float:
        """A value in points, of a number from 0 to 1 hundredths; more is better."""
        return value * (100 / (self.entry.span or 100)) * (-1 if self.backwards else 1)

    def share(self, value: float) -> float:
        """A value as percent of the way from the worst to the best end."""
        share = value * (100 / (self.entry.span or 100))
        return 100 - share if self.backwards else share

    def written(self, value: float) -> str:
        """A value in its unit."""
        return theme.quantity(value, self.entry.unit)


def choices(had: set[str]) -> list[Metric]:
    """The metrics that can be an axis, in the catalog's order: those with a smallest and a largest value that any trial `had`."""
    entries = [entry for entry in catalog.load().metrics if entry.span]
    return [entry for entry in entries if entry.id in had] or entries


def usual(entries: Sequence[Metric]) -> tuple[str, str]:
    """The usual axes: forgetting across and keeping up, the first of each; where one is missing, the first two that there are."""
    first = next((entry for entry in entries if entry.measures == "forgetting"), entries[0])
    others = [entry for entry in entries if entry is not first] or [first]
    return first.id, next((entry for entry in others if entry.measures == "keeping"), others[0]).id


def is_tradeoff(x: Axis, y: Axis) -> bool:
    """Whether one axis measures forgetting and the other keeping, the only pair that can be traded."""
    return {x.entry.measures, y.entry.measures} in ({"forgetting", "keeping"}, {"privacy", "keeping"}) and bool(
        x.meaning and y.meaning
    )


def heading(x: Axis, y: Axis) -> str:
    """The heading of the plot of two axes."""
    if is_tradeoff(x, y):
        return tr("Forgetting against keeping")
    return (
        tr("Two measures of {of}", of=x.of)
        if x.of == y.of and x.entry.measures != "other"
        else tr("Two measures beside each other")
    )


def caption(x: Axis, y: Axis, what: str, *, aim: bool) -> str:
    """The explanation below the plot, from the directions of the two metrics.

    Args:
        x, y: the axes.
        what: a point is.
        aim: whether the retrained reference is drawn.
    """
    sentences = [tr("Each point is one {what}.", what=what)]
    sentences += [
        tr("Further {side}, {meaning}.", side=tr(axis.side), meaning=axis.meaning) for axis in (x, y) if axis.meaning
    ]
    sentences += [tr("{name} has no better end of its own.", name=axis.name) for axis in (x, y) if not axis.meaning]
    if not is_tradeoff(x, y):
        same = x.of == y.of and x.entry.measures != "other"
        no_pair = (
            tr("Both axes measure {of}, so this is no trade-off between forgetting and keeping.", of=x.of)
            if same
            else tr("This is no trade-off between forgetting and keeping.")
        )
        remark = (
            tr(" Nothing here shows what became of the rest.")
            if "keeping" not in (x.entry.measures, y.entry.measures)
            else ""
        )
        sentences.append(no_pair + remark)
    if aim:
        sentences.append(tr("The dashed cross is the retrained reference, a model trained without the forget set."))
        far = [tr(axis.side) for axis in (x, y) if axis.aimed]
        sentences += (
            [tr("Further {far} than the cross is too much.", far=tr(" or ").join(far))]
            if far and x.meaning and y.meaning
            else []
        )
    else:
        sentences.append(tr("No retrained reference was measured here, so nothing marks how far a method should go."))
    return " ".join(sentences)


def distance(x: Axis, y: Axis, one: tuple[float, float], other: tuple[float, float]) -> float:
    """Points from one place to another. Where more is better without end, being beyond counts nothing."""
    apart = []
    for axis, own, aim in zip((x, y), one, other, strict=True):
        off = axis.points(own) - axis.points(aim)
        apart.append(off if axis.aimed else min(0.0, off))
    return math.hypot(*apart)
