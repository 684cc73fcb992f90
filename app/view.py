"""Panels on a page: one Gradio component that shows any number of them, with plots that can be clicked.

panels = Panels(); button.click(look, ..., panels)       # look returns findings_html(findings, run.path)
panels.select(on_click, None, ...)                       # gr.EventData: panel, x, y, z, index, id
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import gradio as gr
import plotly.graph_objects as go
from markupsafe import Markup
from pydantic import TypeAdapter

from app import figures, markup, theme
from app.figures import heatmaps, points, vectors, verdict
from app.templating import render
from backends.api import languages
from backends.api.languages import as_written, tr
from backends.api.panels import AnyPanel, Bars, Heatmap, Lines, Picture, Points, Switch, Vectors, Verdict

PANEL: TypeAdapter[AnyPanel] = TypeAdapter(AnyPanel)
SCRIPT: Final = (theme.STATIC / "panels.js").read_text("utf-8")


class Panels(gr.HTML):
    """HTML of this module or of `app.markup`, with its plots drawn. Click a point: `select`; the page's colours follow light and dark."""

    def __init__(self, value: str = "", *, script: str = SCRIPT, **other: Any) -> None:
        """`value` is HTML; `script` begins with that of this module; `other` goes to gr.HTML."""
        super().__init__(
            value=value,
            html_template='<div class="lethe"></div>',
            js_on_load=script,
            apply_default_css=False,
            head='<link rel="prefetch" as="script" href="/vendor/plotly.min.js">',  # runs when the first plot is near
            **other,
        )

    def api_info(self) -> dict[str, Any]:
        return {"type": "string"}


def plot(
    figure: go.Figure,
    *,
    key: str = "",
    number: int = 0,
    title: str = "",
    previews: dict[str, Markup] | None = None,
    cells: bool = False,
) -> Markup:
    """The HTML of a figure, to be drawn by `Panels`.

    Args:
        figure: its height is kept free, so that nothing jumps.
        key: the same key in a later value moves the plot on instead of drawing it anew.
        number: which panel of the page it is; comes with a click.
        title: what a screen reader calls it.
        previews: point id -> HTML shown beside the plot while a pointer is held over that point.
        cells: the plot is a matrix whose cells are chosen by click, or by arrow keys and Enter.
    """
    return render(
        "view.plot",
        figure=figure.to_json(),
        height=int(figure.layout.height or 400),
        key=key,
        number=number,
        title=title,
        previews=json.dumps(previews) if previews else "",
        cells=cells,
    )


def panel(
    raw_panel: AnyPanel | dict[str, Any],
    folder: Path | None = None,
    *,
    key: str = "",
    number: int = 0,
    extra: str = "",
    previews_sent: bool = False,
) -> Markup:
    """The HTML of one panel: its title, its sentence, its picture, how to read it, its numbers as a table.

    Args:
        raw_panel: the panel, or its JSON.
        folder: the run folder its pictures are relative to.
        key, number: see `plot`.
        extra: HTML put below.
        previews_sent: another panel of the same page brings the previews of its cells.
    """
    item = spoken(PANEL.validate_python(raw_panel) if isinstance(raw_panel, dict) else raw_panel)
    folder = folder or Path("/nonexistent")
    if isinstance(item, Verdict):
        return markup.card(item.title, verdict.verdict(item) + markup.how(item.how) + extra)
    if isinstance(item, Switch):
        picture = _switch(item, folder, key or item.title, number)
    else:
        figure = figures.figure(item, folder)
        picture = (
            figure
            if isinstance(figure, Markup)
            else _plot_with_preview(item, figure, folder, key, number, previews_sent)
        )
    numbers = figures.table(item, folder)
    if isinstance(item, Vectors):
        more = vectors.reading(item) + numbers
        return render("view.panel", item.kind, item.title, vectors.headline(item), picture, "", more, extra)
    return render("view.panel", item.kind, item.title, item.says, picture, item.how, numbers, extra)


SAID: Final = ("title", "says", "how", "x_title", "y_title", "start_name")  # what a panel says beside its values


