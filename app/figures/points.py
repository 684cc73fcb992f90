"""A map of items, before and after linked point by point. A slider moves each point from where it was to where it is."""

from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from app import markup, theme
from app.figures._common import NOTHING, empty_figure, faded, folded, shade
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import Point, Points

STEPS = 12  # frames of the way from before to after
ORDER = ("unrelated", "neighbour", "amount", "difference", "reference", "forget")  # the last lies on top
MARKER: dict[str, dict[str, object]] = {
    "forget": {"symbol": "circle", "size": 10},
    "neighbour": {"symbol": "circle-open", "size": 10, "line": {"width": 2.2}},
    "unrelated": {"symbol": "circle", "size": 6},
    "reference": {"symbol": "diamond-open", "size": 10, "line": {"width": 2.2}},
    "amount": {"symbol": "circle", "size": 7},
    "difference": {"symbol": "circle", "size": 7},
}


def points(panel: Points) -> go.Figure | Markup:
    """The map as it is after, thin lines to where each point was, and a slider between the two."""
    if not panel.points:
        return NOTHING
    moved = any(point.after is not None for point in panel.points)
    figure = empty_figure(620 if moved else 520)
    groups = [(role, [point for point in panel.points if point.role == role]) for role in ORDER]
    groups = [(role, items) for role, items in groups if items]
    for role, items in groups if moved else []:
        figure.add_trace(_path_lines(role, items))
    for role, items in groups:
        figure.add_trace(_markers(role, items))
    if moved:
        _slider(figure, groups)
    low, high = _range(panel.points)
    ticks = {"zeroline": False, "showticklabels": panel.scaled}
    figure.update_xaxes(title_text=panel.x_title, range=[low[0], high[0]], **ticks)
    figure.update_yaxes(title_text=panel.y_title, range=[low[1], high[1]], **ticks)
    shade(figure, panel.bands)
    if panel.scaled:
        ends = {"x0": low[0], "y0": low[0], "x1": high[0], "y1": high[0]}
        figure.add_shape(
            type="line", **ends, layer="below", line={"color": theme.ROLE["amount"], "width": 1, "dash": "dot"}
        )
    figure.update_layout(
        hovermode="closest", dragmode="pan", legend={"itemsizing": "constant", "traceorder": "reversed"}
    )
    return figure


def _position(point: Point, share: float) -> tuple[float, float]:
    """The position of a point at a share of its way; one without an after stays."""
    to = point.after or point.before
    x, y = (old + share * (new_ - old) for old, new_ in zip(point.before, to, strict=True))
    return round(x, 3), round(y, 3)


def _range(items: list[Point]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Lower and upper corner of all places, with some room."""
    places = [place for point in items for place in (point.before, point.after or point.before)]
    sides = [(min(axis), max(axis)) for axis in zip(*places, strict=True)]
    room = [0.05 * (high - low) or 1.0 for low, high in sides]
    (x, y), (dx, dy) = sides, room
    return (x[0] - dx, y[0] - dy), (x[1] + dx, y[1] + dy)


def _path_lines(role: str, items: list[Point]) -> go.Scatter:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for point in items:
        if point.after is not None:
            (x0, y0), (x1, y1) = _position(point, 0), _position(point, 1)
            xs += [x0, x1, None]
            ys += [y0, y1, None]
    line = {"color": faded(theme.ROLE[role], 0.22), "width": 1}
    return go.Scatter(x=xs, y=ys, mode="lines", line=line, hoverinfo="skip", showlegend=False)


def _markers(role: str, items: list[Point]) -> go.Scatter:
    places = [_position(point, 1) for point in items]
    return go.Scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        name=tr(theme.ROLE_WORDS[role]),
        marker={"color": theme.ROLE[role], "opacity": 0.85, **MARKER[role]},
        customdata=[point.id for point in items],
        text=[point.label for point in items],
        hovertemplate="%{text}<br>%{customdata}<extra></extra>",
    )


def _slider(figure: go.Figure, groups: list[tuple[str, list[Point]]]) -> None:
    """Frames that move the dots only; the thin lines stay."""
    which = list(range(len(groups), 2 * len(groups)))
    frames, steps = [], []
    for step in range(STEPS + 1):
        share = step / STEPS
        places = [[_position(point, share) for point in items] for _, items in groups]
        data = [go.Scatter(x=[x for x, _ in group], y=[y for _, y in group]) for group in places]
        frames.append(go.Frame(name=str(step), data=data, traces=which))
        words = "before" if step == 0 else "after" if step == STEPS else ""
        move = {"mode": "immediate", "frame": {"duration": 0, "redraw": False}, "transition": {"duration": 0}}
        steps.append({"label": words, "method": "animate", "args": [[str(step)], move]})
    figure.frames = frames
    play = {"fromcurrent": False, "frame": {"duration": 110, "redraw": False}, "transition": {"duration": 90}}
    figure.update_layout(
        sliders=[
            {
                "active": STEPS, "steps": steps, "x": 0.16, "len": 0.82, "y": -0.06, "pad": {"t": 16, "b": 8},
                "currentvalue": {"visible": False}, "font": {"size": 16}, "ticklen": 0, "minorticklen": 0,
            }
        ],
        updatemenus=[
            {
                "type": "buttons", "x": 0, "y": -0.06, "xanchor": "left", "yanchor": "top", "pad": {"t": 16}, "showactive": False,
                "buttons": [{"label": tr("Play"), "method": "animate", "args": [None, play]}],
            }
        ],
    )  # fmt: skip


def previews(panel: Points, folder: Path) -> dict[str, Markup]:
    """Point id -> HTML with its picture and what the model makes of it."""
    return {point.id: _preview(point, folder) for point in panel.points}


def _preview(point: Point, folder: Path) -> Markup:
    picture = markup.image(markup.data_uri(folder, point.image), point.label) if point.image else ""
    words = theme.ROLE_WORDS[point.role]
    return render("figures.point_preview", picture, point.label, point.role, words, point.text.splitlines())


def table(panel: Points) -> Markup:
    """The table of where each point was and is."""
    rows: list[list[markup.Cell]] = [
        [point.id, point.label, theme.ROLE_WORDS[point.role], *point.before, *(point.after or (None, None)), point.text]
        for point in panel.points
    ]
    heads = ["item", "label", "is", "x before", "y before", "x after", "y after", tr("what the model says")]
    return folded(heads, rows)
