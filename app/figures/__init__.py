"""Panels -> pictures: one dispatcher keyed by a panel's kind, and for each the same numbers as a table.

No interface library is used here: the studio and the classroom draw the same figures.
"""

from pathlib import Path

import plotly.graph_objects as go
from markupsafe import Markup

from app.figures import (
    bars,
    comebacks,
    heatmaps,
    lines,
    model_maps,
    pictures,
    points,
    routing,
    sides,
    slice_grid,
    tiles,
    vectors,
    verdict,
    words,
)
from backends.api.panels import (
    AnyPanel,
    Bars,
    Comeback,
    Heatmap,
    Histogram,
    Lines,
    ModelMap,
    Pictures,
    Points,
    RoutingShift,
    Sides,
    SliceGrid,
    Switch,
    Tiles,
    Vectors,
    Verdict,
    Words,
)

NOWHERE = Path("/nonexistent")


def figure(panel: AnyPanel, folder: Path = NOWHERE) -> go.Figure | Markup:
    """The picture of a panel: a plotly Figure, or HTML for pictures, words, verdicts, and panels that hold nothing.

    Args:
        panel: what to draw.
        folder: the run folder, named as the run, that pictures are relative to.
    """
    match panel:
        case Bars():
            return bars.bars(panel)
        case Histogram():
            return bars.histogram(panel)
        case Sides():
            return sides.sides(panel, folder)
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
        case Comeback():
            return comebacks.comeback(panel)
        case RoutingShift():
            return routing.shift(panel, folder.name)
        case Switch():
            return figure(panel.options[panel.start], folder)
        case ModelMap():
            return model_maps.model_map(panel)
        case Tiles():
            return tiles.tiles(panel, folder)
        case Vectors():
            return vectors.vectors(panel)
        case SliceGrid():
            return slice_grid.slice_grid(panel)
        case Verdict():
            return verdict.verdict(panel)


def table(panel: AnyPanel, folder: Path = NOWHERE) -> Markup:
    """The panel's numbers as HTML that folds out; empty where the picture is words or pictures already."""
    match panel:
        case Bars():
            return bars.bars_table(panel)
        case Histogram():
            return bars.histogram_table(panel)
        case Sides():
            return sides.table(panel)
        case Lines():
            return lines.table(panel)
        case Heatmap():
            return heatmaps.table(panel)
        case Points():
            return points.table(panel)
        case RoutingShift():
            return routing.table(panel)
        case Switch():
            return Markup()  # each of its positions has its own
        case Tiles():
            return tiles.table(panel, folder)
        case Vectors():
            return vectors.table(panel)
        case SliceGrid():
            return slice_grid.table(panel)
        case _:
            return Markup()
