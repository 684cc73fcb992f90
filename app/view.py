"""Panels on a page: one Gradio component that shows any number of them, with plots that can be clicked.

seen = Panels(); button.click(look, ..., seen)          # look returns found(found_dict, run.path)
seen.select(on_click, None, ...)                         # gr.EventData: panel, x, y, z, index, id
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gradio as gr
import plotly.graph_objects as go
from pydantic import TypeAdapter

from app import figures, parts, theme
from app.figures import points
from backends.api.panels import AnyPanel, Points, Verdict

_ADAPTER: TypeAdapter[AnyPanel] = TypeAdapter(AnyPanel)
_SCRIPT = (theme.STATIC / "panels.js").read_text("utf-8")


class Panels(gr.HTML):
    """HTML of this module or of `app.parts`, with its plots drawn. Click a point: `select`; the page's colours follow light and dark."""

    def __init__(self, value: str = "", **other: Any) -> None:
        """`value` is HTML; `other` goes to gr.HTML."""
        super().__init__(
            value=value,
            html_template='<div class="lethe"></div>',
            js_on_load=_SCRIPT,
            apply_default_css=False,
            head='<script src="/vendor/plotly.min.js"></script>',
            **other,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}


def plot(
    drawn: go.Figure, *, key: str = "", number: int = 0, title: str = "", previews: dict[str, str] | None = None
) -> str:
    """The HTML of a figure, to be drawn by `Panels`.

    Args:
        drawn: the figure; its height is kept free, so that nothing jumps.
        key: the same key in a later value moves the plot on instead of drawing it anew.
        number: which panel of the page it is; comes with a click.
        title: what a screen reader calls it.
        previews: point id -> HTML shown beside the plot while a pointer is held over that point.
    """
    height = int(drawn.layout.height or 400)
    shown = f' data-previews="{parts.esc(json.dumps(previews))}"' if previews else ""
    return (
        f'<div class="lethe-plot" data-key="{parts.esc(key)}" data-panel="{number}" style="height:{height}px" '
        f'role="group" aria-label="{parts.esc(title)}"{shown} data-figure="{parts.esc(drawn.to_json())}">'
        '<div class="lethe-plot-wait">Drawing…</div></div>'
    )


def panel(
    shown: AnyPanel | dict[str, Any], folder: Path | None = None, *, key: str = "", number: int = 0, extra: str = ""
) -> str:
    """One panel as HTML: its title, what it says, its picture, how to read it, its numbers as a table.

    Args:
        shown: the panel, or its JSON.
        folder: the run folder its pictures are relative to.
        key, number: see `plot`.
        extra: HTML put below.
    """
    item = _ADAPTER.validate_python(shown) if isinstance(shown, dict) else shown
    folder = folder or Path("/nonexistent")
    if isinstance(item, Verdict):
        return parts.card(item.title, parts.verdict(item.says or item.title, item.sign) + _how(item.how) + extra)
    drawn = figures.figure(item, folder)
    if isinstance(drawn, str):
        picture = drawn
    else:
        seen = points.previews(item, folder) if isinstance(item, Points) else None
        picture = plot(drawn, key=key or item.title, number=number, title=item.title, previews=seen)
        if seen is not None:
            hint = parts.text("Hold the pointer over a point, or tap it, to see what it is.", "quiet")
            picture = (
                f'<div class="lethe-map">{picture}<aside class="lethe-preview" aria-live="polite">{hint}</aside></div>'
            )
    says = parts.text(item.says, "says") if item.says else ""
    return (
        f'<section class="lethe-panel" data-kind="{item.kind}"><h3>{parts.esc(item.title)}</h3>{says}{picture}'
        f"{_how(item.how)}{figures.table(item)}{extra}</section>"
    )


def _how(words: str) -> str:
    return f'<p class="lethe-how"><b>How to read it.</b> {parts.esc(words)}</p>' if words else ""


def panels(shown: Iterable[AnyPanel | dict[str, Any]], folder: Path | None = None) -> str:
    """Panels one below the other, numbered from 0."""
    return parts.wrap(*(panel(item, folder, key=str(at), number=at) for at, item in enumerate(shown)))


def found(result: dict[str, Any], folder: Path) -> str:
    """What an inspector or attack found (`Found` as JSON): every panel of it.

    Pictures are relative to the folder under its key `root`, else to `folder`.
    """
    folder = Path(result.get("root") or folder)
    items = result.get("panels", [])
    if not items:
        return parts.card("", parts.text("Nothing was found to show for this run.", "quiet"), empty=True)
    return panels(items, folder)
