"""Bars and histograms. The retrained reference is a dashed line across each group: a target, not one more bar."""

import plotly.graph_objects as go
from markupsafe import Markup

from app import theme
from app.figures._common import (
    NOTHING,
    any_number,
    colour,
    dash,
    empty_figure,
    faded,
    folded,
    gaps,
    name,
    number_format,
    shade,
    threshold,
    wide_labels,
)  # fmt: skip
from backends.api.languages import tr
from backends.api.panels import Bars, Histogram, Series

GROUP = 0.78  # share of its place that a group of bars fills
ROW, HEAD = 34, 110  # pixels of one horizontal bar, and of what stands around them


def bars(panel: Bars) -> go.Figure | Markup:
    """Groups of bars, one group a label; many labels lie on their side, so that they can be read."""
    if not panel.labels or not any_number(*(series.values for series in panel.series)):
        return NOTHING
    lying = panel.horizontal or len(panel.labels) > 14
    solid = [series for series in panel.series if series.role != "reference"]
    height = HEAD + len(panel.labels) * max(ROW, 18 * len(solid)) if lying else 430
    figure = empty_figure(height)
    width = GROUP / max(1, len(solid))
    places = list(range(len(panel.labels)))
    for at, series in enumerate(solid):
        middle = (at - (len(solid) - 1) / 2) * width
        figure.add_trace(_bar(panel, series, [place + middle for place in places], width * 0.94, lying))
    for series in panel.series:
        if series.role == "reference":
            figure.add_trace(_reference_line(panel, series, lying))
    _axes(figure, panel, lying)
    if panel.threshold is not None:
        threshold(figure, panel.threshold, panel.threshold_name, vertical=lying)
    figure.update_layout(showlegend=len(panel.series) > 1, barmode="overlay", bargap=0)
    _annotate_missing(figure, panel, solid, width, lying)
    return figure


def _edge_colours(panel: Bars, series: Series) -> str | list[str]:
    """The colours of the bars' edges: by role; a difference by its sign; what is to be forgotten in its own colour."""
    if series.role == "difference":
        return [theme.LOWER if (value or 0) < 0 else theme.HIGHER for value in series.values]
    if panel.marked and series.role == "amount":
        return [theme.ROLE["forget"] if at in panel.marked else colour(series) for at in range(len(series.values))]
    return colour(series)


def _face_colours(series: Series, full: str | list[str]) -> str | list[str]:
    """The colours of the bars' faces: fainter before."""
    if series.when != "before":
        return full
    faint = theme.BEFORE_OPACITY
    return faded(full, faint) if isinstance(full, str) else [faded(one, faint) for one in full]


def _bar(panel: Bars, series: Series, places: list[float], width: float, lying: bool) -> go.Bar:
    values = gaps(series.values)
    spread = gaps(series.spread) if series.spread else None
    number_text = f"%{{{'x' if lying else 'y'}:{number_format(panel.unit)}}} {panel.unit}".strip()
    error = {"type": "data", "array": spread, "thickness": 2, "width": 4} if spread else None
    full = _edge_colours(panel, series)
    return go.Bar(
        x=values if lying else places,
        y=places if lying else values,
        width=width,
        orientation="h" if lying else "v",
        name=name(series),
        marker={
            "color": _face_colours(series, full),
            "line": {"color": full, "width": 1.5 if series.when == "before" else 0},
        },
        error_x=error if lying else None,
        error_y=None if lying else error,
        customdata=panel.labels,
        hovertemplate=f"%{{customdata}}<br>{name(series)}: {number_text}<extra></extra>",
    )


def _reference_line(panel: Bars, series: Series, lying: bool) -> go.Scatter:
    """The reference as one dashed stroke across each group."""
    along: list[float | None] = []
    across: list[float | None] = []
    hover_labels: list[str] = []
    for at, value in enumerate(gaps(series.values)):
        along += [at - 0.46, at + 0.46, None]
        across += [value, value, None]
        hover_labels += [panel.labels[at]] * 3
    number_text = f"%{{{'x' if lying else 'y'}:{number_format(panel.unit)}}} {panel.unit}".strip()
    return go.Scatter(
        x=across if lying else along,
        y=along if lying else across,
        mode="lines",
        name=name(series),
        line={"color": colour(series), "width": 3.5, "dash": "5px,3px"},
        customdata=hover_labels,
        hovertemplate=f"%{{customdata}}<br>{name(series)}: {number_text}<extra></extra>",
    )


