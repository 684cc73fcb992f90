"""Measured jobs as Markdown tables: one for each model and forget target, every method in it, those that failed too."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import isnan, nan
from statistics import mean, stdev
from typing import Any

from ..api.benchmarks import idle
from ..api.files import number
from ..core import registry
from ..metrics.average_gap import OVER
from ._names import heading

BEGIN, END = "<!-- table:begin -->", "<!-- table:end -->"
COSTS = ("run_time", "peak_memory")  # that no two jobs share
Rows = list[dict[str, Any]]


def into(text: str, tables: str, begin: str = BEGIN, end: str = END) -> str:
    """A document with what stands between two markers replaced.

    Raises:
        ValueError: a marker is missing.
    """
    before, marker, remainder = text.partition(begin)
    _, ended, after = remainder.partition(end)
    if not marker or not ended:
        raise ValueError(f"the text has no {begin if not marker else end}")
    return f"{before}{begin}\n{tables.strip()}\n{end}{after}"


def into_results(text: str, rows: Rows) -> str:
    """The document of results with its tables made anew."""
    return into(text, tables(rows))


def tables(rows: Rows) -> str:
    """All tables, one under the other: of each model, for each target."""
    parts = []
    for model in dict.fromkeys(row["model"] for row in rows):
        ours = [row for row in rows if row["model"] == model]
        parts += [table([row for row in ours if row["target"] == t]) for t in dict.fromkeys(r["target"] for r in ours)]
    return "\n".join(parts)


def table(rows: Rows) -> str:
    """One table, of jobs on one model and one target: the retrained reference first, then by average gap."""
    by_method: dict[str, Rows] = defaultdict(list)
    for row in rows:
        by_method[row["method"]].append(row)
    entry_of = {name: registry.get("methods", name).entry for name in by_method}
    again = [row for name in by_method if entry_of[name].reference for row in by_method[name] if row["metrics"]]
    aim = {name: mean(values(again, name)) if again else nan for name in OVER}
    timed = bool(quiet(rows))
    lines = [
        (_place(ours, entry_of[name], aim), _line(ours, entry_of[name], aim, timed)) for name, ours in by_method.items()
    ]
    heads = [registry.get("metrics", name).entry.short for name in OVER] + ["average gap", *["time"] * timed, "memory"]
    seeds = len({row["seed"] for row in rows})
    epoch = mean(row["epoch_seconds"] for row in quiet(rows) or rows)
    time = (
        f" Time: in epochs of plain fine-tuning on the same data ({epoch:.1f} s each), on an idle machine."
        if timed
        else ""
    )
    return "\n".join(
        [
            f"**{rows[0]['model']}, forgetting {rows[0]['target']}**\n",
            f"| method | {' | '.join(heads)} |",
            "|---|" + "---:|" * len(heads),
            *(line for _, line in sorted(lines)),
            *_fixed(rows, aim, timed),
            "",
            f"{seeds} seed{'s' if seeds > 1 else ''}. Average gap: here to the mean of the retrained models, over all "
            f"seeds.{time} On {_device(rows)}.",
            *_remarks(by_method),
            "",
        ]
    )


def quiet(rows: Rows) -> Rows:
    """Those measured while the machine did nothing else: only their times are shown."""
    return [row for row in rows if idle(row.get("others"))]


def values(rows: Iterable[dict[str, Any]], metric: str, when: str = "after") -> list[float]:
    """What a metric came to in each job."""
    return [number(row["metrics"].get(metric, {}).get(when)) for row in rows]


def gap(measured: Sequence[float], aim: dict[str, float]) -> float:
    """Mean distance in points over UA, RA, TA and MIA."""
    return mean(abs(value - aim[name]) for value, name in zip(measured, OVER, strict=True))


def spread(numbers: Sequence[float], digits: int = 1, unit: str = "") -> str:
    """Mean and standard deviation; the mean alone where there is no deviation, a dash where something was not measured."""
    if not numbers or any(isnan(value) for value in numbers):
        return "–"
    deviation = stdev(numbers) if len(numbers) > 1 else 0.0
    return f"{mean(numbers):.{digits}f}{f' ± {deviation:.{digits}f}' if deviation else ''}{unit}"


def _gaps(rows: Rows, entry: Any, aim: dict[str, float]) -> list[float]:
    """Of each job; not measured where the method forgot a set that it found itself."""
    each = zip(*(values(rows, name) for name in OVER), strict=True)
    return [nan if entry.finds else gap(measured, aim) for measured in each]


def _place(rows: Rows, entry: Any, aim: dict[str, float]) -> tuple[bool, bool, float]:
    """Where a line stands: the reference first, then by gap, those without one last."""
    gaps = _gaps([row for row in rows if row["metrics"]], entry, aim)
    middle = mean(gaps) if gaps else nan
    return not entry.reference, isnan(middle), 0.0 if isnan(middle) else middle


def _line(rows: Rows, entry: Any, aim: dict[str, float], timed: bool) -> str:
    done = [row for row in rows if row["metrics"]]
    if not done:
        return f"| {heading(entry)} | {' | '.join(['failed'] * len(OVER) + ['–'] * (2 + timed))} |"
    there = quiet(done)
    time = f"{mean(row['seconds'] / row['epoch_seconds'] for row in there):.1f}" if there else "–"
    cells = [
        *(spread(values(done, name)) for name in OVER),
        spread(_gaps(done, entry, aim), 2),
        *[time] * timed,
        f"{max(row['peak_memory'] for row in done) / 1e6:,.0f} MB",
    ]
    return f"| {heading(entry)} | {' | '.join(cells)} |"


def _fixed(rows: Rows, aim: dict[str, float], timed: bool) -> list[str]:
    """The lines of the original model and of the shipped reference, which no seed changes."""
    lines = []
    plain = [row for row in rows if row["metrics"] and not registry.get("methods", row["method"]).entry.finds]
    for title, when in (("*shipped retrained reference*", "reference"), ("*original model*", "before")):
        each = [[number(row["metrics"][name].get(when)) for name in OVER] for row in plain]
        complete = next((measured for measured in each if not any(map(isnan, measured))), None)
        if complete:
            cells = [*(f"{value:.1f}" for value in complete), spread([gap(complete, aim)], 2), *["–"] * (1 + timed)]
            lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def _remarks(by_method: dict[str, Rows]) -> list[str]:
    """What has to be said about single methods: why one failed, whose seeds came to the same numbers, and what one that finds
    a set was measured on."""
    remarks = []
    for name, rows in by_method.items():
        entry = registry.get("methods", name).entry
        if len(rows) < max(map(len, by_method.values())):
            remarks.append(
                f"{entry.title}: only {len(rows)} of these jobs, with seed {', '.join(str(row['seed']) for row in rows)}."
            )
        remarks += [
            f"{entry.title}: the same numbers with seed {' and '.join(map(str, same))}." for same in alike(rows)
        ]
        for why in dict.fromkeys(row["error"] for row in rows if row.get("error")):
            seeds = ", ".join(str(row["seed"]) for row in rows if row.get("error") == why)
            remarks.append(f"{entry.title} failed with seed {seeds}: {why}")
        if entry.finds:
            sizes = ", ".join(dict.fromkeys(f"{row['forget_count']:,}" for row in rows if row["metrics"]))
            remarks.append(
                f"{entry.title}: measured on the {sizes} images that it found, so there is nothing to compare it with."
            )
    return remarks


def alike(rows: Rows) -> list[list[int]]:
    """Seeds of one method and target that came to the same numbers, in groups."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        after = {name: of["after"] for name, of in row["metrics"].items() if name not in COSTS}
        if after:
            groups[str(sorted(after.items()))].append(row["seed"])
    return [seeds for seeds in groups.values() if len(seeds) > 1]


def _device(rows: Rows) -> str:
    return " and ".join(
        dict.fromkeys(
            f"{row['device']}, {row['threads']} thread{'s' if row['threads'] > 1 else ''}"
            for row in rows
            if row.get("device")
        )
    )
