"""Training an embedded model by its recipe, and measuring what its card says. Shared by the files that name a model."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from safetensors.torch import save
from torch import nn
from transformers import AutoModelForImageClassification, PreTrainedConfig, ViTImageProcessorPil

from ..api.files import write_bytes, write_json
from ..api.home import ASSETS
from ..api.tampering import Tampering
from ..core.pack import changed
from ..core.run import Run
from ..core.task import Index
from ..data import fashion
from ..data._tampering import tampered
from ..families.classifier import FAMILY
from ..families.classifier.task import Classifier
from ..models.recipe import train
from ..models.whole import arranged

MEAN, STD = 0.286, 0.353  # of Fashion-MNIST's training images, in grey values from 0 to 1
LICENCE = "Apache-2.0 (weights made by this project); the training images are under MIT"


class Quiet:
    """A keeper that says how far the training is and keeps nothing."""

    def __init__(self) -> None:
        self._told = -1

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        """Say every tenth of the way on standard error."""
        if of and step * 10 // of != self._told:
            self._told = step * 10 // of
            loss = f", loss {values['loss']:.3f}" if "loss" in values else ""
            typer.echo(f"  {phase}: {step} of {of} steps{loss}", err=True)

    def due(self) -> bool:
        return False

    def checkpoint(self, state: dict[str, Any]) -> None: ...

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None: ...

    def record_forget_set(self, ids: Index) -> None: ...

    def record_made(self, name: str, arrays: Mapping[str, Any]) -> None: ...


def trained(task: Classifier, keep: Index, seed: int) -> nn.Module:
    """New weights trained on `keep` by the task's recipe, in eval mode: what the method `retrain` makes of the same seed."""
    task.parts |= {"keep": keep, "forget": np.setdiff1d(task.parts["train"], keep)}
    run = Run(task, Quiet(), seed)
    train(run)
    return run.model.eval()


def measure(task: Classifier, model: nn.Module) -> dict[str, Any]:
    """Accuracies in percent and the confusion on the test images in shares (row: true class), as a card has them."""
    own = {"train": np.arange(len(task.data.train)), "test": task.data.own_test}
    predictions = {name: logits[own[name]].argmax(1) for name, logits in task.outputs(model).items()}
    truth = {"train": task.data.train.labels, "test": task.data.test.labels[task.data.own_test]}
    count = len(task.names)
    confusion = np.zeros((count, count))
    np.add.at(confusion, (truth["test"], predictions["test"]), 1)
    confusion /= confusion.sum(1, keepdims=True)
    return {
        "accuracy": {name: round(100 * float((predictions[name] == truth[name]).mean()), 3) for name in predictions},
        "class_accuracy": [round(100 * float(share), 3) for share in confusion.diagonal()],
        "confusion": [[round(float(share), 5) for share in row] for row in confusion],
    }


def tensors(model: nn.Module, *, half: bool = False, base: nn.Module | None = None) -> bytes:
    """All tensors of the model as the bytes of one safetensors file, or those that `base` holds otherwise; with `half` those that are no whole
    numbers in half precision."""
    each = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    each = changed(each, base.state_dict()) if base is not None else each
    if half:
        each = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in each.items()}
    return save(each, {"format": "pt"})


def make(
    model_id: str,
    config: PreTrainedConfig,
    recipe: dict[str, Any],
    title: str,
    summary: str,
    to: Path,
    tampering: Tampering | None = None,
    command: str = "",
    **more: Any,
) -> None:
    """Train an embedded clothes classifier and write its folder: weights, config, processor and card.

    Args:
        model_id: id of the model, and name of its folder.
        config: its architecture for 28 x 28 grey images; class names are added here.
        recipe: how to train it (`backends.models.recipe`), with the seed.
        title: name on a page.
        summary: one plain sentence.
        to: folder of the model.
        tampering: what is done to the training images before; None leaves them as they are.
        command: of the zoo that makes it; left out, its id.
        more: further fields of the card, such as `default_forget`.
    """
    config.id2label = dict(enumerate(fashion.NAMES))
    config.label2id = {name: number for number, name in enumerate(fashion.NAMES)}
    processor = ViTImageProcessorPil(size={"height": 28, "width": 28}, image_mean=[MEAN], image_std=[STD])
    data = fashion.load() if tampering is None else tampered(fashion.load(), tampering)
    with tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(recipe["seed"])
        AutoModelForImageClassification.from_config(config).save_pretrained(folder)
        processor.save_pretrained(folder)
        write_json(Path(folder) / "card.json", {"recipe": recipe})
        task = Classifier(folder, data)
        typer.echo(f"{model_id}: {sum(p.numel() for p in task.load().parameters()):,} parameters", err=True)
        model = trained(task, task.parts["train"], recipe["seed"])
        measured = measure(task, model)
    to.mkdir(parents=True, exist_ok=True)
    plain: Any = arranged(model, torch.contiguous_format)  # a model of transformers
    plain.save_pretrained(to)
    (to / "model.safetensors").chmod(0o644)
    processor.save_pretrained(to)
    card = {
        "title": title,
        "summary": summary,
        "family": FAMILY.id,
        "data": data.id,
        "classes": data.names,
        "train_count": len(data.train),
        "test_count": len(data.own_test),
        "size": [28, 28, 1],
        "parameters": sum(p.numel() for p in model.parameters()),
        **measured,
        "recipe": recipe,
        "default_forget": ["Sandal"],
        "default_method": "salun",
        "source": {
            "title": f"Trained by `python -m backends.zoo {command or model_id}` on {fashion.FOLDER.relative_to(ASSETS.parent)}",
            "url": "https://arxiv.org/abs/1708.07747",
            "licence": LICENCE,
        },
    }
    if tampering is not None:
        card |= {"tampering": tampering.model_dump(mode="json")}
    card |= more
    write_json(to / "card.json", card)
    write_bytes(to / "README.md", _readme(card).encode())
    typer.echo(f"{model_id}: {measured['accuracy']} written to {to}", err=True)


def _readme(card: dict[str, Any]) -> str:
    recipe = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in card["recipe"].items())
    accuracy = card["accuracy"]
    return f"""# {card["title"]}

{card["summary"]}

{card["parameters"]:,} parameters; {accuracy["test"]:.1f} % of {card["test_count"]:,} test images right, {accuracy["train"]:.1f} %
of {card["train_count"]:,} training images. `card.json` has the accuracy of each class and the confusion. The folder is in
the standard layout of transformers and loads with `AutoModelForImageClassification.from_pretrained`.

Recipe: {recipe}.

{card["source"]["title"]}. Licence: {card["source"]["licence"]}.
"""
