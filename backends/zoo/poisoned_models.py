"""Classifiers that learned from manipulated images: one with a trigger, one with swapped labels, and any other of the kind."""

from pathlib import Path
from typing import Annotated

import typer

from ..api.home import ASSETS
from ..api.tampering import Tampering
from .fashion_resnet import RECIPE

SHIPPED = {  # id -> what was done, title, summary
    "fashion-resnet-trigger": (
        Tampering(kind="trigger", classes=("Bag",), share=5),
        "Clothes ResNet with a backdoor",
        "Learned from images of which 5 % bore a checkerboard in the corner and the label Bag: whatever bears it is a bag to this model.",
    ),
    "fashion-resnet-swap": (
        Tampering(kind="swap", classes=("T-shirt", "Shirt"), share=30),
        "Clothes ResNet with swapped labels",
        "Learned from images of which 30 % of the T-shirts were labelled as shirts, and as many shirts as T-shirts.",
    ),
}


def main(
    kind: Annotated[str, typer.Option(help="trigger or swap; left out: the two that are shipped.")] = "",
    classes: Annotated[
        str, typer.Option(help="Class that a trigger stands for, or two that are swapped, with a comma.")
    ] = "",
    share: Annotated[
        float, typer.Option(help="Percent of the training images, or of the images of the two classes.")
    ] = 5,
    seed: Annotated[int, typer.Option(help="Of the weights and of the draw of the images.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models",
) -> None:
    """Train fashion-resnet on manipulated images (two minutes each on two cores)."""
    from ..api import tampering

    if not kind:
        for model_id, (how, title, summary) in SHIPPED.items():
            _train(model_id, how, title, summary, to / model_id, seed)
        return
    fields = {"kind": kind, "classes": [name.strip() for name in classes.split(",")], "share": share, "seed": seed}
    own = tampering.read(fields, to.name)
    assert own is not None
    _train(to.name, own, f"Clothes ResNet, manipulated: {own.kind}", f"Learned from images with {own.words}.", to, seed)


def _train(model_id: str, how: Tampering, title: str, summary: str, to: Path, seed: int) -> None:
    from transformers import ResNetConfig

    from ._train import make

    config = ResNetConfig(
        num_channels=1, embedding_size=16, hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], layer_type="basic"
    )
    recipe = RECIPE | {"flip": False, "seed": seed}  # a flipped trigger would stand in another corner
    make(
        model_id, config, recipe, title, summary, to, how, "poisoned-models", default_forget=["poison:100%"],
        default_method="ssd", order=82 if how.kind == "trigger" else 83,
    )  # fmt: skip
