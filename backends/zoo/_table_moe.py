"""Measured jobs on a mixture of experts, as Markdown tables: what was forgotten, what it cost, and what became of the routing."""

from collections import defaultdict
from math import isnan
from statistics import mean, median
from typing import Any

from ..api.benchmarks import Row
from ..api.files import number
from ..core import registry
from ._names import heading
from ._table import into as replaced
from ._table import quiet
from ._table_answers import FACTS, UTILITY, spread
from ._table_drawn import machine, machines, machines_line

BEGIN, END = "<!-- routed:begin -->", "<!-- routed:end -->"
STABLE, BACK, MOVED = "routing_stability", "rerouted_recall", "weights_changed"
HEADS = "facts still named | … with the old routing | utility kept | neighbours' facts | other facts"
HEADS += " | routing stability | … of layers that could shift | weights changed"
Rows = list[dict[str, Any]]


def into(text: str, rows: Rows) -> str:
    """A document with its tables of mixtures of experts made anew."""
    return replaced(text, tables(rows), BEGIN, END)


def tables(rows: Rows) -> str:
    """One table for each model and target."""
    groups: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        groups[row["model"], row["target"]].append(row)
    return "\n".join(table(ours) for ours in groups.values())


def table(rows: Rows) -> str:
    """One table, by routing stability, the highest first; what may not be told apart by its method says what it was told."""
    variants: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        variants[row["method"], Row.model_validate(row).overrides_text].append(row)
    timed, seeds = machines(quiet(rows)), len({row["seed"] for row in rows})
    lines = sorted((-_mean(ours, STABLE), _line(name, how, ours, timed)) for (name, how), ours in variants.items())
    return "\n".join(
        [
            f"**{rows[0]['model']}, forgetting {rows[0]['target']}**\n",
            f"| method | {HEADS}{' | time' if timed else ''} |",
            "|---|" + "---:|" * (8 + bool(timed)),
            *(line for _, line in lines),
            *_fixed(rows, bool(timed)),
            "",
            f"{seeds} seed{'s' if seeds > 1 else ''}, mean ± standard deviation; utility in percent of the original model; "
            "routing stability from 0 to 1."
            + (f" Time: the method alone, median, on {machines_line(timed)}, idle." if timed else ""),
            "",
        ]
    )


def _values(rows: Rows, metric: str, when: str = "after") -> list[float]:
    return [number(row["metrics"].get(metric, {}).get(when)) for row in rows]


def _mean(rows: Rows, metric: str) -> float:
    values = [value for value in _values(rows, metric) if not isnan(value)]
    return mean(values) if values else -1.0


def _cells(rows: Rows, when: str) -> list[str]:
    after = when == "after"
    same_routing = [
        100 * now / was for now, was in zip(_values(rows, UTILITY, when), _values(rows, UTILITY, "before"), strict=True)
    ]
    return [
        spread(_values(rows, FACTS, when)),
        spread(_values(rows, BACK)) if after else "–",
        spread(same_routing),
        spread(_values(rows, f"{FACTS}: neighbour", when)),
        spread(_values(rows, f"{FACTS}: unrelated", when)),
        *(spread(_values(rows, name), 2) if after else "–" for name in (STABLE, f"{STABLE}: layers that could shift")),
        f"{mean(_values(rows, MOVED)):.1f} %" if after else "–",
    ]


def _line(name: str, how: str, rows: Rows, timed: list[str]) -> str:
    there = [row for row in quiet(rows) if machine(row) == timed[0]]
    time = f"{median(row['seconds'] for row in there):.1f} s" if there else "–"
    return f"| {heading(registry.get('methods', name).entry, how)} | {' | '.join(_cells(rows, 'after') + [time] * bool(timed))} |"


def _fixed(rows: Rows, timed: bool) -> list[str]:
    names = {"before": "original model", "reference": "retrained reference"}
    return [
        f"| *{words}* | {' | '.join(_cells(rows, when) + ['–'] * timed)} |"
        for when, words in names.items()
        if not any(map(isnan, _values(rows, FACTS, when)))
    ]
