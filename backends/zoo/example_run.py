"""The finished runs that are shipped: every page has something real to show before anyone has pressed a button."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..api import files
from ..api.home import ASSETS
from ..api.runs import RunFolder, State
from ..api.spec import JobSpec

LEFT_OUT = ("checkpoint", ".*", "cancel")


def main(
    model: Annotated[str, typer.Option(help="Embedded model.")] = "fashion-resnet",
    name: Annotated[str, typer.Option(help="Name of the run.")] = "example-forget-sandal",
    method: Annotated[str, typer.Option(help="Method; left out: the model's default.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the method, name=value; may be repeated.")
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="A target; may be repeated. Left out: what the model's card says.")
    ] = None,
    half: Annotated[
        bool,
        typer.Option("--half", help="Keep the changed weights in half precision, as the models lie; half the room."),
    ] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="Look with these inspectors only.")] = None,
    look: Annotated[bool, typer.Option(help="Look into the run with every inspector.")] = True,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "runs",
) -> None:
    """Do a job on what the model's card forgets by default, or on other targets, look into it, and ship the run folder (a minute or two)."""
    from ..api.params import from_text
    from ..api.submit import check
    from ..core import registry
    from ..engine.job import do
    from ..engine.operations import inspect
    from ..engine.session import Desk

    card = files.read_json(ASSETS / "models" / model / "card.json")
    method = method or card["default_method"]
    params = dict(from_text(method, registry.get("methods", method).entry.params, text) for text in settings or [])
    spec = check(JobSpec(model=model, method=method, params=params, forget=tuple(forget or card["default_forget"])))
    with tempfile.TemporaryDirectory() as home:
        os.environ["LETHE_HOME"] = home
        run = RunFolder(Path(home) / "runs" / name)
        run.path.mkdir(parents=True)
        files.write_json(run.path / "spec.json", spec.model_dump())
        files.write_json(run.path / "state.json", State().model_dump())
        if do(run, run.move("running").attempt):
            raise SystemExit(f"The run ended as {run.state.status}: {run.state.message}")
        if half:
            _halve(run.path / "after" / "changed.safetensors")
        desk = Desk()
        for inspector, registered in registry.entries("inspectors").items():
            if look and inspector in (only or [inspector]) and registered.entry.works_with.get(card["family"]) is True:
                findings = inspect(desk, name, inspector)
                typer.echo(f"{inspector}: {len(findings['panels'])} panels in {findings['seconds']} s")
        shutil.rmtree(to / name, ignore_errors=True)
        shutil.copytree(run.path, to / name, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _halve(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    save_file({name: tensor.half() for name, tensor in load_file(path).items()}, path, {"format": "pt"})
    path.chmod(0o644)
