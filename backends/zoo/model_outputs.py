"""What the embedded models say as they are, kept beside them, so that the first job of an installation need not wait for it."""

from typing import Annotated

import typer

from ..api import files
from ..api.home import ASSETS
from ..models.source import embedded_ids


def main(
    only: Annotated[list[str], typer.Option(help="Only these models; left out: every embedded one.")] = [],  # noqa: B006
) -> None:
    """Write outputs.npz beside each embedded model (under a minute on two cores)."""
    from ..engine import outputs
    from ..engine.opening import open_task

    for model in only or embedded_ids():
        folder = ASSETS / "models" / model
        task = open_task(model, "", {"precision": "float32"})
        task.resolve(files.read_json(folder / "card.json")["default_forget"])
        (folder / outputs.SHIPPED).unlink(missing_ok=True)
        files.write_bytes(folder / outputs.SHIPPED, outputs.ship(task, task.load()))
        typer.echo(f"{model}: {(folder / outputs.SHIPPED).stat().st_size / 1e6:.1f} MB", err=True)
