"""The shipped runs, measured again in what they lack: metrics that came later, sentences that were mended."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api import families, files, verdict
from ..api.home import ASSETS
from ..api.panels import WORDING
from ..api.results import Measured
from ._within import within

NEW = ("fluency", "one_expert_off")


def main(
    name: Annotated[list[str] | None, typer.Option(help="Only these runs; may be repeated.")] = None,
    look: Annotated[list[str] | None, typer.Option(help="Look again with these inspectors; may be repeated.")] = None,
) -> None:
    """Add what the shipped runs lack and write their verdicts anew; numbers that are there stay as they are (a minute)."""
    os.environ["LETHE_HOME"] = tempfile.mkdtemp()
    from ..engine.session import Desk

    desk = Desk()
    for folder in sorted((ASSETS / "runs").iterdir()):
        if name and folder.name not in name:
            continue
        run = desk.run(folder.name)
        _measured(run)
        _looked(desk, run, look or [])
        result = files.read_json(folder / "result.json")
        files.write_json(folder / "result.json", result | {"verdict": verdict.of_run(run.folder)})
        typer.echo(f"{folder.name}: {files.read_json(folder / 'result.json')['verdict']}")
    shutil.rmtree(os.environ["LETHE_HOME"], ignore_errors=True)


def _measured(run: Any) -> None:
    """Metrics, what the run is about, and its verdict."""
    from safetensors import safe_open

    from ..core.registry import get
    from ..engine import verdict
    from ..engine.measure import Measurement, measure

    folder, task, spec = run.folder.path, run.task, run.folder.spec
    result, metrics = files.read_json(folder / "result.json"), files.read_json(folder / "metrics.json")
    if hasattr(task, "weighed_by"):
        measurement = measure(task, _outputs(run), NEW)
        metrics |= {key: value.model_dump() for key, value in measurement.metrics.items()}
        files.write_json(folder / "metrics.json", metrics)
    with safe_open(folder / "after" / "changed.safetensors", "np") as file:
        moved = bool(file.keys())
    about = verdict.subject(task, spec.forgotten, get("methods", spec.method).entry, moved=moved)
    all_metrics = Measurement({key: Measured.model_validate(value) for key, value in metrics.items()})
    updates = {"metrics": metrics, "about": about.model_dump(), "verdict": verdict.sentence(task, all_metrics, about)}
    files.write_json(folder / "result.json", result | updates)


def _outputs(run: Any) -> dict[Any, Any]:
    """What each model said, with what is measured of it besides, kept in the run's folder."""
    from ..engine import outputs
    from ..families.language import expert_sweep
    from ..families.language.task import MOST, REROUTED

    task, outputs_by_when = run.task, {}
    for when in ("before", "after", "reference"):
        model_outputs = run.outputs(when) | task.weighed_by(run.model("before"), run.outputs(when)["said"])
        if when == "after" and families.has(task.family, "router"):
            pairs = [item.pair for item in task.questions.suite if item.role == "forget"][:REROUTED]
            questions = [pair.question for pair in pairs]
            model_outputs |= expert_sweep.without_best(run.model(when), task.reader, task.texts(pairs), questions, MOST)
        files.write_bytes(run.folder.path / "outputs" / f"{when}.npz", outputs.packed(model_outputs, small=True))
        outputs_by_when[when] = model_outputs
    return outputs_by_when


def _looked(desk: Any, run: Any, inspectors: list[str]) -> None:
    """Look again with some inspectors, and mark the sentences of the others as they are worded now."""
    from ..core.registry import get
    from ..engine.operations import inspect

    root = run.folder.path / "inspect"
    for name in inspectors:
        if get("inspectors", name).entry.works_with.get(run.task.family) is not True:
            continue
        shutil.rmtree(root / name, ignore_errors=True)
        fresh = inspect(desk, run.folder.id, name)
        shutil.copytree(Path(fresh.pop("root")) / name, root / name)
        files.write_json(root / name / "found.json", within(fresh, f"{name}/", "inspect"))
    for path in sorted(root.glob("*/found.json")):
        stored = files.read_json(path)
        if stored.get("wording") != WORDING:
            files.write_json(path, stored | {"wording": WORDING})
