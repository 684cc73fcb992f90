"""Flows from before to after, from left to right, as wide as what goes there."""

import math

import plotly.graph_objects as go
from markupsafe import Markup

from app import markup, theme
from app.figures._common import NOTHING, any_number, empty_figure, faded, folded, number_format
from backends.api.panels import Flow

ROW, TOP, BELOW, GAP = 44, 48, 16, 10  # pixels
STAYED, LEFT = 0.35, 0.75  # opacities: what stayed is quiet


def flow(panel: Flow) -> go.Figure | Markup:
    """Ribbons from the old places on the left to the new ones on the right; grey what stayed, orange what went."""
    if not panel.labels or not any_number(*panel.z):
        return NOTHING
    count = len(panel.labels)
    ways = [
        (old, new_one, float(value))
        for old, row in enumerate(panel.z)
        for new_one, value in enumerate(row)
        if value is not None and math.isfinite(value) and value > 0
    ]
    if not ways:
        return NOTHING
    high = (ROW + GAP) * count
    figure = empty_figure(TOP + high + BELOW)
    form = number_format(panel.unit)
    sides = [[sum(value for *ends, value in ways if ends[side] == at) for at in range(count)] for side in (0, 1)]
    figure.add_trace(
        go.Sankey(
            arrangement="fixed",
            valueformat=form,
            valuesuffix=f" {panel.unit}" if panel.unit else "",
            node={
                "label": [*panel.labels, *panel.labels],
                "x": [0.001] * count + [0.999] * count,
                "y": [place for side in sides for place in _box_middles(side, GAP / high)],
                "color": theme.ROLE["amount"],
                "pad": GAP,
                "thickness": 16,
                "line": {"width": 0},
                "hovertemplate": "%{label}: %{value}<extra></extra>",
            },
            link={
                "source": [old for old, _, _ in ways],
                "target": [count + to for _, to, _ in ways],
                "value": [value for _, _, value in ways],
                "color": [
                    faded(theme.ROLE["amount"], STAYED) if old == to else faded(theme.HIGHER, LEFT)
                    for old, to, _ in ways
                ],
                "hovertemplate": "%{source.label} → %{target.label}: %{value}<extra></extra>",
            },
        )
    )
    figure.update_layout(margin={"l": 12, "r": 12, "t": TOP, "b": BELOW}, showlegend=False)
    for x, words in ((0.0, "before"), (1.0, "after")):
        figure.add_annotation(
            x=x, y=1, xref="paper", yref="paper", yshift=36, text=words, showarrow=False, xanchor="left" if x == 0 else "right",
        )  # fmt: skip
    return figure


def _box_middles(sizes: list[float], gap: float) -> list[float]:
    """The middles of boxes of these sizes, one below the other with a gap between, from 0 to 1."""
    scale = (1 - gap * (len(sizes) - 1)) / sum(sizes)
    tops = [scale * sum(sizes[:at]) + gap * at for at in range(len(sizes))]
    return [min(max(top + scale * size / 2, 1e-3), 1 - 1e-3) for top, size in zip(tops, sizes, strict=True)]


def table(panel: Flow) -> Markup:
    """The numbers, a row for each place before."""
    rows: list[list[markup.Cell]] = [
        [label, *(math.nan if value is None else value for value in row)]
        for label, row in zip(panel.labels, panel.z, strict=False)
    ]
    return folded(["before \\ after", *panel.labels], rows, panel.unit)
