"""Forgetting against keeping: one point a run or method, the model trained again without it as the target."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from pydantic import BaseModel

from app import theme
from app.figures._common import NOTHING, new

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


def tradeoff(
    places: Sequence[Place], target: Place | None, x_title: str, y_title: str, unit: str = "%"
) -> go.Figure | str:
    """The plot, or words where no point was measured in both.

    Args:
        places: runs or methods; those with a missing number are left out.
        target: the retrained reference, where it was measured.
        x_title, y_title: names of the two metrics.
        unit: of both.
    """
    known = [place for place in places if theme.measured(place.x) and theme.measured(place.y)]
    if not known:
        return NOTHING
    figure = new(560)
    named = _positions(known, target)
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
            hovertemplate="%{hovertext}<br>%{x:.1f}" + f" {unit}, " + "%{y:.1f}" + f" {unit}<extra></extra>",
        )
    )
    if target is not None and theme.measured(target.x) and theme.measured(target.y):
        _aim(figure, target, unit)
    suffix = {"ticksuffix": f" {unit}", "zeroline": False}
    figure.update_xaxes(title_text=x_title, **suffix)
    figure.update_yaxes(title_text=y_title, **suffix)
    figure.update_layout(hovermode="closest", margin={"t": 24, "r": 40})
    return figure


def _aim(figure: go.Figure, target: Place, unit: str) -> None:
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
            hovertemplate=f"{target.label}<br>%{{x:.1f}} {unit}, %{{y:.1f}} {unit}<extra></extra>",
        )
    )


def _error(places: Sequence[Place], axis: int) -> dict[str, object] | None:
    if not any(place.spread for place in places):
        return None
    spread = [place.spread[axis] if place.spread else 0.0 for place in places]
    return {"type": "data", "array": spread, "thickness": 1.5, "width": 4}


def _positions(places: Sequence[Place], target: Place | None) -> list[str]:
    """Where each name stands, so that none lies over another or over a point; empty where there is no room."""
    everything = [*places, *([target] if target is not None else [])]
    xs, ys = [place.x for place in everything], [place.y for place in everything]
    across, up = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0

    def at(place: Place) -> tuple[float, float]:
        return (place.x - min(xs)) / across * WIDE, (place.y - min(ys)) / up * HIGH

    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in map(at, everything)]
    chosen = dict.fromkeys(range(len(places)), "")
    for number in sorted(range(len(places)), key=lambda one: _far(places[one], target)):  # the best keep their names
        place = places[number]
        found = next((name for name, box in _boxes(*at(place), len(place.label)) if _free(box, taken)), "")
        if found:
            taken.append(dict(_boxes(*at(place), len(place.label)))[found])
        chosen[number] = found
    return list(chosen.values())


def _far(place: Place, target: Place | None) -> float:
    return math.dist((place.x, place.y), (target.x, target.y)) if target is not None else 0.0


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
