"""Measured jobs on language models, as Markdown tables in the manner of TOFU: forget quality against model utility."""

from collections import defaultdict
from math import isnan, nan
from statistics import mean, median, stdev
from typing import Any

from ..api.files import number
from ..core import registry
from ._names import heading
from ._table import into as replaced
from ._table import quiet
from ._table_drawn import machine, machines, machines_line

BEGIN, END = "<!-- answers:begin -->", "<!-- answers:end -->"
UTILITY, QUALITY, FACTS = "model_utility", "forget_quality", "fact_recall"
WORDS, COSINE = "concept_vector_words", "concept_vector_cosine"
Rows = list[dict[str, Any]]


def into(text: str, rows: Rows) -> str:
    """A document with its tables of language models made anew."""
    return replaced(text, tables(rows), BEGIN, END)


def tables(rows: Rows) -> str:
    """One table for each model and target."""
    groups: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        groups[row["model"], row["target"]].append(row)
    return "\n".join(table(ours) for ours in groups.values())


def table(rows: Rows) -> str:
    """One table: those that cannot be told from the reference and keep what they know first, then by forget quality."""
    by_method: dict[str, Rows] = defaultdict(list)
    for row in rows:
        by_method[row["method"]].append(row)
    timed, seeds = machines(quiet(rows)), len({row["seed"] for row in rows})
    lines = sorted((_place(ours), _line(name, ours, timed)) for name, ours in by_method.items())
    heads = "facts still named | ROUGE-L forget | forget quality (p) | utility kept | neighbours' facts | other facts"
    heads += " | vectors' words kept (random) | vectors' cosine (random)"
    return "\n".join(
        [
            f"**{rows[0]['model']}, forgetting {rows[0]['target']}**\n",
            f"| method | {heads}{' | time' if timed else ''} | storage |",
            "|---|" + "---:|" * (9 + bool(timed)),
            *(line for _, line in lines),
            *_fixed(rows, bool(timed)),
            "",
            f"{seeds} seed{'s' if seeds > 1 else ''}, mean ± standard deviation, of p the median; utility in percent of the original model."
            + (f" Time: the method alone, median, on {machines_line(timed)}, idle." if timed else ""),
            *_traced(rows),
            *_failures(by_method),
            "",
        ]
    )


def _after(rows: Rows, metric: str, when: str = "after") -> list[float]:
    return [number(row["metrics"].get(metric, {}).get(when)) for row in rows if row["metrics"]]


def _relative_utility(rows: Rows) -> list[float]:
    """Model utility in percent of that before."""
    pairs = zip(_after(rows, UTILITY), _after(rows, UTILITY, "before"), strict=True)
    return [100 * after / before for after, before in pairs]


def _place(rows: Rows) -> tuple[bool, float]:
    p, utilities = _middle(_after(rows, QUALITY)), _relative_utility(rows)
    good = not isnan(p) and p >= 0.05 and bool(utilities) and mean(utilities) >= 97
    return not good, -p if p == p else 1.0


def _middle(values: list[float]) -> float:
    return median(values) if values and not any(map(isnan, values)) else nan


def spread(values: list[float], digits: int = 1) -> str:
    """Mean ± standard deviation, which is left out where it is 0 as it is written; a dash where one was not measured."""
    if not values or any(map(isnan, values)):
        return "–"
    wide = len(values) > 1 and stdev(values) >= 0.5 * 10**-digits
    return f"{mean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if wide else "")


def _p(value: float) -> str:
    return "–" if isnan(value) else f"{value:.2f}" if value >= 0.005 else f"{value:.0e}"


def _cells(rows: Rows, when: str) -> list[str]:
    return [
        spread(_after(rows, FACTS, when)),
        spread(_after(rows, "forget_rouge", when)),
        _p(_middle(_after(rows, QUALITY, when))),
        spread(_relative_utility(rows)) if when == "after" else "–",
        spread(_after(rows, f"{FACTS}: neighbour", when)),
        spread(_after(rows, f"{FACTS}: unrelated", when)),
        *(
            _beside_random(rows, metric, digits) if when == "after" else "–"
            for metric, digits in ((WORDS, 0), (COSINE, 3))
        ),
    ]


def _beside_random(rows: Rows, metric: str, digits: int) -> str:
    """The mean over the rows that have it, and that of random columns behind it."""
    traced = [row for row in rows if metric in row["metrics"]]
    columns = [_after(traced, name) for name in (metric, f"{metric}: random columns")]
    if not traced or any(isnan(value) for values in columns for value in values):
        return "–"
    own, random = (f"{mean(values):.{digits}f}" for values in columns)
    return f"{own} ({random})"


def _traced(rows: Rows) -> list[str]:
    """What the columns of the vectors stand on."""
    apart = [row for row in rows if "vectors" in row]
    if not apart:
        return []
    seeds = " and ".join(map(str, sorted({row["seed"] for row in apart})))
    there = machines_line(machines([row | row["vectors"] for row in apart]))
    return [
        f"Vectors: jobs of their own with seed {seeds}, on {there}; what else those jobs measured is not in this table."
    ]


def _line(name: str, rows: Rows, timed: list[str]) -> str:
    entry, done = registry.get("methods", name).entry, [row for row in rows if row["metrics"]]
    if not done:
        return f"| {heading(entry)} | {' | '.join(['failed'] * 8 + ['–'] * (1 + bool(timed)))} |"
    there = [row for row in quiet(done) if machine(row) == timed[0]]
    time = f"{median(row['seconds'] for row in there):.1f} s" if there else "–"
    storage = _after(done, "storage")
    cells = [*_cells(done, "after"), *[time] * bool(timed), f"{mean(storage):.1f} MB"]
    return f"| {heading(entry)} | {' | '.join(cells)} |"


def _fixed(rows: Rows, timed: bool) -> list[str]:
    done = [row for row in rows if row["metrics"]]
    if not done:
        return []
    empty_cells = ["–"] * (1 + timed)
    lines = [f"| *original model* | {' | '.join(_cells(done, 'before') + empty_cells)} |"]
    if not any(map(isnan, _after(done, FACTS, "reference"))):
        lines.append(f"| *retrained reference* | {' | '.join(_cells(done, 'reference') + empty_cells)} |")
    return lines


def _failures(by_method: dict[str, Rows]) -> list[str]:
    return [
        f"{registry.get('methods', name).entry.title} failed with seed {row['seed']}: {row['error']}"
        for name, rows in by_method.items()
        for row in rows
        if row.get("error")
    ]
