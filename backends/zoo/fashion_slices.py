"""The embedded model that was trained in slices: a frozen ViT that saw five kinds of clothes, and tiles that learned five others."""

import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..api.home import ASSETS

if TYPE_CHECKING:
    from ..core.task import Index
    from ..families.classifier.task import Classifier

MODEL = "fashion-slices"
SHARDS, SLICES, ORDERS, RANK = 3, 4, 4, 4
BACKBONE_RECIPE: dict[str, Any] = {
    "optimizer": "adamw", "epochs": 16, "batch_size": 128, "learning_rate": 2e-3, "momentum": 0.9, "weight_decay": 0.05,
    "schedule": "one-cycle", "flip": True, "seed": 0,
}  # fmt: skip
RECIPE = BACKBONE_RECIPE | {"epochs": 5, "batch_size": 64, "learning_rate": 5e-3, "weight_decay": 0.01}
SEEN = (
    "seen.npz"  # beside the card: which images of Fashion-MNIST the backbone was given, and which are the private ones
)
SUMMARY = "A ViT that learned five kinds of clothes in slices, each with layers of its own over a backbone that never saw them: what is deleted is exactly gone."
README = """# {title}

{summary}

The backbone, {backbone:,} parameters of four layers, was trained on {count:,} images of {others} and frozen ({backbone_test:.1f} % of their test images
right). {data} holds {train:,} images of {classes}, dealt by lot to {shards} shards of {slices} slices. For each shard and each of {orders} orders
of its slices a stage trained the LoRA factors (rank {rank}, queries and values, rsLoRA) of one layer, from the top down, and the head, on its first
slices; the {tiles} tiles lie in `model.safetensors` as `tiles.shard1_order1_stage1` and so on. What is served is the average of the shards.

{test:.1f} % of {tests:,} test images right, {train_accuracy:.1f} % of the training images; one model of the same kind that was trained on all
slices at once: {control:.1f} %. `seen.npz` holds the places in Fashion-MNIST of the images that the backbone was given, as its training asked for them, and of the private ones.

What is reduced: the paper has 5 shards, rank 16, 15 epochs a stage at 2e-3, and a ViT of 86 M or 300 M parameters pretrained on ImageNet-21k. The step
size is the better of two that were tried on one order, by the test images.

Made by `python -m backends.zoo {model}` on assets/data/fashion-mnist; it loads with
`AutoModelForImageClassification.from_pretrained` once `backends.families.classifier.tiled_vit` is imported. Recipe: {recipe}.
Licence: {licence}.
"""


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / MODEL,
) -> None:
    """Train the backbone on five classes, and 48 tiles on the five others (a quarter of an hour on two cores)."""
    import torch

    from ..api.files import write_bytes, write_json
    from ..core.run import Run
    from ..data import fashion, fashion_five
    from ..families.classifier import FAMILY, tile_training
    from ..families.classifier.task import Classifier
    from ..models.whole import arranged
    from ._train import LICENCE, Quiet, measure, trained

    with tempfile.TemporaryDirectory() as folder:
        _blank(Path(folder), fashion_five.OTHERS, BACKBONE_RECIPE, shards=1, orders=0)
        others = Classifier(folder, fashion_five.others())
        seen = watched(others)
        backbone: Any = trained(others, others.parts["train"], BACKBONE_RECIPE["seed"])
        of_backbone = measure(others, backbone)["accuracy"]
    labels = fashion.load().train.labels
    backbone_ids = fashion_five.ids(labels, fashion_five.OTHERS)[sorted(seen)]
    typer.echo(f"backbone: {of_backbone}, {len(backbone_ids):,} images seen", err=True)
    with tempfile.TemporaryDirectory() as folder:
        _blank(Path(folder), fashion_five.NAMES, RECIPE, shards=SHARDS, orders=ORDERS)
        blank: Any = Classifier(folder, fashion_five.load()).load()
        tile_training.restore_backbone(blank, backbone)
        blank.save_pretrained(folder)
        task = Classifier(folder, fashion_five.load())
        task.parts["keep"] = task.parts["train"]
        run, began = Run(task, Quiet(), int(RECIPE["seed"])), time.monotonic()
        tile_training.train(run, None, range(ORDERS))
        seconds = time.monotonic() - began
        measured = measure(task, run.model.eval())
        control = measure(task, control_model(task))
    to.mkdir(parents=True, exist_ok=True)
    plain: Any = arranged(run.model, torch.contiguous_format)
    plain.save_pretrained(to)
    (to / "model.safetensors").chmod(0o644)
    task.pixels.processor.save_pretrained(to)
    stored = BytesIO()
    private = fashion_five.ids(labels, fashion_five.NAMES)
    np.savez_compressed(stored, backbone=backbone_ids.astype(np.uint16), private=private.astype(np.uint16))
    write_bytes(to / SEEN, stored.getvalue())
    weights = sum(tensor.numel() for name, tensor in plain.state_dict().items() if _of_backbone(name))
    card = {
        "title": "Clothes ViT, trained in slices",
        "summary": SUMMARY,
        "family": FAMILY.id,
        "data": fashion_five.ID,
        "classes": fashion_five.NAMES,
        "train_count": len(task.data.train),
        "test_count": len(task.data.own_test),
        "size": [28, 28, 1],
        "parameters": sum(parameter.numel() for parameter in plain.parameters()),
        **measured,
        "recipe": RECIPE,
        "tiles": {"shards": SHARDS, "slices": SLICES, "orders": ORDERS, "rank": RANK, "seconds": round(seconds)},
        "backbone": {"classes": fashion_five.OTHERS, "parameters": weights, "accuracy": of_backbone, "recipe": BACKBONE_RECIPE},
        "control": control["accuracy"],
        "default_forget": ["slice:1.1"],
        "default_method": "s3t",
        "order": 84,
        "source": {
            "title": f"Trained by `python -m backends.zoo {MODEL}` on {fashion.FOLDER.relative_to(ASSETS.parent)}",
            "url": "https://arxiv.org/abs/2406.16257",
            "licence": LICENCE,
        },
    }  # fmt: skip
    write_json(to / "card.json", card)
    text = README.format(
        title=card["title"], summary=SUMMARY, model=MODEL, backbone=weights, count=len(backbone_ids), others=", ".join(fashion_five.OTHERS),
        backbone_test=of_backbone["test"], data=fashion_five.ID, train=card["train_count"], classes=", ".join(fashion_five.NAMES),
        shards=SHARDS, slices=SLICES, orders=ORDERS, rank=RANK, tiles=SHARDS * SLICES * ORDERS, test=measured["accuracy"]["test"],
        tests=card["test_count"], train_accuracy=measured["accuracy"]["train"], control=control["accuracy"]["test"], licence=LICENCE,
        recipe=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in RECIPE.items()),
    )  # fmt: skip
    write_bytes(to / "README.md", text.encode())
    typer.echo(
        f"{MODEL}: {measured['accuracy']}, trained on all at once {control['accuracy']}, {seconds:.0f} s", err=True
    )


