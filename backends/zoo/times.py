"""How long each method takes on the default target of an embedded model, for the estimates of the form.

Processor seconds with one thread are taken, so that other work on the machine does not count: what a job takes on one idle
core, and at most that on more.
"""

import os
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api import files, submit
from ..api.home import ASSETS
from ..api.renamed import current
from ..api.spec import JobSpec
from ..core import registry

FOLDER = ASSETS / "measured" / "times"


def main(
    model: Annotated[str, typer.Option(help="Which embedded model.")] = "authors-lm",
    only: Annotated[list[str], typer.Option(help="Only these methods; left out: every one that fits.")] = [],  # noqa: B006
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = FOLDER,
) -> None:
    """Do the job of each method once, with the settings it has by itself, and write what it took (a quarter of an hour)."""
    card = files.read_json(ASSETS / "models" / model / "card.json")
    path = to / f"{model}.json"
    os.environ |= {"LETHE_THREADS": "1", "LETHE_DEVICE": "cpu", "LETHE_PRECISION": "float32"}
    fit = [
        each.id for each in registry.entries("methods").values() if each.entry.works_with.get(card["family"]) is True
    ]
    for method in [current("methods", name) for name in only] or fit:
        row = timed(submit.check(JobSpec(model=model, method=method, forget=card["default_forget"])))
        rows = [old for old in files.read_json(path, []) if current("methods", old["method"]) != method]
        files.write_json(path, sorted([*rows, row], key=lambda one: str(one["method"])))
        typer.echo(f"{method}: {row['total_seconds']} s, of which the method took {row['seconds']} s", err=True)


def timed(spec: JobSpec) -> dict[str, Any]:
    """One job in a home of its own: its settings, `seconds` of the method, `total_seconds` of all, and what it ran on.

    Raises:
        SystemExit: the job failed; it says why.
    """
    from .table import measured

    with tempfile.TemporaryDirectory() as home:
        os.environ["LETHE_HOME"] = home
        begun = time.process_time()
        row = measured(spec)
        total = time.process_time() - begun
    if "error" in row:
        raise SystemExit(f"{spec.method}: {row['error']}")
    share = row["seconds"] / row["total_seconds"]  # of the clock's seconds, which other work stretches alike
    description = {
        name: row[name] for name in ("model", "method", "params", "peak_memory", "forget_count", "device", "threads")
    }
    return description | {"seconds": round(total * share, 2), "total_seconds": round(total, 2)}
