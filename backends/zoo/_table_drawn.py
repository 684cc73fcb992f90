"""Measured jobs on models that draw, as Markdown tables by the UnlearnCanvas protocol: averages over targets of one kind."""

from collections import Counter, defaultdict
from statistics import mean, median, stdev
from typing import Any

from ..api.benchmarks import Row
from ..api.files import number
from ..core import registry
from ._names import heading
from ._table import into as replaced
from ._table import quiet

BEGIN, END = "<!-- drawn:begin -->", "<!-- drawn:end -->"
SHARES = ("unlearning_accuracy", "in_domain_retain_accuracy", "cross_domain_retain_accuracy")
Rows = list[dict[str, Any]]


def into(text: str, rows: Rows) -> str:
    """A document with its tables of drawing models made anew."""
    return replaced(text, tables(rows), BEGIN, END)


def tables(rows: Rows) -> str:
    """Two tables for each model: over the objects, and over the styles, that were forgotten."""
    parts = []
    for model in dict.fromkeys(row["model"] for row in rows):
        for kind in ("objects", "styles"):
            ours = [
                row for row in rows if row["model"] == model and row["target"].endswith(" style") == (kind == "styles")
            ]
            parts += [table(ours, kind)] if ours else []
    return "\n".join(parts)


def table(rows: Rows, kind: str) -> str:
    """One table: a line a method, the best by the lowest of UA, IRA and CRA first."""
    variants: dict[tuple[str, str], Rows] = defaultdict(list)
    for row in rows:
        variants[row["method"], Row.model_validate(row).overrides_text].append(row)
    timed = machines(quiet(rows))
    heads = [registry.get("metrics", name).entry.short for name in SHARES]
    heads += ["FID (judge)", *["time"] * bool(timed), "memory", "storage"]
    targets, seeds = list(dict.fromkeys(row["target"] for row in rows)), len({row["seed"] for row in rows})
    lines = sorted(
        (_place(ours), _line(name, how, ours, targets, seeds, timed)) for (name, how), ours in variants.items()
    )
    time = f" time: the method alone, median, on {machines_line(timed)}, idle;" if timed else ""
    return "\n".join(
        [
            f"**{rows[0]['model']}, forgetting one of the {kind}: {', '.join(targets)}**\n",
            f"| method | {' | '.join(heads)} |",
            "|---|" + "---:|" * len(heads),
            *(line for _, line in lines),
            _before(rows, bool(timed)),
            "",
            f"Averages over {len(targets)} targets and {_count(seeds, 'seed')}, ± the standard deviation over the "
            f"targets;{time} memory of jobs on a processor. The jobs ran on {' and '.join(machines(rows))}.",
            *_failures(rows),
            "",
        ]
    )


def _values(rows: Rows, metric: str, when: str = "after") -> list[float]:
    """Of each target the mean over its seeds."""
    by_target: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["metrics"]:
            by_target[row["target"]].append(number(row["metrics"][metric].get(when)))
    return [mean(values) for values in by_target.values()]


def _place(rows: Rows) -> float:
    done = [values for name in SHARES if (values := _values(rows, name))]
    return -min(mean(values) for values in done) if done else 0.0


def _spread(values: list[float], digits: int = 1) -> str:
    deviation = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{deviation}"


def _line(name: str, how: str, rows: Rows, targets: list[str], seeds: int, timed: list[str]) -> str:
    entry, done = registry.get("methods", name).entry, [row for row in rows if row["metrics"]]
    called = heading(entry, how)
    if not done:
        return f"| {called} | {' | '.join(['failed'] * len(SHARES) + ['–'] * (3 + bool(timed)))} |"
    missing = [target for target in targets if target not in {row["target"] for row in done}]
    had = len({row["seed"] for row in done})
    title = called + (f" (without {', '.join(missing)})" if missing else "")
    title += f" ({_count(had, 'seed')} only)" if had < seeds else ""
    there = [row for row in quiet(done) if machine(row) == timed[0]]
    time = f"{median(row['seconds'] for row in there):.1f} s" if there else "–"
    peak_memory = [row["peak_memory"] for row in done if row["device"].startswith("cpu")]
    cells = [
        *(_spread(_values(done, metric)) for metric in SHARES),
        _spread(_values(done, "fid"), 2),
        *[time] * bool(timed),
        f"{max(peak_memory) / 1e6:,.0f} MB" if peak_memory else "–",
        f"{mean(_values(done, 'storage')):.1f} MB",
    ]
    return f"| {title} | {' | '.join(cells)} |"


def _before(rows: Rows, timed: bool) -> str:
    done = [row for row in rows if row["metrics"]]
    cells = [_spread(_values(done, metric, "before")) for metric in SHARES] if done else ["–"] * len(SHARES)
    cells += [_spread(_values(done, "fid", "before"), 2) if done else "–", *["–"] * (2 + timed)]
    return f"| *original model* | {' | '.join(cells)} |"


def _failures(rows: Rows) -> list[str]:
    return [
        f"{registry.get('methods', row['method']).entry.title} failed on {row['target']} with seed {row['seed']}: {row['error']}"
        for row in rows
        if row.get("error")
    ]


def machines(rows: Rows) -> list[str]:
    """Where the jobs ran, the machine of most of them first: only its times and memory can be compared."""
    return [name for name, _ in Counter(machine(row) for row in rows if row.get("device")).most_common()]


def machine(row: dict[str, Any]) -> str:
    return f"{row['device']}, {_count(row['threads'], 'thread')}"


def machines_line(machines: list[str]) -> str:
    others = f"; some of the jobs ran on {' and '.join(machines[1:])}" if machines[1:] else ""
    return (machines[0] if machines else "no machine") + others


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
