"""A toy that was trained in slices: a random backbone of two small layers, two shards of two slices in two orders, on the toy's images."""

from pathlib import Path

import torch
import toy
from transformers import ViTImageProcessorPil

from backends.api.files import write_json
from backends.core.run import Run
from backends.families.classifier import tile_training
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.families.classifier.tiled_vit import TiledViTConfig, TiledViTForImageClassification

SHARDS = SLICES = ORDERS = 2
RECIPE = toy.RECIPE | {"optimizer": "adamw", "epochs": 2, "learning_rate": 0.02, "weight_decay": 0.0}


def make(folder: Path) -> Path:
    """Train all eight tiles into `folder` (about a second on one core)."""
    blank(folder)
    run = trained(folder)
    run.model.save_pretrained(folder)
    return folder


def blank(folder: Path) -> Path:
    """The toy before any tile was trained."""
    config = TiledViTConfig(
        image_size=toy.SIDE, patch_size=4, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        initializer_range=0.2, shards=SHARDS, slices=SLICES, orders=ORDERS, rank=2,
        id2label=dict(enumerate(toy.NAMES)), label2id={name: number for number, name in enumerate(toy.NAMES)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        TiledViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(
        size={"height": toy.SIDE, "width": toy.SIDE}, image_mean=[0.5], image_std=[0.25]
    ).save_pretrained(folder)
    write_json(folder / "card.json", {"recipe": RECIPE})
    return folder


def trained(folder: Path, data=None, without=(), orders=range(ORDERS), seed=0) -> Run:
    """A run whose model was trained in slices, on other images of the same count, or without some of them."""
    made = Classifier(str(folder), data or toy.data())
    made.parts["keep"] = made.parts["train"][~torch.isin(torch.arange(toy.TRAIN), torch.tensor([*without])).numpy()]
    run = Run(made, toy.Memory(), seed)
    tile_training.train(run, None, orders)
    return run


def task(folder: Path, *forget: str) -> Classifier:
    """The toy at work on a forget set."""
    made = Classifier(str(folder), toy.data())
    resolve(made, forget or ("slice:1.1",))
    return made
