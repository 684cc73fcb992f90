"""Shared pieces of the figures: an empty figure in our look, the colour and line of a series, missing numbers."""

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from app import markup, theme
from backends.api.languages import later
from backends.api.panels import Band, Number, Series

INK = "#15171c"
NOTHING = markup.nothing(later("Nothing was measured here."))


def empty_figure(height: int = 400) -> go.Figure:
    """An empty figure with our template, set explicitly: another library changes plotly's default."""
    return go.Figure(layout=go.Layout(template=theme.TEMPLATE, height=height, showlegend=True))


def colour(series: Series) -> str:
    """The colour of a series: by role only."""
    return theme.ROLE[series.role]


def faded(hexadecimal: str, opacity: float) -> str:
    """A colour with an opacity, as plotly writes it."""
    red, green, blue = (int(hexadecimal[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def dash(series: Series) -> str:
    """The line style of a series: dotted before, and where it says so; solid after, dashed for the reference."""
    if series.role == "reference":
        return "dash"
    return "dot" if series.when == "before" or series.dotted else "solid"


def name(series: Series) -> str:
    """The legend's entry of a series: its name, which ends with the model whose it is."""
    if not series.when:
        return series.name
    model, own = theme.MODEL_WORDS[series.when], series.name.removesuffix(series.when).rstrip(", ")
    if series.when in own.lower() or model in own.lower():
        return own
    return f"{own}, {model}" if own else model


def gaps(values: Sequence[Number]) -> list[float | None]:
    """Values with NaN, infinite and missing numbers as gaps: they are not drawn, never as 0."""
    return [None if value is None or not math.isfinite(value) else value for value in values]


def any_number(*rows: Sequence[Number]) -> bool:
    """Whether there is one number to draw."""
    return any(value is not None for row in rows for value in gaps(row))


def number_format(unit: str) -> str:
    """d3 format of a number in a unit."""
    return ".1f" if unit in ("%", "points") else ".4~g"


def threshold(figure: go.Figure, value: float, words: str, *, vertical: bool, middle: float | None = None) -> None:
    """A dotted line across the plot with its name beside it, on the side where there is room (`middle` of the axis)."""
    side = "top left" if middle is not None and value > middle else "top right"
    line: dict[str, Any] = {"color": theme.ROLE["amount"], "width": 2, "dash": "dot"}
    label = f"{words} {value:.3g}".strip()
    annotation = {"annotation_text": label, "annotation_position": side, "annotation_bgcolor": "#ffffff"}
    if vertical:
        figure.add_vline(x=value, line=line, **annotation)
    else:
        figure.add_hline(y=value, line=line, **annotation)


def shade(figure: go.Figure, bands: Sequence[Band]) -> None:
    """Ranges of x behind everything else, each with its name at the top."""
    for band in bands:
        words = {"annotation_text": band.name, "annotation_position": "top left"} if band.name else {}
        fill = faded(theme.ROLE[band.role], 0.13)
        figure.add_vrect(x0=band.low, x1=band.high, fillcolor=fill, line_width=0, layer="below", **words)


def wide_labels(labels: Sequence[str], most: int = 30) -> list[str]:
    """Labels short enough for an axis; the hover shows them whole.

    Of dotted names (tensors), what all of them begin or end with is left out; of one that is still long, its middle.
    """
    if len(labels) > 1 and all("." in text for text in labels):
        words = [text.split(".") for text in labels]
        while all(len(w) > 1 for w in words) and len({w[0] for w in words}) == 1:
            words = [w[1:] for w in words]
        while all(len(w) > 1 for w in words) and len({w[-1] for w in words}) == 1:
            words = [w[:-1] for w in words]
        labels = [".".join(w) for w in words]
    half = most // 2 - 1
    return [text if len(text) <= most else f"{text[:half]}…{text[-half:]}" for text in labels]


def folded(heads: Sequence[str], rows: Sequence[Sequence[markup.Cell]], unit: str = "") -> Markup:
    """The numbers of a figure as a table that folds out."""
    return markup.numbers_table(heads, rows, unit)
