"""The table of every method on an embedded model: assets/measured/<model>.json, and the tables in docs/results.

Each job goes through the engine, as one that a person starts, in a home that is thrown away. What is already
measured with the same parameters is kept, so the table can be made piece by piece, by several at a time ($LETHE_THREADS
says with how many threads each; the table says it, too).
"""

import ctypes
import gc
import os
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from ..api import files, submit
from ..api.home import ASSETS, home
from ..api.renamed import current
from ..api.runs import RunFolder, State
from ..api.spec import JobSpec
from ..core import registry
from ._matrix import benchmarks

SEEDS = [0, 1, 2]
VECTORS = ("concept_vector_words", "concept_vector_cosine")
PARTED = ("fact_recall", "routing_stability", *VECTORS)  # metrics whose parts stand in the tables of language models


def main(
    model: Annotated[str, typer.Option(help="Embedded model.")] = "fashion-resnet",
    only: Annotated[list[str], typer.Option(help="Only these methods; left out: every one that fits.")] = [],  # noqa: B006
    target: Annotated[list[str], typer.Option(help="What to forget; left out: the family's own targets.")] = [],  # noqa: B006
    seed: Annotated[list[int], typer.Option(help="Seeds.")] = SEEDS,
    again: Annotated[bool, typer.Option("--again", help="Measure what is already measured, too.")] = False,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors",
            help="Only add what became of the concept vectors, to rows that lack it; with jobs of their own.",
        ),
    ] = False,
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the measured results.")] = ASSETS / "measured",
    root: Annotated[
        Path, typer.Option(help="Folder whose README.md and docs have their generated parts written anew.")
    ] = ASSETS.parent,
    write: Annotated[bool, typer.Option("--write", help="Measure nothing; only write the documents.")] = False,
) -> None:
    """Measure every method on a model, three seeds each (an hour and more on two cores), and write the tables, with all else in the documents that is generated."""
    from . import _documents

    family = files.read_json(ASSETS / "models" / model / "card.json")["family"]
    benchmark = benchmarks()[family]
    fitting = [
        name for name, method in registry.entries("methods").items() if method.entry.works_with.get(family) is True
    ]
    only = [current("methods", name) for name in only]
    methods = [
        one
        for one in [*((name, dict[str, Any]()) for name in fitting if benchmark.every_method), *benchmark.variants]
        if not only or one[0] in only
    ]
    path, end = to / f"{model}.json", time.monotonic() + 60 * minutes
    jobs = [(method, what, number) for what in target or benchmark.targets for number in seed for method in methods]
    with tempfile.TemporaryDirectory() as place_to_work:
        os.environ["LETHE_HOME"] = place_to_work
        for place, ((method, settings), what, number) in enumerate([] if write else jobs):
            rows = files.read_json(path, [])
            spec = submit.check(JobSpec(model=model, method=method, forget=(what,), seed=number, params=dict(settings)))
            key = (spec.method, spec.forget[0], spec.seed, str(settings))
            existing = next((row for row in rows if _key(row) == key and row["params"] == spec.params), None)
            if (existing is None or VECTORS[0] in existing["metrics"]) if vectors else (existing and not again):
                continue
            if minutes and time.monotonic() > end:
                typer.echo(f"Stopped before job {place + 1} of {len(jobs)}; start the command again.", err=True)
                break
            row = with_vectors(existing, measured(spec)) if vectors and existing else measured(spec)
            row |= {"given": settings} if settings else {}
            rows = [old for old in files.read_json(path, []) if _key(old) != _key(row)] + [
                row
            ]  # another may have written
            files.write_json(path, sorted(rows, key=_order))
            typer.echo(
                f"{method} {settings or ''}, {what}, seed {number}: {row.get('error') or row['seconds']}", err=True
            )
    _documents.write(root, to)


