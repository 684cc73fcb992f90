"""The shipped runs, attacked: whether what they forgot comes back, kept in the run so that the studio opens with it."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from ..api import files
from ..api.home import ASSETS
from ._within import within


def main(
    name: Annotated[list[str] | None, typer.Option(help="Only these runs; may be repeated.")] = None,
    deep: Annotated[bool, typer.Option(help="All attacks, not only the quick ones.")] = False,
) -> None:
    """Attack the shipped runs and keep what comes back in them (a minute each)."""
    os.environ["LETHE_HOME"] = home = tempfile.mkdtemp()
    from ..api import court, runs
    from ..engine.operations_tested import test
    from ..engine.session import Desk

    desk = Desk()
    for folder in sorted((ASSETS / "runs").iterdir()):
        if name and folder.name not in name:
            continue
        shutil.rmtree(folder / "attack", ignore_errors=True)
        answer = test(desk, folder.name, deep)
        findings = Path(home) / "attack" / folder.name
        for path in sorted(findings.glob("*/found.json")):
            attack = path.parent.name
            shutil.copytree(path.parent, folder / "attack" / attack)
            files.write_json(
                folder / "attack" / attack / "found.json", within(files.read_json(path), f"{attack}/", "attack")
            )
        shutil.rmtree(findings, ignore_errors=True)
        judged = court.of_run(runs.find(folder.name))
        typer.echo(
            f"{folder.name}: {judged.word if judged else 'no verdict'}, {answer['failed'] or 'every test was made'}"
        )
    shutil.rmtree(home, ignore_errors=True)
