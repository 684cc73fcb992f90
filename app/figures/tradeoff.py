"""Forgetting against keeping: one point a run or method, the model trained again without it as the target."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from pydantic import BaseModel

from app import theme
from app.axes import Axis
from app.figures._common import NOTHING, new, number_format

WIDE, HIGH = 900, 460  # pixels the plot has on a projector; only used to keep names from lying over each other
LETTER, LINE = 8.6, 22  # pixels of a letter and of a line at the size of the names


class Place(BaseModel):
    """One point. `id` comes back with a click; `spread` is one standard deviation in x and y."""

    label: str
    x: float
    y: float
    id: str = ""
    spread: tuple[float, float] | None = None
    said: str = ""


def tradeoff(places: Sequence[Place], target: Place | None, x: Axis, y: Axis) -> go.Figure | str:
    """The plot, or words where no point was measured in both.

    Args:
        places: runs or methods; those with a missing number are left out.
        target: the retrained reference, where it was measured.
        x, y: what is measured along them; better is right and up.
    """
    known = [place for place in places if theme.measured(place.x) and theme.measured(place.y)]
    if not known:
        return NOTHING
    figure = new(560)
    named = _positions(known, target, x, y)
    figure.add_trace(
        go.Scatter(
            x=[place.x for place in known],
            y=[place.y for place in known],
            mode="markers+text",
            name="after",
            text=[place.label if named[at] else "" for at, place in enumerate(known)],
            textposition=[named[at] or "top center" for at in range(len(known))],
            marker={"size": 14, "color": theme.ROLE["amount"], "line": {"width": 0}},
            error_x=_error(known, 0),
            error_y=_error(known, 1),
            customdata=[place.id for place in known],
            hovertext=[f"{place.label}{'<br>' + place.said if place.said else ''}" for place in known],
            hovertemplate=f"%{{hovertext}}<br>{_hover(x, y)}<extra></extra>",
        )
    )
    if target is not None and theme.measured(target.x) and theme.measured(target.y):
        _aim(figure, target, x, y)
    figure.update_xaxes(**_axis(x))
    figure.update_yaxes(**_axis(y))
    figure.update_layout(hovermode="closest", margin={"t": 24, "r": 40})
    return figure


def _axis(axis: Axis) -> dict[str, object]:
    """Its title with unit and direction; where less is better it runs backwards."""
    unit = f" {axis.entry.unit}" if axis.entry.unit else ""
    way = {"autorange": "reversed"} if axis.backwards else {}
    return {"title_text": axis.title, "ticksuffix": unit, "zeroline": False, **way}


def _hover(x: Axis, y: Axis) -> str:
    """Both values in their units."""
    return ", ".join(
        f"%{{{name}:{number_format(axis.entry.unit)}}} {axis.entry.unit}".strip() for name, axis in (("x", x), ("y", y))
    )


def _aim(figure: go.Figure, target: Place, x: Axis, y: Axis) -> None:
    colour = theme.ROLE["reference"]
    line = {"color": colour, "width": 2, "dash": "dash"}
    figure.add_vline(x=target.x, line=line, layer="below")
    figure.add_hline(y=target.y, line=line, layer="below")
    figure.add_trace(
        go.Scatter(
            x=[target.x],
            y=[target.y],
            mode="markers",
            name=target.label,
            marker={"symbol": "diamond-open", "size": 20, "color": colour, "line": {"width": 3}},
            hovertemplate=f"{target.label}<br>{_hover(x, y)}<extra></extra>",
        )
    )


def _error(places: Sequence[Place], axis: int) -> dict[str, object] | None:
    if not any(place.spread for place in places):
        return None
    spread = [place.spread[axis] if place.spread else 0.0 for place in places]
    return {"type": "data", "array": spread, "thickness": 1.5, "width": 4}


def _positions(places: Sequence[Place], target: Place | None, x: Axis, y: Axis) -> list[str]:
    """Where each name stands, so that none lies over another or over a point; empty where there is no room."""
    everything = [*places, *([target] if target is not None else [])]
    xs, ys = [place.x for place in everything], [place.y for place in everything]
    across, up = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0

    def at(place: Place) -> tuple[float, float]:
        right, top = (place.x - min(xs)) / across, (place.y - min(ys)) / up
        return (1 - right if x.backwards else right) * WIDE, (1 - top if y.backwards else top) * HIGH

    taken = [(left - 9, low - 9, left + 9, low + 9) for left, low in map(at, everything)]
    chosen = dict.fromkeys(range(len(places)), "")
    for number in sorted(
        range(len(places)), key=lambda one: _far(at(places[one]), at(target) if target else None)
    ):  # the best keep their names
        place = places[number]
        found = next((name for name, box in _boxes(*at(place), len(place.label)) if _free(box, taken)), "")
        if found:
            taken.append(dict(_boxes(*at(place), len(place.label)))[found])
        chosen[number] = found
    return list(chosen.values())


def _far(place: tuple[float, float], target: tuple[float, float] | None) -> float:
    return math.dist(place, target) if target is not None else 0.0


Box = tuple[float, float, float, float]


def _boxes(x: float, y: float, letters: int) -> list[tuple[str, Box]]:
    wide = letters * LETTER
    return [
        ("top center", (x - wide / 2, y + 10, x + wide / 2, y + 10 + LINE)),
        ("bottom center", (x - wide / 2, y - 10 - LINE, x + wide / 2, y - 10)),
        ("middle left", (x - 12 - wide, y - LINE / 2, x - 12, y + LINE / 2)),
        ("middle right", (x + 12, y - LINE / 2, x + 12 + wide, y + LINE / 2)),
    ]


def _free(box: Box, taken: list[Box]) -> bool:
    left, low, right, high = box
    if left < -60 or right > WIDE + 60:
        return False
    return all(right <= a or left >= c or high <= b or low >= d for a, b, c, d in taken)
