"""Rows of pictures under shared column heads."""

from pathlib import Path

from markupsafe import Markup

from app import markup
from app.templating import render
from backends.api.languages import tr
from backends.api.panels import Picture, Pictures


def pictures(panel: Pictures, folder: Path) -> Markup:
    """A grid as HTML; each picture's caption is also its alternative text. It scrolls sideways on a phone."""
    if not any(panel.rows):
        return markup.nothing(tr("There are no pictures to show."))
    count = max(len(row) for row in panel.rows)
    cells = [_cell(panel, row[at], at, folder) if at < len(row) else None for row in panel.rows for at in range(count)]
    return render("figures.pictures", panel.title, panel.columns, count, cells)


def _cell(panel: Pictures, picture: Picture, at: int, folder: Path) -> tuple[str, str, str, str]:
    """The picture's address, its alternative text, its role where that is marked, and its caption."""
    column = panel.columns[at] if at < len(panel.columns) else ""
    alt = ", ".join(part for part in (column, picture.caption) if part) or panel.title
    role = picture.role if picture.role not in ("amount", "difference") else ""
    return markup.data_uri(folder, picture.path), alt, role, picture.caption
