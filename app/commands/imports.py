"""Commands about what was made elsewhere: take a run in."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands import Json


def import_run(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A run's folder, or a zip or tar of one.")],
    json: Json = False,
) -> None:
    """Take in a finished run that was made elsewhere, to be looked at, looked into and tested here like any other."""
    from backends.api import importing, verdict

    imported = importing.take_in(path)
    run = imported.run
    if imported.left_out:
        verbs = ("is", "was") if imported.left_out == 1 else ("are", "were")
        terminal.say(f"{imported.left_out} of its files {verbs[0]} no part of a run, and {verbs[1]} left out.")
    if not imported.model_is_here:
        terminal.say(
            f"Its model {run.spec.model[:80]} is not here: what was measured can be read, but nothing can be looked into."
        )
    if json:
        facts = {
            "run_id": run.id,
            "folder": str(run.path),
            "left_out": imported.left_out,
            "model_is_here": imported.model_is_here,
        }
        terminal.document(facts)
        return
    terminal.result(verdict.of_run(run))
    terminal.result(f"It is here as run {run.id}.")