def measured(spec: JobSpec, *, timed: bool = True) -> dict[str, Any]:
    """Do one job in LETHE_HOME and return its row; one that failed has no metrics, and its reason as `error`.

    `timed`: measure as well how long an epoch of plain fine-tuning takes here, for a classifier.
    """
    from ..engine.job import do

    family = files.read_json(ASSETS / "models" / spec.model / "card.json")["family"]
    needed = timed and benchmarks()[family].epochs
    epoch, around = epoch_seconds(spec.model, spec.forget) if needed else (None, 0.0)
    _let_go()
    run = RunFolder(home() / "runs" / "measured")
    shutil.rmtree(run.path, ignore_errors=True)
    files.write_json(run.path / "spec.json", spec.model_dump())
    files.write_json(run.path / "state.json", State().model_dump())
    begun, before = time.monotonic(), busy()
    do(run, run.move("running").attempt)
    took, result = round(time.monotonic() - begun, 3), run.result
    others = max(around, others_busy(before, busy(), took))
    row = {
        "model": spec.model,
        "method": spec.method,
        "target": spec.forget[0],
        "seed": spec.seed,
        "params": spec.params,
    }
    row |= {"seconds": took, "epoch_seconds": epoch, "peak_memory": None, "metrics": {}}
    if result is None:
        return row | {"error": run.state.message}
    row |= {name: result[name] for name in ("seconds", "peak_memory", "device", "threads", "precision", "forget_count")}
    metrics = {
        name: {when: metric[when] for when in ("before", "after", "reference")}
        for name, metric in (result["metrics"] | _by_role(result["metrics"])).items()
    }
    return row | {"total_seconds": took, "others": round(others, 2), "metrics": metrics}


def busy() -> tuple[float, float]:
    """Processor seconds that the whole machine has worked so far (or was kept from it), and this process of them."""
    cpu_times = psutil.cpu_times()
    return sum(cpu_times) - cpu_times.idle - getattr(cpu_times, "iowait", 0.0), time.process_time()


def others_busy(before: tuple[float, float], after: tuple[float, float], seconds: float) -> float:
    """How many cores other processes used in these seconds, on average."""
    (total, own), (total_after, own_after) = before, after
    return max(0.0, (total_after - total) - (own_after - own)) / max(seconds, 1e-9)


def with_vectors(row: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """A row with what another job with the same parameters and seed measured of the concept vectors.

    That job's machine, and the facts that its own model still named, stand under `vectors`; all else stays as it was.
    """
    if not again["metrics"]:
        return row
    vector_metrics = {name: value for name, value in again["metrics"].items() if name.startswith(VECTORS)}
    facts = again["metrics"]["fact_recall"]["after"]
    about = {name: again[name] for name in ("device", "threads")} | {"fact_recall": facts}
    return row | {"metrics": row["metrics"] | vector_metrics, "vectors": about}


def _by_role(metrics: dict[str, Any]) -> dict[str, Any]:
    """Of what a language model's table tells apart, by the role of the question or else, the parts, each by a name of its own."""
    by_role: dict[str, Any] = {}
    for name in PARTED:
        for when, parts in metrics.get(name, {}).get("parts", {}).items():
            for part, value in parts.items():
                by_role.setdefault(f"{name}: {part}", dict.fromkeys(("before", "after", "reference")))[when] = value
    return by_role


@cache
def epoch_seconds(model: str, forget: tuple[str, ...]) -> tuple[float, float]:
    """Seconds of one epoch of plain fine-tuning on what is kept, as a job does it, in this process; and `others_busy` then."""
    from ..core.run import Run
    from ..engine.loading import open_task
    from ._train import Quiet

    task = open_task(model, "", {})
    task.resolve(forget)
    method = registry.get("methods", "fine_tune")
    run, params = Run(task, Quiet(), 0), method.parse({"epochs": 1})
    begun, before = time.monotonic(), busy()
    method.function(run, params)
    took = time.monotonic() - begun
    return round(took, 3), others_busy(before, busy(), took)


def _let_go() -> None:
    """Give memory of earlier jobs back, so that the peak of the next is its own (Linux with glibc)."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _key(row: dict[str, Any]) -> tuple[str, str, int, str]:
    return current("methods", row["method"]), row["target"], row["seed"], str(row.get("given", {}))


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    """Rows stand by target, then by method as pages list them, then by seed."""
    method_ids = list(registry.entries("methods"))
    targets = [*(target for one in benchmarks().values() for target in one.targets), row["target"]]
    return (
        targets.index(row["target"]),
        row["target"],
        method_ids.index(current("methods", row["method"])),
        str(row.get("given", {})),
        row["seed"],
    )
