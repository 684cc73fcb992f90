"""Matrices: amounts in cividis, differences blue - white - orange centred on 0. Rows to be forgotten are framed."""

import plotly.graph_objects as go

from app import theme
from app.figures._common import NOTHING, anything, folded, gaps, new, number_format, wide_labels
from backends.api.panels import Heatmap

CELL, HEAD = 40, 140


def heatmap(panel: Heatmap) -> go.Figure | str:
    """A matrix, first row on top; a cell that was not measured stays empty and says so under the pointer."""
    if not panel.rows or not panel.columns or not anything(*panel.z):
        return NOTHING
    figure = new(HEAD + min(900, max(160, CELL * len(panel.rows))))
    z = [gaps(row) for row in panel.z]
    form = number_format(panel.unit)
    figure.add_trace(
        go.Heatmap(
            z=z,
            x=list(range(len(panel.columns))),
            y=list(range(len(panel.rows))),
            customdata=[[f"{row} → {column}" for column in panel.columns] for row in panel.rows],
            hovertemplate=f"%{{customdata}}<br>%{{z:{form}}} {panel.unit}<extra></extra>",
            texttemplate=f"%{{z:{'.0f' if panel.unit in ('%', 'points') else '.2~g'}}}" if panel.numbers else None,
            textfont={"size": 16},
            xgap=1,
            ygap=1,
            colorbar={
                "thickness": 14,
                "outlinewidth": 0,
                "ticksuffix": " %" if panel.unit == "%" else "",
                "title": {"text": "" if panel.unit == "%" else panel.unit, "side": "top"},
                "len": 1,
            },
            **_scale(panel, z),
        )
    )
    names = [f"<b>{text}</b>" if at in panel.marked else text for at, text in enumerate(wide_labels(panel.rows))]
    figure.update_yaxes(
        title_text=panel.row_title, tickvals=list(range(len(names))), ticktext=names, showgrid=False, zeroline=False,
        range=[len(names) - 0.5, -0.5],
    )  # fmt: skip
    figure.update_xaxes(
        title_text=panel.column_title, tickvals=list(range(len(panel.columns))), ticktext=wide_labels(panel.columns, 18),
        showgrid=False, zeroline=False,
    )  # fmt: skip
    for at in panel.marked:
        figure.add_shape(
            type="rect", x0=-0.5, x1=len(panel.columns) - 0.5, y0=at - 0.5, y1=at + 0.5,
            line={"color": theme.ROLE["forget"], "width": 3},
        )  # fmt: skip
    return figure


def _scale(panel: Heatmap, z: list[list[float | None]]) -> dict[str, object]:
    if panel.scale == "amount":
        return {"colorscale": theme.AMOUNT}
    far = max((abs(value) for row in z for value in row if value is not None), default=1.0) or 1.0
    return {"colorscale": theme.DIFFERENCE, "zmin": -far, "zmax": far, "zmid": 0}


def table(panel: Heatmap) -> str:
    """The numbers of `heatmap`."""
    head = " / ".join(part for part in (panel.row_title, panel.column_title) if part)
    rows = [[label, *gaps(row)] for label, row in zip(panel.rows, panel.z, strict=False)]
    return folded([head, *panel.columns], rows, panel.unit)
