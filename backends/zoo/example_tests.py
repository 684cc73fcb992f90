"""The shipped runs, attacked: whether what they forgot comes back, kept in the run so that the studio opens with it.

What the attacks did to the original and to the references is shipped as well, so that a test of a run on the same target need not do it.
"""

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
    from ..api import attacked, court, runs
    from ..engine import untouched
    from ..engine.operations_tested import test
    from ..engine.session import Desk

    desk, models = Desk(), set[str]()
    for folder in sorted((ASSETS / "runs").iterdir()):
        if name and folder.name not in name:
            continue
        run = runs.find(folder.name)
        stored = untouched.shipped(run.spec.model)
        if not name and run.spec.model not in models:  # what is shipped of it is made again
            models.add(run.spec.model)
            shutil.rmtree(stored, ignore_errors=True)
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
        for path in sorted(untouched.folder().glob("*.npz")):
            stored.mkdir(parents=True, exist_ok=True)
            shutil.move(path, stored / path.name)
        attacked.write_unfit(folder / "attack", answer["unfit"])
        judged = court.of_run(run)
        typer.echo(
            f"{folder.name}: {judged.word if judged else 'no verdict'}, {answer['failed'] or 'every test was made'}"
        )
    shutil.rmtree(home, ignore_errors=True)
