"""The shadow models that Lethe ships: an embedded classifier trained on random halves of its images, for per-example membership attacks."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api.home import ASSETS

README = """# Shadow models

The embedded classifiers, trained by their own recipe, with fewer epochs, on random halves of their images, for attacks on
membership (U-LiRA, RMIA): two shadows share out all training and test images between them, so that each image was seen by half of
the shadows. `card.json` says of each its file, its seed, how many images it was trained on, a hash of their positions
(training images first, then test images; `backends/families/classifier/shadows.py` has the rule), and how many of the
seen and of the unseen images it labels right, in percent. Weights are in half precision.

Made by `python -m backends.zoo shadows` on `assets/data/fashion-mnist`. Licence: Apache-2.0 (weights made by this
project); the training images are under MIT.
"""
MODELS = ["fashion-resnet"]
EPOCHS = 10
FIRST_SEED = 100  # the embedded models and their references have lower ones


def main(
    model: Annotated[list[str], typer.Option(help="Which embedded models.")] = MODELS,
    count: Annotated[int, typer.Option(help="How many shadows; two share out the images.", min=2)] = 8,
    epochs: Annotated[int, typer.Option(help="Passes over the data; the card says how many.", min=1)] = EPOCHS,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "shadows",
) -> None:
    """Train shadow models on random halves of the images (half a minute each on an idle core); those that are there already stay."""
    from ..api.files import write_bytes

    write_bytes(to / "README.md", README.encode())
    for model_id in model:
        _make(model_id, count - count % 2, epochs, to / model_id)


def _make(model_id: str, count: int, epochs: int, folder: Path) -> None:
    from ..api.files import read_json, write_json
    from ..families.classifier import shadows
    from ..families.classifier.task import Classifier

    own = Classifier(model_id)
    task = Classifier(model_id, shadows.joined(own.data))
    task.recipe = dict(task.recipe) | {"epochs": epochs}
    card: dict[str, Any] = read_json(folder / shadows.CARD, {})
    recipe = {name: value for name, value in task.recipe.items() if name != "seed"}
    rows: list[dict[str, Any]] = card.get("shadows", [])[:count] if card.get("recipe") == recipe else []
    for number in range(len(rows), count):
        rows.append(_one(task, number, folder))
        card = {
            "title": f"Shadow models of {model_id}",
            "model": model_id,
            "data": own.data.id,
            "images": {"train": len(own.data.train), "test": len(own.data.test)},
            "recipe": recipe,
            "note": f"{epochs} epochs, where the model itself was trained for {own.recipe['epochs']}.",
            "shadows": rows,
        }
        write_json(folder / shadows.CARD, card)


def _one(task: Any, number: int, folder: Path) -> dict[str, Any]:
    """Train one shadow, write its weights, and measure what is written."""
    import numpy as np
    from safetensors.torch import load

    from ..api.files import write_bytes
    from ..families.classifier.shadows import members
    from ..models.reference import forget_key
    from ._train import tensors, trained

    start, every = time.monotonic(), task.parts["train"]
    own = members(number, len(every))
    typer.echo(f"shadow {number}: {len(own):,} of {len(every):,} images", err=True)
    model = trained(task, own, FIRST_SEED + number)
    weights = tensors(model, half=True)
    model.load_state_dict(load(weights))
    right = task.outputs(model)["train"].argmax(1) == task.data.train.labels
    name = f"shadow-{number:02}.safetensors"
    write_bytes(folder / name, weights)
    row = {
        "file": name,
        "seed": FIRST_SEED + number,
        "count": len(own),
        "key": forget_key(own),
        "accuracy": {
            "seen": round(100 * float(right[own].mean()), 3),
            "unseen": round(100 * float(right[np.setdiff1d(every, own)].mean()), 3),
        },
    }
    typer.echo(f"shadow {number}: {row['accuracy']}, {time.monotonic() - start:.0f} s", err=True)
    return row