def _axes(figure: go.Figure, panel: Bars, lying: bool) -> None:
    tick_labels = [
        f"<b>{text}</b>" if at in panel.marked else text
        for at, text in enumerate(wide_labels(panel.labels, 44 if lying else 30))
    ]
    names = {"tickvals": list(range(len(panel.labels))), "ticktext": tick_labels, "showgrid": False, "zeroline": False}
    room = [-0.6, len(panel.labels) - 0.4]
    percentages = panel.unit == "%" and all(
        value is None or 0 <= value <= 100 for series in panel.series for value in gaps(series.values)
    )
    full = percentages and any((value or 0) > 40 for series in panel.series for value in gaps(series.values))
    amount = {"ticksuffix": f" {panel.unit}" if panel.unit else "", "rangemode": "tozero", "zeroline": True}
    if full:
        amount["range"] = [0, 103]
    if lying:
        figure.update_xaxes(**amount)
        figure.update_yaxes(**names, range=room[::-1])
    else:
        figure.update_yaxes(**amount)
        figure.update_xaxes(**names, range=room)


def _annotate_missing(figure: go.Figure, panel: Bars, solid: list[Series], width: float, lying: bool) -> None:
    """Say "not measured" where a bar is missing."""
    for at, series in enumerate(solid):
        middle = (at - (len(solid) - 1) / 2) * width
        for place, value in enumerate(gaps(series.values)):
            if value is None:
                where = {"x": 0, "y": place + middle} if lying else {"x": place + middle, "y": 0}
                figure.add_annotation(
                    **where, text=tr(theme.NOT_MEASURED), showarrow=False, textangle=0 if lying else -90,
                    xanchor="left" if lying else "center", yanchor="middle" if lying else "bottom",
                )  # fmt: skip


def bars_table(panel: Bars) -> Markup:
    """The numbers of `bars`."""
    rows = [[label, *(gaps(series.values)[at] for series in panel.series)] for at, label in enumerate(panel.labels)]
    return folded(["", *(name(series) for series in panel.series)], rows, panel.unit)


def histogram(panel: Histogram) -> go.Figure | Markup:
    """Counts as outlines over shared edges, so that several can lie over each other and be told apart."""
    if len(panel.edges) < 2 or not any_number(*(series.values for series in panel.series)):
        return NOTHING
    figure = empty_figure(400)
    for series in panel.series:
        values = gaps(series.values)
        colours = colour(series)
        figure.add_trace(
            go.Scatter(
                x=panel.edges,
                y=[*values, values[-1] if values else None],
                name=name(series),
                mode="lines",
                fill="tozeroy",
                fillcolor=faded(colours, 0.1 if series.when == "before" else 0.2),
                line={"color": colours, "width": 2.5, "shape": "hv", "dash": dash(series)},
                hovertemplate=f"{name(series)}: %{{y:.3~g}} from %{{x:.3~g}}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text=panel.x_title, range=[panel.edges[0], panel.edges[-1]], zeroline=False)
    figure.update_yaxes(title_text=panel.y_title, rangemode="tozero")
    figure.update_layout(showlegend=len(panel.series) > 1)
    shade(figure, panel.bands)
    if panel.threshold is not None:
        middle = (panel.edges[0] + panel.edges[-1]) / 2
        threshold(figure, panel.threshold, panel.threshold_name, vertical=True, middle=middle)
    return figure


def histogram_table(panel: Histogram) -> Markup:
    """The numbers of `histogram`."""
    bins = [
        tr("{low:.4g} to {high:.4g}", low=low, high=high)
        for low, high in zip(panel.edges, panel.edges[1:], strict=False)
    ]
    rows = [[label, *(gaps(series.values)[at] for series in panel.series)] for at, label in enumerate(bins)]
    return folded([panel.x_title or tr("from, to"), *(name(series) for series in panel.series)], rows)
