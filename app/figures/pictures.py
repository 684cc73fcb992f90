"""Rows of pictures under shared column heads."""

from pathlib import Path

from app import markup
from backends.api.panels import Picture, Pictures

NOTHING = '<div class="lethe-nothing">There are no pictures to show.</div>'


def pictures(panel: Pictures, folder: Path) -> str:
    """A grid as HTML; each picture's caption is also its alternative text. It scrolls sideways on a phone."""
    if not any(panel.rows):
        return NOTHING
    count = max(len(row) for row in panel.rows)
    heads = "".join(f'<div class="column">{markup.esc(name)}</div>' for name in panel.columns)
    heads += "<div></div>" * (count - len(panel.columns))
    cells = "".join(
        _cell(panel, row[at], at, folder) if at < len(row) else "<div></div>"
        for row in panel.rows
        for at in range(count)
    )
    columns = f"grid-template-columns:repeat({count}, minmax(96px, 190px))"
    return (
        f'<div class="lethe-grid-scroll" tabindex="0" role="region" aria-label="{markup.esc(panel.title)}">'
        f'<div class="lethe-pictures" style="{columns}">{heads if panel.columns else ""}{cells}</div></div>'
    )


def _cell(panel: Pictures, picture: Picture, at: int, folder: Path) -> str:
    column = panel.columns[at] if at < len(panel.columns) else ""
    alt = ", ".join(part for part in (column, picture.caption) if part) or panel.title
    sign = markup.mark(picture.role) if picture.role not in ("amount", "difference") else ""
    caption = f"<figcaption>{sign}{markup.esc(picture.caption)}</figcaption>" if picture.caption else ""
    return f"<figure>{markup.image(markup.data_uri(folder, picture.path), alt)}{caption}</figure>"
