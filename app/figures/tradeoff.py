"""Forgetting against keeping: one point a run or method, the model trained again without it as the target."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go
from markupsafe import Markup
from pydantic import BaseModel

from app import theme
from app.axes import Axis
from app.figures._common import NOTHING, empty_figure, number_format

WIDE, HIGH = 900, 460  # pixels the plot has on a projector; only used to keep names from lying over each other
LETTER, LINE = 8.6, 22  # pixels of a letter and of a line at the size of the names


class TradeoffPoint(BaseModel):
    """One run or method in the plot. `id` comes back with a click; `spread` is one standard deviation in x and y."""

    label: str
    x: float
    y: float
    id: str = ""
    spread: tuple[float, float] | None = None
    settings: str = ""


def tradeoff(points: Sequence[TradeoffPoint], target: TradeoffPoint | None, x: Axis, y: Axis) -> go.Figure | Markup:
    """The trade-off plot, or words where no point was measured in both.

    Args:
        points: runs or methods; those with a missing number are left out.
        target: the retrained reference, where it was measured.
        x, y: what is measured along them; better is right and up.
    """
    measured_points = [point for point in points if theme.measured(point.x) and theme.measured(point.y)]
    if not measured_points:
        return NOTHING
    figure = empty_figure(560)
    name_positions = _name_positions(measured_points, target, x, y)
    figure.add_trace(
        go.Scatter(
            x=[point.x for point in measured_points],
            y=[point.y for point in measured_points],
            mode="markers+text",
            name="after",
            text=[point.label if name_positions[at] else "" for at, point in enumerate(measured_points)],
            textposition=[name_positions[at] or "top center" for at in range(len(measured_points))],
            marker={"size": 14, "color": theme.ROLE["amount"], "line": {"width": 0}},
            error_x=_error(measured_points, 0),
            error_y=_error(measured_points, 1),
            customdata=[point.id for point in measured_points],
            hovertext=[
                f"{point.label}{'<br>' + point.settings if point.settings else ''}" for point in measured_points
            ],
            hovertemplate=f"%{{hovertext}}<br>{_hover(x, y)}<extra></extra>",
        )
    )
    if target is not None and theme.measured(target.x) and theme.measured(target.y):
        _add_reference(figure, target, x, y)
    figure.update_xaxes(**_axis(x))
    figure.update_yaxes(**_axis(y))
    figure.update_layout(hovermode="closest", margin={"t": 24, "r": 40})
    return figure


def _axis(axis: Axis) -> dict[str, object]:
    """The layout of an axis: title, unit and direction; where less is better it runs backwards."""
    unit = f" {axis.entry.unit}" if axis.entry.unit else ""
    way = {"autorange": "reversed"} if axis.backwards else {}
    return {"title_text": axis.title, "ticksuffix": unit, "zeroline": False, **way}


def _hover(x: Axis, y: Axis) -> str:
    """The hover text of both values in their units."""
    return ", ".join(
        f"%{{{name}:{number_format(axis.entry.unit)}}} {axis.entry.unit}".strip() for name, axis in (("x", x), ("y", y))
    )


def _add_reference(figure: go.Figure, target: TradeoffPoint, x: Axis, y: Axis) -> None:
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


def _error(points: Sequence[TradeoffPoint], axis: int) -> dict[str, object] | None:
    if not any(point.spread for point in points):
        return None
    spread = [point.spread[axis] if point.spread else 0.0 for point in points]
    return {"type": "data", "array": spread, "thickness": 1.5, "width": 4}


def _name_positions(points: Sequence[TradeoffPoint], target: TradeoffPoint | None, x: Axis, y: Axis) -> list[str]:
    """The position of each name, so that none lies over another or over a point; empty where there is no room."""
    everything = [*points, *([target] if target is not None else [])]
    xs, ys = [point.x for point in everything], [point.y for point in everything]
    across, up = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0

    def at(point: TradeoffPoint) -> tuple[float, float]:
        right, top = (point.x - min(xs)) / across, (point.y - min(ys)) / up
        return (1 - right if x.backwards else right) * WIDE, (1 - top if y.backwards else top) * HIGH

    occupied = [(left - 9, low - 9, left + 9, low + 9) for left, low in map(at, everything)]
    chosen = dict.fromkeys(range(len(points)), "")
    for number in sorted(
        range(len(points)), key=lambda one: _distance_to(at(points[one]), at(target) if target else None)
    ):  # the best keep their names
        point = points[number]
        position = next((name for name, box in _boxes(*at(point), len(point.label)) if _is_free(box, occupied)), "")
        if position:
            occupied.append(dict(_boxes(*at(point), len(point.label)))[position])
        chosen[number] = position
    return list(chosen.values())


def _distance_to(point: tuple[float, float], target: tuple[float, float] | None) -> float:
    return math.dist(point, target) if target is not None else 0.0


Box = tuple[float, float, float, float]


def _boxes(x: float, y: float, letters: int) -> list[tuple[str, Box]]:
    wide = letters * LETTER
    return [
        ("top center", (x - wide / 2, y + 10, x + wide / 2, y + 10 + LINE)),
        ("bottom center", (x - wide / 2, y - 10 - LINE, x + wide / 2, y - 10)),
        ("middle left", (x - 12 - wide, y - LINE / 2, x - 12, y + LINE / 2)),
        ("middle right", (x + 12, y - LINE / 2, x + 12 + wide, y + LINE / 2)),
    ]


def _is_free(box: Box, occupied: list[Box]) -> bool:
    left, low, right, high = box
    if left < -60 or right > WIDE + 60:
        return False
    return all(right <= a or left >= c or high <= b or low >= d for a, b, c, d in occupied)