def spoken(item: AnyPanel) -> AnyPanel:
    """A panel that another process wrote down, with what it says in the language that is spoken."""
    if languages.current() == languages.ENGLISH:
        return item
    changed: dict[str, Any] = {
        name: as_written(getattr(item, name)) for name in SAID if isinstance(getattr(item, name, None), str)
    }
    if isinstance(item, Switch):
        changed["options"] = [spoken(option) for option in item.options]
    elif isinstance(item, Bars | Lines):
        changed["series"] = [one.model_copy(update={"name": as_written(one.name)}) for one in item.series]
    return item.model_copy(update=changed)


def _switch(item: Switch, folder: Path, key: str, number: int) -> Markup:
    """Every position of a switch: its name, its sentence, its plot and its numbers."""
    options = []
    for at, option in enumerate(item.options):
        figure = figures.figure(option, folder)
        picture = (
            figure if isinstance(figure, Markup) else plot(figure, key=f"{key}-{at}", number=number, title=option.title)
        )
        options.append((option.title, option.says, picture, figures.table(option)))
    return render("routing.switch", item.title, item.start, options)


def _plot_with_preview(
    item: AnyPanel, figure: go.Figure, folder: Path, key: str, number: int, previews_sent: bool
) -> Markup:
    """The HTML of a plot, with a place for the preview of a point or a cell."""
    kind, hint, cells = "", "", isinstance(item, Heatmap) and bool(item.pictures)
    previews = None
    if isinstance(item, Points):
        kind, hint = "lethe-map", tr("Hold the pointer over a point, or tap it, to see what it is.")
        previews = points.previews(item, folder)
    elif isinstance(item, Heatmap) and cells:
        kind, hint = "lethe-cells", tr("Click a cell to see its pictures; by keyboard, arrow keys and Enter.")
        previews = None if previews_sent else heatmaps.previews(item, folder)
    picture = plot(figure, key=key or item.title, number=number, title=item.title, previews=previews, cells=cells)
    return render("view.with_preview", kind, picture, hint) if kind else picture


def panels(raw_panels: Iterable[AnyPanel | dict[str, Any]], folder: Path | None = None, key: str = "") -> Markup:
    """Panels one below the other, numbered from 0; those that are `folded` fold out of the one before them. Pictures that several
    matrices show are sent once.

    `key` tells the plots from those of other panels on the page.
    """
    items = [PANEL.validate_python(one) for one in raw_panels]
    sent: list[list[list[list[Picture]]]] = []

    def html(at: int, extra: str = "") -> Markup:
        item = items[at]
        pictures = item.pictures if isinstance(item, Heatmap) else []
        previews_sent = bool(pictures) and pictures in sent
        sent.append(pictures)
        return panel(item, folder, key=f"{key}{at}", number=at, extra=extra, previews_sent=previews_sent)

    groups: list[list[int]] = []  # a panel, and the folded ones after it
    for at, item in enumerate(items):
        if item.folded and groups:
            groups[-1].append(at)
        else:
            groups.append([at])
    return markup.wrap(*(html(first, _folded([html(at) for at in others])) for first, *others in groups))


def _folded(pieces: list[Markup]) -> Markup:
    """Panels that fold out."""
    if not pieces:
        return Markup()
    return markup.fold(tr("More figures") if len(pieces) > 1 else tr("One more figure"), markup.wrap(*pieces))


def findings_html(result: dict[str, Any], folder: Path, key: str = "") -> Markup:
    """The HTML of what an inspector or attack found (`Found` as JSON): every panel of it.

    Pictures are relative to the folder under its key `root`, else to `folder`; `key` as in `panels`.
    """
    folder = Path(result.get("root") or folder)
    items = result.get("panels", [])
    if not items:
        return markup.card("", markup.text(tr("Nothing was found to show for this run."), "quiet"), empty=True)
    return panels(map(_folding, range(len(items)), items), folder, key)


SEEN_AT_ONCE: Final = 2  # figures of a look; the others fold out, so that its answer stays in sight


def _folding(at: int, raw_panel: AnyPanel | dict[str, Any]) -> AnyPanel:
    """A panel of a look, folded where others come before it; a verdict is short, and stays."""
    item = PANEL.validate_python(raw_panel)
    if at < SEEN_AT_ONCE or isinstance(item, Verdict):
        return item
    return item.model_copy(update={"folded": True})
