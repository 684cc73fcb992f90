"""Commands about what was made elsewhere: take a run in, or a model before and after it was unlearned."""

from pathlib import Path
from typing import Annotated

import typer

from app import terminal
from app.commands import Json, Seed
from backends.api.errors import BadInput


def import_(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A finished run's folder, or a zip or tar of one.")
    ] = None,
    before: Annotated[
        str, typer.Option(metavar="MODEL", help="A model as it was: an embedded one, a folder, or a Hub id.")
    ] = "",
    after: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The same model after it was unlearned elsewhere, in safetensors."),
    ] = None,
    forget: Annotated[
        list[str] | None, typer.Option(help="What it was to forget, written as for unlearn. May be repeated.")
    ] = None,
    keep: Annotated[list[str] | None, typer.Option(help="What was rehearsed, where that is known.")] = None,
    data: Annotated[
        str, typer.Option(help="For an image classifier of your own: a folder with one folder of images a class.")
    ] = "",
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Take in what was made elsewhere, to be looked at, looked into and tested here: a finished run, or with --before and --after
    a model that was unlearned by other means, which is then measured."""
    from backends.api import elsewhere

    if path is not None and not before and after is None:
        return _run(path, json)
    if path is not None or not before or after is None:
        raise BadInput("Give either PATH of a finished run, or --before MODEL and --after FOLDER with --forget.")
    from app.commands import jobs

    spec = elsewhere.read(before, after, forget=forget or [], keep=keep or [], data=data, seed=seed)
    return jobs.do(spec, json)


def _run(path: Path, json: bool) -> int:
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
        return terminal.DONE
    terminal.result(verdict.of_run(run))
    terminal.result(f"It is here as run {run.id}.")
    return terminal.DONE
