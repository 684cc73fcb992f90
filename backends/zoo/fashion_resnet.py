"""The embedded convolutional network: a small ResNet for 28 x 28 grey images."""

from pathlib import Path
from typing import Annotated

import typer

from ..api.home import ASSETS

RECIPE = {
    "optimizer": "sgd", "epochs": 18, "batch_size": 128, "learning_rate": 0.2, "momentum": 0.9, "weight_decay": 5e-4,
    "schedule": "one-cycle", "flip": True, "seed": 0,
}  # fmt: skip


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / "fashion-resnet",
) -> None:
    """Train fashion-resnet: four stages, 16 to 128 wide (a minute and a half on two cores)."""
    from transformers import ResNetConfig

    from ._train import make

    config = ResNetConfig(
        num_channels=1, embedding_size=16, hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], layer_type="basic"
    )
    make(
        "fashion-resnet",
        config,
        RECIPE,
        "Clothes ResNet",
        "A small convolutional network that tells ten kinds of clothes apart; quick to unlearn with.",
        to,
    )
