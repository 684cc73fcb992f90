"""The figure of a sweep: every metric that moved as a line of one plot, its axis zoomed on the change."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import plotly.graph_objects as go
from markupsafe import Markup

from app import theme, view
from app.axes import RETRAINED
from app.figures._common import empty_figure, folded, gaps
from app.templating import render
from app.trials import Trial
from backends.api import catalog
from backends.api.catalog import Metric
from backends.api.goals import CHANGED
from backends.api.languages import later, tr

HOW: Final = later(
    "Each point is one finished run with that value; the dashed line is the retrained reference. The axis shows "
    "only the part in which something moves, so it need not begin at 0."
)
LINES: Final = 6  # in one plot; further metrics stand in the table
COLOUR: Final = {"forgetting": "forget", "privacy": "forget", "keeping": "neighbour"}
SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross", "star")


class Line(NamedTuple):
    """One metric over the values, in percent of its span, with the retrained reference at each."""

    entry: Metric
    after: list[float | None]
    reference: list[float | None]

    @property
    def name(self) -> str:
        """Its name at the end of the line."""
        return self.entry.short or self.entry.title

    @property
    def measured(self) -> list[float]:
        """The values that were measured."""
        return [value for value in self.after if value is not None]

    @property
    def change(self) -> float:
        """From the smallest value to the largest."""
        return max(self.measured) - min(self.measured)


def swept(
    trials: Sequence[Trial], values: Sequence[float], name: str, how: str = HOW, *, own_aims: bool = False
) -> Markup:
    """The figure, its sentence and its numbers as HTML; empty before there are two values.

    Args:
        trials: one for each value.
        values: where they stand on the axis.
        name: of the axis.
        how: how to read it.
        own_aims: each trial has an aim of its own, because each forgets something else.
    """
    order = sorted(range(len(values)), key=lambda at: values[at])
    xs = [values[at] for at in order]
    lines = metric_lines([trials[at] for at in order], own_aims)
    if len(xs) < 2 or not lines:
        return Markup()
    moved = [line for line in lines if line.change > CHANGED]
    drawn = (moved or lines)[:LINES]
    numbers = folded([name, *(line.name for line in lines)], [
        [f"{x:g}", *(line.after[at] for line in lines)] for at, x in enumerate(xs)
    ], "%")  # fmt: skip
    picture = (
        view.plot(figure(drawn, xs, name), key="sweep", title=tr("Metrics over {name}", name=name))
        if moved
        else Markup()
    )
    return render(
        "view.panel", "lines", tr("What changes with {name}", name=name), sentence(lines, xs), picture, how, numbers, ""
    )


def metric_lines(trials: Sequence[Trial], own_aims: bool) -> list[Line]:
    """A line for every metric with a smallest and a largest value that was measured, in the catalog's order."""
    lines = []
    for entry in catalog.load().metrics:
        if entry.span is None:
            continue
        scale = 100 / entry.span
        after = _scaled([trial.after.get(entry.id) for trial in trials], scale)
        if not any(value is not None for value in after):
            continue
        reference = _scaled([trial.reference.get(entry.id) for trial in trials], scale)
        if not own_aims:
            aim = next((value for value in reference if value is not None), None)
            reference = [aim] * len(trials)
        lines.append(Line(entry, after, reference))
    return lines


def _scaled(values: Sequence[float | None], scale: float) -> list[float | None]:
    return [None if value is None or not math.isfinite(value) else value * scale for value in values]


def sentence(lines: Sequence[Line], xs: Sequence[float]) -> str:
    """The metric that moved most, from where to where; and those that did not move."""
    moved = sorted((line for line in lines if line.change > CHANGED), key=lambda line: -line.change)
    still = [line for line in lines if line not in moved]
    words = []
    if moved:
        top = moved[0]
        points = [(value, x) for value, x in zip(top.after, xs, strict=True) if value is not None]
        (low, at_low), (high, at_high) = min(points), max(points)
        words.append(
            tr(
                "{title} moves most: from {low} at {at_low:g} to {high} at {at_high:g}.",
                title=top.entry.title,
                low=theme.percent(low),
                at_low=at_low,
                high=theme.percent(high),
                at_high=at_high,
            )
        )
    if still:
        each = ", ".join(f"{line.name} {theme.percent(line.measured[0])}" for line in still)
        words.append(tr("{each} at every value.", each=each))
    return " ".join(words)


def figure(lines: Sequence[Line], xs: Sequence[float], name: str) -> go.Figure:
    """The lines in one plot, each with its name at its end, the axis from the smallest value to the largest."""
    chart = empty_figure(420)
    for at, line in enumerate(lines):
        colour = theme.ROLE[COLOUR.get(line.entry.measures, "amount")]
        if any(value is not None for value in line.reference):
            chart.add_trace(
                go.Scatter(
                    x=xs,
                    y=gaps(line.reference),
                    mode="lines",
                    name=f"{line.name}, {RETRAINED}",
                    line={"color": theme.ROLE["reference"], "width": 1.5, "dash": "dash"},
                    hovertemplate=f"{line.name}, {RETRAINED}: %{{y:.1f}} %<extra></extra>",
                )
            )
        chart.add_trace(
            go.Scatter(
                x=xs,
                y=gaps(line.after),
                mode="lines+markers",
                name=line.name,
                line={"color": colour, "width": 3},
                marker={"size": 10, "symbol": SYMBOLS[at % len(SYMBOLS)]},
                hovertemplate=f"{line.name}: %{{y:.1f}} % at %{{x}}<extra></extra>",
            )
        )
    low, high = visible(lines)
    for line, y in _name_heights(lines, high - low):
        chart.add_annotation(
            x=1, xref="paper", xanchor="left", xshift=8, y=y, text=line.name, showarrow=False, align="left"
        )
    chart.update_xaxes(title_text=name, zeroline=False, tickvals=list(xs))
    chart.update_yaxes(range=[low, high], ticksuffix=" %", zeroline=False)
    chart.update_layout(showlegend=False, hovermode="closest", margin={"r": 150})
    return chart


def visible(lines: Sequence[Line]) -> tuple[float, float]:
    """The part of the axis in which anything is: from the smallest value to the largest, with some room."""
    values = [value for line in lines for value in (*line.after, *line.reference) if value is not None]
    room = 0.08 * ((max(values) - min(values)) or 1.0)
    return min(values) - room, max(values) + room


def _name_heights(lines: Sequence[Line], span: float) -> list[tuple[Line, float]]:
    """Where the name of each line stands: at its end, and apart from the one below it."""
    ends = sorted(((line.measured[-1], at) for at, line in enumerate(lines)))
    heights: list[tuple[Line, float]] = []
    lowest = -math.inf
    for end, at in ends:
        lowest = max(end, lowest + 0.065 * span)
        heights.append((lines[at], lowest))
    return heights
