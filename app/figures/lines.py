"""Curves: dotted before, solid after, dashed for the retrained reference; a band where a series has a spread."""

import plotly.graph_objects as go
from markupsafe import Markup

from app import theme
from app.figures._common import NOTHING, any_number, colour, dash, empty_figure, faded, folded, gaps, name
from backends.api.panels import Lines, Series

HIGH, LOW = 400, 300  # pixels


def lines(panel: Lines) -> go.Figure | Markup:
    """Curves over a shared x; a missing number is a gap."""
    if not panel.x or not any_number(*(series.values for series in panel.series)):
        return NOTHING
    figure = empty_figure(LOW if panel.compact else HIGH)
    few = len(panel.x) <= 40
    for series in panel.series:
        if series.spread:
            figure.add_trace(_band(panel, series))
        before = series.when == "before"
        figure.add_trace(
            go.Scatter(
                x=panel.x,
                y=gaps(series.values),
                name=name(series),
                mode="lines+markers" if few and series.role != "reference" else "lines",
                connectgaps=False,
                line={"color": colour(series), "width": 3, "dash": dash(series)},
                marker={"size": 7, "symbol": _symbol(series)},
                opacity=max(theme.BEFORE_OPACITY, 0.7) if before else 1,
                hovertemplate=f"{name(series)}: %{{y:.4~g}} at %{{x}}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text=panel.x_title, zeroline=False)
    if isinstance(panel.x[0], str):  # also where a name looks like a number
        figure.update_xaxes(type="category")
    figure.update_yaxes(title_text=panel.y_title)
    if panel.y_title.endswith("%") and _all_between(panel, 0, 100):
        figure.update_yaxes(range=[-3, 103])
    figure.update_layout(showlegend=len(panel.series) > 1)
    if panel.compact:
        figure.update_layout(legend={"font": {"size": 14}}, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    return figure


def _symbol(series: Series) -> str:
    return {"neighbour": "circle-open", "reference": "diamond-open"}.get(series.role, "circle")


def _all_between(panel: Lines, low: float, high: float) -> bool:
    return all(value is None or low <= value <= high for series in panel.series for value in gaps(series.values))


def _band(panel: Lines, series: Series) -> go.Scatter:
    """One standard deviation to either side, where both it and the value were measured."""
    both = [
        (x, value - spread, value + spread)
        for x, value, spread in zip(panel.x, gaps(series.values), gaps(series.spread or []), strict=False)
        if value is not None and spread is not None
    ]
    return go.Scatter(
        x=[x for x, _, _ in both] + [x for x, _, _ in reversed(both)],
        y=[high for _, _, high in both] + [low for _, low, _ in reversed(both)],
        mode="lines",
        fill="toself",
        fillcolor=faded(colour(series), 0.18),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def table(panel: Lines) -> Markup:
    """The numbers of `lines`."""
    names = [str(x) if isinstance(x, str) else f"{x:g}" for x in panel.x]
    rows = [[label, *(gaps(series.values)[at] for series in panel.series)] for at, label in enumerate(names)]
    return folded([panel.x_title or "x", *(name(series) for series in panel.series)], rows)
