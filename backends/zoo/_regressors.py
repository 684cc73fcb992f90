"""Training a regressor by its recipe, what its card says, and its retrained references; for images and for tables."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import typer
from safetensors.torch import load

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..families.regressor import FAMILY
from ..families.regressor.labelled import LabelledSet
from ..families.regressor.task import WEIGHTS, RegressorTask
from ._train import tensors, trained

LICENCE = "Apache-2.0 (weights made by this project); "


def make(model_id: str, config: dict[str, Any], data: LabelledSet, card: Mapping[str, Any], to: Path) -> dict[str, Any]:
    """Train a regressor and write its folder: weights in half precision, config and card, which is returned.

    Args:
        model_id: as messages name it.
        config: of the network, without what is read off the data.
        data: what it learns.
        card: title, summary, recipe, source and what is forgotten by default; what is measured is added.
        to: folder of the model.
    """
    config |= {
        "label": [round(float(part(data.train.labels)), 4) for part in (np.mean, np.std)],
        "predicts": data.label,
    }
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "config.json", config)
        write_json(Path(folder) / "card.json", dict(card))
        write_bytes(Path(folder) / WEIGHTS, b"")
        task: Any = RegressorTask(folder, data)
        task.write(task.fresh(0), Path(folder))  # new weights, of which nothing stays
        weights = tensors(trained(task, task.parts["train"], card["recipe"]["seed"]), half=True)
        write_bytes(Path(folder) / WEIGHTS, weights)
        model = task.load()  # what is measured is what is written
        measured = {name: round(float(np.abs(task.predict(model, test=name == "test") - labels).mean()), 4)
                    for name, labels in (("train", data.train.labels), ("test", data.test.labels))}  # fmt: skip
        described = {name: value for name, value in task.describe(model).items() if name not in ("family", "notes")}
    complete_card = {**card, "family": FAMILY.id, "data": data.id, **described, "error": measured}
    write_json(to / "config.json", config)
    write_bytes(to / WEIGHTS, weights)
    write_json(to / "card.json", complete_card)
    typer.echo(
        f"{model_id}: off by {measured} on average, {described['parameters']:,} parameters; written to {to}", err=True
    )
    return complete_card


def readme(card: Mapping[str, Any]) -> str:
    """The README of a model's folder."""
    recipe = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in card["recipe"].items())
    off = {name: f"{value:.3g}{card['unit']}" for name, value in card["error"].items()}
    return f"""# {card["title"]}

{card["summary"]}

{card["parameters"]:,} parameters in half precision; off by {off["test"]} on average of {card["test_count"]:,} test items, by {off["train"]} of
{card["train_count"]:,} training items. `config.json` describes the network (`backends/families/regressor/networks.py`).

Recipe: {recipe}.

{card["source"]["title"]}. Licence: {card["source"]["licence"]}.
"""


def reference(model_id: str, target: str, seed: int, *, first: bool) -> None:
    """Train an embedded regressor again without a target, into assets/references, in half precision; beside the first what it predicts."""
    from ..engine import outputs
    from ..models.reference import WEIGHTS as CHANGED

    task = RegressorTask(model_id)
    task.resolve((target,))
    again: Any = task.again()
    weights = tensors(trained(again, task.parts["keep"], seed), half=True)
    model = task.load()
    model.load_state_dict(
        {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load(weights).items()}
    )
    predicted = {"train": task.predict(model), "test": task.predict(model, test=True)}
    error = {
        part: round(float(task.errors(predicted, part).mean()), 4)
        for part in ("retain", "forget", "test", "test_forget")
    }
    card = {
        "title": f"{model_id}, trained again without {target}", "model": model_id, "forget": [target], "forget_key": task.forget_key,
        "forget_count": len(task.parts["forget"]), "seed": seed, "recipe": dict(task.recipe) | {"seed": seed}, "error": error,
    }  # fmt: skip
    folder = ASSETS / "references" / model_id / task.forget_key / ("" if first else f"seed-{seed}")
    write_bytes(folder / CHANGED, weights)
    write_json(folder / "card.json", card)
    if first:
        write_bytes(folder / outputs.SHIPPED, outputs.ship(task, model))
    typer.echo(f"{model_id} without {target}, seed {seed}: off by {error}", err=True)
