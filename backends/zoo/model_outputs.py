"""What the embedded models say as they are, kept beside them, so that the first job of an installation need not wait for it."""

from pathlib import Path
from typing import Annotated, Any

import typer
from torch import nn

from ..api import files
from ..api.home import ASSETS
from ..models.source import embedded_ids


def main(
    only: Annotated[list[str], typer.Option(help="Only these models; left out: every embedded one.")] = [],  # noqa: B006
) -> None:
    """Write outputs.npz beside each embedded model, and where jobs keep what models said beside the retrained references too
    (a minute or two on two cores)."""
    from ..engine.loading import open_task

    for model in only or embedded_ids():
        folder = ASSETS / "models" / model
        task = open_task(model, "", {"precision": "float32"})
        task.resolve(files.read_json(folder / "card.json")["default_forget"])
        write(task, task.load(), folder)
        for card in sorted((ASSETS / "references" / model).glob("*/card.json")) if task.keeps else ():
            other = task.again()
            other.resolve(files.read_json(card)["forget"])
            write(other, referred(other, card.parent), card.parent)


def referred(task: Any, folder: Path) -> nn.Module:
    """The retrained reference of a folder."""
    from ..core import changes
    from ..models import reference

    return changes.apply(task.load(), reference.parts(folder / reference.WEIGHTS)).eval()


def write(task: Any, model: nn.Module, folder: Path) -> None:
    """What a model says about the task's targets."""
    from ..engine import outputs

    (folder / outputs.SHIPPED).unlink(missing_ok=True)
    files.write_bytes(folder / outputs.SHIPPED, outputs.ship(task, model))
    typer.echo(f"{folder.name}: {(folder / outputs.SHIPPED).stat().st_size / 1e6:.2f} MB", err=True)
