"""Items on the two sides of a threshold that is dragged: the page holds the counts at every threshold, so nothing is asked for."""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from app import markup, theme
from app.templating import render
from backends.api.languages import later, tr
from backends.api.panels import Sides, SideSet

NOTHING: Final = later("There is no threshold to show.")
BINS: Final = 64  # columns of dots
HEIGHT, STEP = 84, 7  # pixels: of a set's dots, and at most between two of a column
TICKS: Final = (0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)
FEWEST: Final = 1e-9


@dataclass(frozen=True)
class DrawnDot:
    """A dot: its id, score, place in percent of the width, and pixels above the ground; the address of its picture."""

    id: str
    value: float
    left: float
    above: float
    picture: str


@dataclass(frozen=True)
class DrawnSet:
    """A set with its dots, and what stands beside it at the start."""

    one: SideSet
    dots: list[DrawnDot]
    share: str
    count: str
    size: str
    pictured: list[DrawnDot]


def sides(panel: Sides, folder: Path) -> Markup:
    """Each set as columns of dots, one line through all of them, the slider that moves it, and counts; sides.js answers."""
    if not _fits(panel):
        return markup.nothing(NOTHING)
    lanes = [_lane(panel, one, folder) for one in panel.sets]
    places = [_place(panel, one) for one in panel.thresholds]
    states = {
        "thresholds": panel.thresholds,
        "places": [round(one, 3) for one in places],
        "words": [words(panel, one) for one in panel.thresholds],
        "called": [one.called for one in panel.sets],
        "sizes": [one.size for one in panel.sets],
        "rates": [one.rate for one in panel.sets],
    }
    return render(
        "sides.sides",
        panel=panel,
        states=json.dumps(states),
        lanes=lanes,
        word=words(panel, panel.thresholds[panel.start]),
        place=places[panel.start],
        ticks=_ticks(panel),
        right=right(panel, panel.start),
        threshold=panel.thresholds[panel.start],
    )


def _fits(panel: Sides) -> bool:
    """Whether every threshold is a number, and every set has its counts there."""
    count = len(panel.thresholds)
    odd = any(not math.isfinite(one) for one in panel.thresholds)
    return 0 <= panel.start < count and not odd and all(len(one.called) == count for one in panel.sets)


def _scaled(panel: Sides, value: float) -> float:
    if panel.scale == "linear":
        return value
    inner = min(max(value, FEWEST), 1 - FEWEST)
    return math.log(inner / (1 - inner))


def _place(panel: Sides, value: float) -> float:
    """Where a score stands, in percent of the width."""
    low, high = (_scaled(panel, panel.thresholds[at]) for at in (0, -1))
    share = (_scaled(panel, value) - low) / (high - low) if high > low else 0.5
    return 100 * min(max(share, 0.0), 1.0)


def words(panel: Sides, value: float) -> str:
    """A threshold as a person reads it."""
    if panel.scale == "linear":
        return f"{value:.3g}"
    far = min(value, 1 - value)
    digits = 1 if far >= 0.01 else min(5, 1 - math.floor(math.log10(max(far, FEWEST))) - 1)
    return f"{100 * value:.{max(1, digits - 1)}f} %"


def _lane(panel: Sides, one: SideSet, folder: Path) -> DrawnSet:
    places = [(dot, _place(panel, dot.value)) for dot in one.dots if dot.value is not None and math.isfinite(dot.value)]
    column = {id(dot): min(int(place / 100 * BINS), BINS - 1) for dot, place in places}
    tallest = max(Counter(column.values()).values(), default=1)
    step, level = min(STEP, HEIGHT / tallest), Counter[int]()
    dots = []
    for dot, _ in sorted(places, key=lambda pair: pair[0].value or 0.0):
        at = column[id(dot)]
        uri = markup.data_uri(folder, dot.picture) if dot.picture else ""
        dots.append(DrawnDot(dot.id, dot.value or 0.0, 100 * (at + 0.5) / BINS, level[at] * step, uri))
        level[at] += 1
    count = one.called[panel.start]
    return DrawnSet(
        one, dots, share(count, one.size), f"{count:,}", f"{one.size:,}", [dot for dot in dots if dot.picture]
    )


def share(count: int, of: int) -> str:
    """A share with one decimal; the same as in sides.js."""
    return f"{100 * count / of:.1f}\u00a0%" if of else theme.NOT_MEASURED


def right(panel: Sides, at: int) -> str:
    """How often a threshold is right, where it is known of as many members as others; the same as in sides.js."""
    by_rate = {one.rate: one.called[at] / one.size for one in panel.sets if one.rate and one.size}
    if by_rate.keys() != {"TPR", "FPR"}:
        return ""
    return f"{50 * (by_rate['TPR'] + 1 - by_rate['FPR']):.1f}\u00a0%"


def _ticks(panel: Sides) -> list[tuple[float, str]]:
    """Places and words of a few scores below the dots."""
    low, high = panel.thresholds[0], panel.thresholds[-1]
    if panel.scale == "odds":
        every = [one for one in TICKS if low <= one <= high]
        return [(_place(panel, one), f"{100 * one:g} %") for one in every]
    return [(100.0 * at / 4, f"{low + (high - low) * at / 4:.3g}") for at in range(5)] if high > low else []


def table(panel: Sides) -> Markup:
    """How many of each set are called members at eleven of the thresholds."""
    if not _fits(panel):
        return Markup()
    last = len(panel.thresholds) - 1
    chosen = sorted({round(last * at / 10) for at in range(11)} | {panel.start})
    heads = ["threshold", *(tr("{name}, called members ({rate})", name=one.name, rate=one.rate) if one.rate else tr("{name}, called members", name=one.name) for one in panel.sets)]  # fmt: skip
    rows: list[list[markup.Cell]] = [
        [words(panel, panel.thresholds[at]), *(share(one.called[at], one.size) for one in panel.sets)] for at in chosen
    ]
    return markup.numbers_table(heads, rows)