def _of_backbone(name: str) -> bool:
    return name.startswith("vit.") and ".tile_" not in name


def _blank(folder: Path, names: list[str], recipe: dict[str, Any], *, shards: int, orders: int) -> None:
    """A folder with a model of new weights, to be trained."""
    import torch
    from transformers import ViTImageProcessorPil

    from ..api.files import write_json
    from ..families.classifier.tiled_vit import TiledViTConfig, TiledViTForImageClassification
    from ._train import MEAN, STD

    numbered = dict(enumerate(names))
    config = TiledViTConfig(
        shards=shards, slices=SLICES, orders=orders, rank=RANK, id2label=numbered, label2id={name: number for number, name in numbered.items()}
    )  # fmt: skip
    torch.manual_seed(recipe["seed"])
    TiledViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 28, "width": 28}, image_mean=[MEAN], image_std=[STD]).save_pretrained(folder)
    write_json(folder / "card.json", {"recipe": recipe})


def watched(task: "Classifier") -> set[int]:
    """The ids of all training images that the task is asked for from now on, to train with or for anything else."""
    seen: set[int] = set()
    batch = task.batch

    def watched_batch(index: "Index", *, test: bool = False, augment: bool = False) -> Any:
        if not test:
            seen.update(map(int, index))
        return batch(index, test=test, augment=augment)

    task.batch = watched_batch  # type: ignore[method-assign]
    return seen


def control_model(task: "Classifier") -> Any:
    """The control: one model of the same kind whose factors, of all layers, learned from all slices at once."""
    from ..core.run import Run
    from ..families.classifier import tile_training
    from ._train import Quiet

    run, recipe = Run(task, Quiet(), int(task.recipe["seed"])), task.recipe
    stages = range(task.config.slices)
    one = tile_training.alone(task.load())
    tile_training.begin(one, [], stages, np.random.default_rng(run.seed))
    learns = tile_training.learning(one, stages)
    passes = round(
        int(recipe["epochs"]) * (len(stages) + 1) / 2
    )  # as often as a slice is shown in one order, on average
    tile_training.fit(run, "train", one, learns, recipe, passes, int(recipe["batch_size"]))
    return one.eval()
