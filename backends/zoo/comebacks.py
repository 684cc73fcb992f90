"""What comes back of what every method forgot: assets/measured/comebacks/<model>.json, and the tables in docs/results/comes-back.md.

Every job and every test goes through the engine, as those that a person starts, in a home that is thrown away.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api import comebacks, court, files, submit
from ..api.home import ASSETS, home
from ..api.runs import RunFolder, State
from ..api.spec import JobSpec
from ..core import registry

ORIGINAL, NOISE = "original", "noise"
CONTROLS = (ORIGINAL, NOISE)  # models whose verdict is known: still there, damaged
NOISY = 1.0  # standard deviation of the noise, of that of each matrix


def main(
    model: Annotated[str, typer.Option(help="Embedded model.")] = "fashion-resnet",
    only: Annotated[list[str], typer.Option(help="Only these methods and controls; left out: all that fit.")] = [],  # noqa: B006
    again: Annotated[bool, typer.Option("--again", help="Measure what is already measured, too.")] = False,
    deep: Annotated[bool, typer.Option(help="All attacks, not only the quick ones.")] = False,
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the measured results.")] = comebacks.FOLDER,
) -> None:
    """Let every method forget a model's default target and attack what is left (half a minute to two a method)."""
    card = files.read_json(ASSETS / "models" / model / "card.json")
    path, end = to / f"{model}.json", time.monotonic() + 60 * minutes
    fitting = [
        name
        for name, method in registry.entries("methods").items()
        if method.entry.works_with.get(card["family"]) is True
        and method.entry.stage == "forget"
        and not method.entry.finds
    ]
    with tempfile.TemporaryDirectory() as place_to_work:
        os.environ["LETHE_HOME"] = place_to_work
        for method in [*fitting, *CONTROLS]:
            if (only and method not in only) or (minutes and time.monotonic() > end):
                continue
            stored = files.read_json(path, [])
            if not again and any(row["method"] == method for row in stored):
                continue
            control = method if method in CONTROLS else ""
            job = JobSpec(
                model=model, method=card["default_method"] if control else method, forget=tuple(card["default_forget"])
            )
            row = measured(submit.check(job), deep, control)
            stored = [one for one in files.read_json(path, []) if one["method"] != method]  # another may have written
            order = [*registry.entries("methods"), *CONTROLS]
            files.write_json(
                path, sorted([*stored, row] if row else stored, key=lambda one: order.index(one["method"]))
            )
            typer.echo(f"{method}: {row['word'] if row else 'no verdict'}", err=True)


def measured(spec: JobSpec, deep: bool = False, control: str = "") -> dict[str, Any]:
    """Do a job in LETHE_HOME, attack it, and return its row; empty where the job failed or nothing can be judged. With a control that model
    is attacked in the place of the unlearned one."""
    from ..engine.job import do
    from ..engine.operations_tested import test
    from ..engine.session import Desk

    run = RunFolder(home() / "runs" / spec.method)
    files.write_json(run.path / "spec.json", spec.model_dump())
    files.write_json(run.path / "state.json", State().model_dump())
    do(run, run.move("running").attempt)
    if run.result is None:
        typer.echo(f"{spec.method}: {run.state.message}", err=True)
        return {}
    if control:
        plant(run, control)
    answer = test(Desk(), run.id, deep)
    for name, why in answer["failed"].items():
        typer.echo(f"{spec.method}, {name}: {why}", err=True)
    judged = court.of_run(run)
    shutil.rmtree(run.path)
    return {} if judged is None else row(spec, judged) | ({"method": control, "params": {}} if control else {})


def plant(run: RunFolder, control: str) -> None:
    """Put a control in the place of a run's unlearned model: the original, or the original with noise as large as its weights."""
    import torch
    from safetensors.torch import save_file

    from ..attacks._weights import matrices
    from ..core import changes
    from ..engine.session import Desk

    model = Desk().run(run.id).task.load()
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in matrices(model).values() if control == NOISE else ():
            weight.add_(torch.randn_like(weight), alpha=NOISY * float(weight.std()))
    tensors = {name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in model.state_dict().items()}
    save_file(tensors, run.path / changes.CHANGED, {"format": "pt"})


def row(spec: JobSpec, judged: court.Judgement) -> dict[str, Any]:
    """A judgement as it is stored; shares with three digits."""
    tests = [_rounded(one) for one in court.as_document(judged)["tests"]]
    return {
        "model": spec.model, "method": spec.method, "target": spec.forget[0], "seed": spec.seed, "params": spec.params, "word": judged.word,
        "reasons": list(judged.reasons), "references": judged.references, "kept": _round(judged.kept), "kept_reference": _round(judged.kept_other),
        "tests": tests,
    }  # fmt: skip


def _rounded(test: dict[str, Any]) -> dict[str, Any]:
    names = ("attack", "kind", "counts", "original", "unlearned", "reference", "recovery", "interval", "void", "hit")
    return {name: _round(test[name]) for name in names}


def _round(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_round(one) for one in value]
    if isinstance(value, float):
        return None if value != value else round(value, 3)
    return value
