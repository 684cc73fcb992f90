"""Matrices: amounts in cividis, differences blue - white - orange centred on 0. Rows and columns to be forgotten are framed."""

from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from app import markup, theme
from app.figures._common import NOTHING, any_number, empty_figure, folded, gaps, number_format, wide_labels
from app.templating import render
from backends.api.panels import Heatmap, Picture

CELL, HEAD = 40, 140


def heatmap(panel: Heatmap) -> go.Figure | Markup:
    """A matrix, first row on top; a cell that was not measured stays empty and says so under the pointer."""
    if not panel.rows or not panel.columns or not any_number(*panel.z):
        return NOTHING
    figure = empty_figure(HEAD + min(900, max(160, CELL * len(panel.rows))))
    z = [gaps(row) for row in panel.z]
    form = number_format(panel.unit)
    figure.add_trace(
        go.Heatmap(
            z=z,
            x=list(range(len(panel.columns))),
            y=list(range(len(panel.rows))),
            customdata=[[_cell(row, column) for column in panel.columns] for row in panel.rows],
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
    figure.update_yaxes(
        title_text=panel.row_title, tickvals=list(range(len(panel.rows))), ticktext=_names(panel.rows, panel.marked, 30),
        showgrid=False, zeroline=False, range=[len(panel.rows) - 0.5, -0.5],
    )  # fmt: skip
    figure.update_xaxes(
        title_text=panel.column_title, tickvals=list(range(len(panel.columns))),
        ticktext=_names(panel.columns, panel.marked_columns, 18), showgrid=False, zeroline=False,
    )  # fmt: skip
    right, below = len(panel.columns) - 0.5, len(panel.rows) - 0.5
    for at in panel.marked:
        _frame(figure, -0.5, right, at - 0.5, at + 0.5)
    for at in panel.marked_columns:
        _frame(figure, at - 0.5, at + 0.5, -0.5, below)
    return figure


def _cell(row: str, column: str) -> str:
    """The name of a cell under the pointer; its pictures go by it too."""
    return f"{row} → {column}"


def _names(labels: list[str], marked: list[int], most: int) -> list[str]:
    """Labels short enough for their axis, what is to be forgotten in bold."""
    return [f"<b>{text}</b>" if at in marked else text for at, text in enumerate(wide_labels(labels, most))]


def _frame(figure: go.Figure, left: float, right: float, top: float, bottom: float) -> None:
    line = {"color": theme.ROLE["forget"], "width": 3}
    figure.add_shape(type="rect", x0=left, x1=right, y0=top, y1=bottom, line=line)


def previews(panel: Heatmap, folder: Path) -> dict[str, Markup]:
    """Cell -> HTML of its pictures; empty where the cells have none."""
    return {
        _cell(row, column): _pictures(_cell(row, column), pictures, folder)
        for row, cells in zip(panel.rows, panel.pictures, strict=False)
        for column, pictures in zip(panel.columns, cells, strict=False)
        if pictures
    }


def _pictures(name: str, pictures: list[Picture], folder: Path) -> Markup:
    return render("figures.cell_preview", name, [(markup.data_uri(folder, one.path), one.caption) for one in pictures])


def _scale(panel: Heatmap, z: list[list[float | None]]) -> dict[str, object]:
    if panel.scale == "amount":
        return {"colorscale": theme.AMOUNT} | ({} if panel.most is None else {"zmin": 0, "zmax": panel.most})
    far = panel.most or max((abs(value) for row in z for value in row if value is not None), default=1.0) or 1.0
    return {"colorscale": theme.DIFFERENCE, "zmin": -far, "zmax": far, "zmid": 0}


def table(panel: Heatmap) -> Markup:
    """The numbers of `heatmap`."""
    head = " / ".join(part for part in (panel.row_title, panel.column_title) if part)
    rows = [[label, *gaps(row)] for label, row in zip(panel.rows, panel.z, strict=False)]
    return folded([head, *panel.columns], rows, panel.unit)
