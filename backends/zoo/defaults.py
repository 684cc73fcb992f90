"""The settings that the studio starts from, chosen on half of the targets and reported on the other half.

Of each embedded model's recommended method a list of candidate settings is tried. The rule, the same for all of them: the
candidate whose worse side, averaged over the targets it was chosen on, is best; of those within half a point of it, the one
with the fewest passes over the data, since somebody waits. A job's two sides, both in percent, are how
much of the forget set is forgotten, and how much of what is worst kept of the rest is left, as a share of what the model
before had. Every second target, in the order of the data, chooses; no candidate ever sees the others, on which the chosen one
is then measured with three seeds.
"""

import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import isnan
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import typer

from ..api import files, people, submit
from ..api.files import number
from ..api.home import ASSETS
from ..api.spec import JobSpec
from ._matrix import benchmarks

NEAR = 0.5  # points within which fewer epochs count more
FIRST, LAST = 4, 2  # targets that every candidate is tried on, and candidates that go on to all targets that choose
SEEDS = (0, 1, 2)
Settings = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A recommended method on the targets of one kind of one embedded model, with the settings to choose from."""

    model: str
    method: str
    kind: str
    grid: dict[str, Sequence[Any]]

    def candidates(self) -> list[Settings]:
        """Every combination of the grid."""
        return [dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())]

    def retain_metrics(self) -> tuple[str, ...]:
        """The metrics of what is kept."""
        return benchmarks()[files.read_json(ASSETS / "models" / self.model / "card.json")["family"]].retain_metrics

    def targets(self) -> list[str]:
        """All targets of the kind, in the order of the model's data."""
        card = files.read_json(ASSETS / "models" / self.model / "card.json")
        if self.kind == "class":
            return [str(name) for name in card["classes"]]
        if self.kind == "author":
            return list(people.load(card["data"]).names)
        return [f"{name} style" if self.kind == "style" else name for name in card["domains"][self.kind]]


CASES = (
    Case("fashion-resnet", "salun", "class", {"epochs": (1, 2), "learning_rate": (0.02, 0.04, 0.08)}),
    Case("fashion-vit", "salun", "class", {
        "epochs": (1, 2), "learning_rate": (0.005, 0.01, 0.02, 0.03), "alpha": (1.0, 4.0),
    }),
    Case("emoji-sd", "uce", "object", {"erase_scale": (0.5, 1.0, 2.0, 4.0)}),
    Case("emoji-sd", "uce", "style", {"erase_scale": (1.0, 2.0, 4.0, 8.0)}),
    Case("authors-lm", "npo", "author", {
        "learning_rate": (3e-4, 5e-4), "epochs": (10, 15), "beta": (0.2, 0.5), "keep_weight": (4.0,),
    }),
    Case("authors-moe", "seuf", "author", {
        "layer": (0, 3), "learning_rate": (5e-4, 1e-3), "epochs": (30,), "keep_weight": (5.0,), "anchor_weight": (0.0, 1.0),
    }),
)  # fmt: skip


def main(
    model: Annotated[list[str], typer.Option(help="Embedded models; left out: all.")] = [],  # noqa: B006
    workers: Annotated[int, typer.Option(help="Jobs at once, one thread each.")] = 1,
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the results.")] = ASSETS / "measured" / "defaults",
) -> None:
    """Choose the settings of every recommended method on half of the targets, and measure them on the other half."""
    end = time.monotonic() + 60 * minutes if minutes else float("inf")
    with tempfile.TemporaryDirectory() as homes, _Jobs(workers, Path(homes), end) as jobs:
        for case in CASES:
            if not model or case.model in model:
                path = to / f"{case.model}-{case.kind}.json"
                record = files.read_json(path, {})
                same = record.get("left_of") == list(case.retain_metrics())  # else its rows weighed something else
                files.write_json(path, settle(case, jobs, record["rows"] if same else []))
    typer.echo("\n".join(summaries(to)))


