"""Forgetting against keeping as HTML: a point a run or method, better to the right and up, the retrained reference as a cross.

Points are placed in percent of the plot's area, so that it fits every width with letters of one size, and each is a link.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from pydantic import BaseModel

from app import theme
from app.axes import Axis
from app.figures._common import NOTHING
from app.templating import render
from backends.api.catalog import Metric

WIDE, HIGH = 760, 210  # pixels of the area on a laptop; only used to keep names from lying over each other
LETTER, LINE = 8.2, 21  # pixels of a letter and of a line at the size of the names
FAR = (34, 58, 84)  # pixels from a point to a name at the end of a line
NAMES = 12  # that stand in the plot; the others are read by pointing
TICKS = 5


class TradeoffPoint(BaseModel):
    """One run or method in the plot.

    Attributes:
        label: its name in the plot.
        x, y: its values.
        address: where it leads.
        kind: what its method does to a model, a key of `catalog.KINDS`; empty without one.
        spread: one standard deviation in x and y.
        settings: what is read beside its name by pointing at it.
        first: its name stands in the plot before those of others, with a line to it where there is no room beside it.
        name: what stands beside it in the plot, where that is not its label: the names of all points at its place.
        silent: its name stands beside another point at its place.
    """

    label: str
    x: float
    y: float
    address: str = ""
    kind: str = ""
    spread: tuple[float, float] | None = None
    settings: str = ""
    first: bool = False
    name: str = ""
    silent: bool = False

    @property
    def measured(self) -> bool:
        """Whether it has a place in the plot."""
        return theme.measured(self.x) and theme.measured(self.y)


class Scale(NamedTuple):
    """The visible part of an axis: from `low` to `high`, with ticks between."""

    low: float
    high: float
    ticks: tuple[float, ...]
    backwards: bool

    def place(self, value: float) -> float:
        """Percent of the way from the worse end."""
        share = 100 * (value - self.low) / (self.high - self.low)
        return 100 - share if self.backwards else share


class Placed(NamedTuple):
    """A point with its place in percent, its whiskers (from, to), the words that pointing at it shows, and where its name stands:
    pixels from the point to the name's lower left corner, None where it has no room; the line to it, as its length and angle.
    """

    point: TradeoffPoint
    left: float
    up: float
    across: tuple[float, float] | None
    upward: tuple[float, float] | None
    words: str
    name: tuple[float, float] | None = None
    leader: tuple[float, float] | None = None


def tradeoff(
    points: Sequence[TradeoffPoint], target: TradeoffPoint | None, x: Axis, y: Axis, others: Sequence[Metric] = ()
) -> Markup:
    """The trade-off plot, or words where no point was measured in both.

    Args:
        points: runs or methods; those with a missing number are left out.
        target: the retrained reference, where it was measured.
        x, y: what is measured along them; better is right and up.
        others: metrics that can be chosen for an axis; of none the axes stay.
    """
    drawn = [point for point in points if point.measured]
    if not drawn:
        return NOTHING
    aim = target if target is not None and target.measured else None
    everything = [*drawn, *([aim] if aim else [])]
    across = scale([point.x for point in everything], x)
    up = scale([point.y for point in everything], y)
    places = _name_places(drawn, aim, across, up)
    placed = [
        _placed(point, x, y, across, up)._replace(name=name, leader=_leader(name, point.name or point.label))
        for point, name in zip(drawn, places, strict=True)
    ]
    return render(
        "tradeoff.plot",
        points=placed,
        aim=_placed(aim, x, y, across, up) if aim else None,
        columns=[(across.place(tick), x.written(tick)) for tick in across.ticks],
        lines=[(up.place(tick), y.written(tick)) for tick in up.ticks],
        x=x,
        y=y,
        others=others,
    )


def scale(values: Sequence[float], axis: Axis) -> Scale:
    """The scale that shows all values with some room around, ticks at round numbers."""
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    low, high = low - 0.08 * span, high + 0.08 * span
    rough = (high - low) / TICKS
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if size * times >= rough)
    ticks = (round(at * step, 10) for at in range(math.ceil(low / step), math.floor(high / step) + 1))
    most = axis.entry.span or math.inf
    return Scale(low, high, tuple(tick for tick in ticks if abs(tick) <= most), axis.backwards)


def _placed(point: TradeoffPoint, x: Axis, y: Axis, across: Scale, up: Scale) -> Placed:
    values = f"{x.name}: {x.written(point.x)}, {y.name}: {y.written(point.y)}"
    return Placed(
        point,
        across.place(point.x),
        up.place(point.y),
        _whisker(point.x, point.spread[0], across) if point.spread else None,
        _whisker(point.y, point.spread[1], up) if point.spread else None,
        f"{point.settings}. {values}" if point.settings else values,
    )


def _whisker(value: float, spread: float, scale: Scale) -> tuple[float, float]:
    """One standard deviation to either side, as percent from and to, within the area."""
    one, other = sorted(min(100.0, max(0.0, scale.place(value + way * spread))) for way in (-1, 1))
    return one, other


Box = tuple[float, float, float, float]


def _name_places(
    points: Sequence[TradeoffPoint], aim: TradeoffPoint | None, across: Scale, up: Scale
) -> list[tuple[float, float] | None]:
    """The place of each name, so that none lies over another, over a point or a whisker; None where there is no room."""

    def at(point: TradeoffPoint) -> tuple[float, float]:
        return across.place(point.x) / 100 * WIDE, up.place(point.y) / 100 * HIGH

    everything = [*points, *([aim] if aim else [])]
    occupied = [box for point in everything for box in _boxes_of(point, *at(point), across, up)]
    goal = at(aim) if aim else (WIDE, HIGH)
    if aim:
        occupied += [(0, goal[1] - 1, WIDE, goal[1] + 1), (goal[0] - 1, 0, goal[0] + 1, HIGH)]
    speaking = [number for number, point in enumerate(points) if not point.silent]
    order = sorted(speaking, key=lambda number: (not points[number].first, math.dist(at(points[number]), goal)))
    places: list[tuple[float, float] | None] = [None] * len(points)
    for number in order:
        if sum(place is not None for place in places) == NAMES:
            break
        point, (left, low) = points[number], at(points[number])
        wide = len(point.name or point.label) * LETTER
        offsets = [*_beside(wide), *(_farther(wide) if point.first else [])]
        boxes = [(left + dx, low + dy, left + dx + wide, low + dy + LINE) for dx, dy in offsets]
        free = next((at for at, box in enumerate(boxes) if _is_free(box, occupied)), None)
        if free is not None:
            occupied.append(boxes[free])
            places[number] = offsets[free]
    return places


def _boxes_of(point: TradeoffPoint, left: float, low: float, across: Scale, up: Scale) -> list[Box]:
    """What a point and its whiskers take up."""
    boxes = [(left - 8, low - 8, left + 8, low + 8)]
    if point.spread:
        one, other = (end / 100 * WIDE for end in _whisker(point.x, point.spread[0], across))
        down, top = (end / 100 * HIGH for end in _whisker(point.y, point.spread[1], up))
        boxes += [(one, low - 2, other, low + 2), (left - 2, down, left + 2, top)]
    return boxes


def _beside(wide: float) -> list[tuple[float, float]]:
    """Places of a name beside its point: right, left, above, below."""
    return [(11, -LINE / 2), (-11 - wide, -LINE / 2), (-wide / 2, 10), (-wide / 2, -10 - LINE)]


def _farther(wide: float) -> list[tuple[float, float]]:
    """Places of a name at the end of a line to its point, the nearer first."""
    around = [
        (math.cos(turn * math.pi / 8), math.sin(turn * math.pi / 8)) for turn in (10, 6, 8, 12, 4, 9, 7, 14, 2, 0)
    ]
    return [
        (far * dx - (wide if dx < -0.3 else 0 if dx > 0.3 else wide / 2), far * dy - LINE / 2)
        for far in FAR
        for dx, dy in around
    ]


def _leader(name: tuple[float, float] | None, words: str) -> tuple[float, float] | None:
    """The line from a point to a name that does not stand beside it: pixels, and degrees from the right, downwards."""
    if name is None:
        return None
    left, low = name
    x = min(max(0.0, left), left + len(words) * LETTER)
    y = min(max(0.0, low), low + LINE)
    length = math.hypot(x, y)
    return (length, math.degrees(-math.atan2(y, x))) if length > 14 else None


def _is_free(box: Box, occupied: list[Box]) -> bool:
    left, low, right, high = box
    if left < 0 or right > WIDE or low < 0 or high > HIGH:
        return False
    return all(right <= a or left >= c or high <= b or low >= d for a, b, c, d in occupied)
