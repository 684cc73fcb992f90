"""Rows of texts under shared column heads, each piece coloured by how strongly it counts."""

import math

from app import markup
from backends.api.panels import Piece, Words

NOTHING = '<div class="lethe-nothing">There is nothing to read.</div>'


def words(panel: Words) -> str:
    """A table of texts as HTML; a value is a colour, a number where the panel wants them, and what a pointer shows."""
    if not any(panel.rows):
        return NOTHING
    rows = [
        [
            markup.Html(
                (_mark(panel, at) if column == 0 else "") + "".join(_piece(panel, piece) for piece in cell) or "–"
            )
            for column, cell in enumerate(row)
        ]
        for at, row in enumerate(panel.rows)
    ]
    return f'<div class="lethe-words">{markup.table(panel.columns, rows)}</div>'


def _mark(panel: Words, row: int) -> str:
    role = panel.roles[row] if row < len(panel.roles) else "amount"
    return markup.mark(role) if role not in ("amount", "difference") else ""


def _piece(panel: Words, piece: Piece) -> str:
    value = piece.value
    if value is None or not math.isfinite(value):
        return markup.esc(piece.text)
    way = "less" if value < 0 else "more"
    share = f"{100 * min(abs(value), 1):.0f}"
    percentage = f"{100 * value:+.0f} %" if panel.scale == "difference" else f"{100 * value:.0f} %"
    number = f"<sub>{percentage.removesuffix(' %')}</sub>" if panel.numbers else ""
    return (
        f'<span data-way="{way}" style="--share:{share}%" title="{percentage}">{markup.esc(piece.text)}{number}</span>'
    )