def settle(case: Case, jobs: "_Jobs", rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The record of one case: which targets chose and which report, the chosen settings, and every job behind it.

    Args:
        case: what is settled.
        jobs: does the jobs.
        rows: of earlier, unfinished calls; what they hold is not measured again.
    """
    targets, candidates = case.targets(), case.candidates()
    choosing, reporting = targets[0::2], targets[1::2]
    spread = choosing[:: -(-len(choosing) // FIRST)]
    rows = jobs.done(case, rows, [(settings, target, 0) for target in spread for settings in candidates])
    best = ranked(rows, candidates, spread)[:LAST]
    rows = jobs.done(case, rows, [(settings, target, 0) for target in choosing for settings in best])
    chosen = choice(rows, best, choosing)
    if chosen is not None:
        rows = jobs.done(case, rows, [(chosen, target, seed) for seed in SEEDS for target in reporting])
    return {
        "model": case.model,
        "method": case.method,
        "kind": case.kind,
        "left_of": list(case.retain_metrics()),
        "chosen": chosen,
        "chosen_on": choosing,
        "reported_on": reporting,
        "rows": rows,
    }


def scores(rows: Iterable[dict[str, Any]], candidates: Iterable[Settings], targets: Sequence[str]) -> list[float]:
    """The mean worse side of every candidate over these targets with seed 0; NaN where it was not tried on all of them."""
    worse: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["seed"] == 0:
            worse.setdefault(str(row["given"]), {})[row["target"]] = min(row["forgotten"], row["left"])
    each = [worse.get(str(settings), {}) for settings in candidates]
    return [mean(one[target] for target in targets) if set(targets) <= one.keys() else float("nan") for one in each]


def ranked(rows: Iterable[dict[str, Any]], candidates: Sequence[Settings], targets: Sequence[str]) -> list[Settings]:
    """The candidates that were tried on all of these targets, the one with the best mean worse side first."""
    each = zip(scores(rows, candidates, targets), range(len(candidates)), strict=True)
    return [candidates[place] for score, place in sorted(each, key=lambda one: -one[0]) if not isnan(score)]


def choice(rows: Iterable[dict[str, Any]], candidates: Sequence[Settings], targets: Sequence[str]) -> Settings | None:
    """The candidate that the rule takes; None where none was tried on all of these targets."""
    rows = list(rows)
    complete = ranked(rows, candidates, targets)
    reached = scores(rows, complete, targets)
    near = [settings for settings, score in zip(complete, reached, strict=True) if score >= reached[0] - NEAR]
    return min(near, key=lambda settings: settings.get("epochs", 0), default=None)


def sides(family: str, metrics: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of one job, both in percent: `forgotten`, of the forget set, and `left`, of what is worst kept of the rest."""
    benchmark = benchmarks()[family]
    forgotten = number(metrics[benchmark.forget_metric]["after"])
    shares = [
        100 * number(metrics[name]["after"]) / number(metrics[name]["before"]) for name in benchmark.retain_metrics
    ]
    return {
        "forgotten": round(100 - forgotten if benchmark.falls else forgotten, 2),
        "left": round(min(100.0, *(share for share in shares if not isnan(share))), 2),
    }


def summaries(folder: Path) -> Iterator[str]:
    """A line a case: what was chosen, and how it fared on the targets that chose nothing."""
    for path in sorted(folder.glob("*.json")):
        record = files.read_json(path)
        others, chosen = set(record["reported_on"]), record["chosen"]
        rows = [row for row in record["rows"] if row["target"] in others and row["given"] == chosen]
        if rows:
            yield (
                f"{record['model']}, {record['method']}, {record['kind']}: {record['chosen']}; {len(rows)} jobs on "
                f"{len({row['target'] for row in rows})} other targets: forgotten {_range(rows, 'forgotten')}, "
                f"left {_range(rows, 'left')}"
            )


def _range(rows: Sequence[dict[str, Any]], side: str) -> str:
    each = [row[side] for row in rows]
    return f"{mean(each):.1f} % (worst {min(each):.1f})"


class _Jobs:
    """Does jobs in processes of their own, each in a home of its own, and keeps their rows."""

    def __init__(self, workers: int, homes: Path, end: float) -> None:
        self._end = end
        self._pool = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_settle_in, initargs=(str(homes),)
        )

    def __enter__(self) -> "_Jobs":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def done(
        self, case: Case, rows: list[dict[str, Any]], requested: Iterable[tuple[Settings, str, int]]
    ) -> list[dict[str, Any]]:
        """The rows with those of these jobs (settings, target, seed) added that are not among them."""
        have = {(str(row["given"]), row["target"], row["seed"]) for row in rows}
        job_fields = [
            {"model": case.model, "method": case.method, "forget": (target,), "params": settings, "seed": seed}
            for settings, target, seed in requested
            if (str(settings), target, seed) not in have and time.monotonic() < self._end
        ]
        running = [self._pool.submit(_measured, fields, self._end) for fields in job_fields]
        rows = list(rows)
        for place, job in enumerate(as_completed(running)):
            if (row := job.result()) is not None:
                rows.append(row)
                typer.echo(f"{place + 1} of {len(running)}: {case.model} {row['target']} {row['given']} {row['seed']}: "
                           f"{row['forgotten']} forgotten, {row['left']} left", err=True)  # fmt: skip
        return sorted(rows, key=lambda row: (str(row["given"]), row["seed"], row["target"]))


def _settle_in(homes: str) -> None:
    """What holds for every job of this process: its home, one thread, the precision that needs no measuring."""
    os.environ["LETHE_HOME"] = tempfile.mkdtemp(dir=homes)
    os.environ |= {"LETHE_THREADS": "1", "LETHE_PRECISION": "float32"}


def _measured(fields: dict[str, Any], end: float) -> dict[str, Any] | None:
    """The row of one job; None where the time is over."""
    from .table import measured

    if time.monotonic() > end:
        return None
    family = files.read_json(ASSETS / "models" / fields["model"] / "card.json")["family"]
    row = measured(submit.check(JobSpec(**fields)), timed=False)
    if row.get("error"):
        raise RuntimeError(f"{fields}: {row['error']}")
    about = {name: row[name] for name in ("target", "seed", "device")}
    return about | {"given": fields["params"]} | sides(family, row["metrics"])
