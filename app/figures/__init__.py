"""Panels -> pictures: one dispatcher keyed by a panel's kind, and for each the same numbers as a table.

No interface library is used here: the studio and the classroom draw the same figures.
"""

from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from app.figures import bars, flows, heatmaps, lines, model_maps, pictures, points, routes, verdict, words
from backends.api.panels import (
    AnyPanel,
    Bars,
    Flow,
    Heatmap,
    Histogram,
    Lines,
    ModelMap,
    Pictures,
    Points,
    Routes,
    Verdict,
    Words,
)

NOWHERE = Path("/nonexistent")


def figure(panel: AnyPanel, folder: Path = NOWHERE) -> go.Figure | Markup:
    """The picture of a panel: a plotly Figure, or HTML for pictures, words, verdicts, and panels that hold nothing.

    Args:
        panel: what to draw.
        folder: the run folder that pictures are relative to.
    """
    match panel:
        case Bars():
            return bars.bars(panel)
        case Histogram():
            return bars.histogram(panel)
        case Lines():
            return lines.lines(panel)
        case Heatmap():
            return heatmaps.heatmap(panel)
        case Points():
            return points.points(panel)
        case Pictures():
            return pictures.pictures(panel, folder)
        case Words():
            return words.words(panel)
        case Routes():
            return routes.routes(panel)
        case Flow():
            return flows.flow(panel)
        case ModelMap():
            return model_maps.model_map(panel)
        case Verdict():
            return verdict.verdict(panel)


def table(panel: AnyPanel) -> Markup:
    """The panel's numbers as HTML that folds out; empty where the picture is words or pictures already."""
    match panel:
        case Bars():
            return bars.bars_table(panel)
        case Histogram():
            return bars.histogram_table(panel)
        case Lines():
            return lines.table(panel)
        case Heatmap():
            return heatmaps.table(panel)
        case Points():
            return points.table(panel)
        case Flow():
            return flows.table(panel)
        case _:
            return Markup()
