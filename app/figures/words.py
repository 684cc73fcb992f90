"""Rows of texts under shared column heads, each piece coloured by how strongly it counts."""

import math

from markupsafe import Markup

from app import markup
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import Piece, Words


def words(panel: Words) -> Markup:
    """A table of texts as HTML; a value is a colour, a number where the panel wants them, and what a pointer shows."""
    if not any(panel.rows):
        return markup.nothing(tr("There is nothing to read."))
    rows = [
        [
            (_mark(panel, at) if column == 0 else Markup()) + markup.join(_piece(panel, piece) for piece in cell) or "–"
            for column, cell in enumerate(row)
        ]
        for at, row in enumerate(panel.rows)
    ]
    return render("figures.words", markup.table(panel.columns, rows))


def _mark(panel: Words, row: int) -> Markup:
    role = panel.roles[row] if row < len(panel.roles) else "amount"
    return markup.mark(role) if role not in ("amount", "difference") else Markup()


def _piece(panel: Words, piece: Piece) -> str:
    value = piece.value
    if value is None or not math.isfinite(value):
        return piece.text
    way = "less" if value < 0 else "more"
    percentage = f"{100 * value:+.0f} %" if panel.scale == "difference" else f"{100 * value:.0f} %"
    number = percentage.removesuffix(" %") if panel.numbers else ""
    return render("figures.piece", piece.text, way, 100 * min(abs(value), 1), percentage, number)
