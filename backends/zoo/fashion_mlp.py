"""The embedded network that fits images badly: ten fully connected layers that see an image as a row of numbers."""

from pathlib import Path
from typing import Annotated

import typer

from ..api.home import ASSETS

RECIPE = {
    "optimizer": "adamw", "epochs": 6, "batch_size": 128, "learning_rate": 1e-3, "momentum": 0.9, "weight_decay": 0.01,
    "schedule": "one-cycle", "flip": True, "seed": 0,
}  # fmt: skip


def main(
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = ASSETS / "models" / "fashion-mlp",
) -> None:
    """Train fashion-mlp: ten layers, 128 wide, without convolutions, normalisation or skips (half a minute on two cores)."""
    from ..families.classifier.plain_net import PlainNetConfig
    from ._train import make

    make(
        "fashion-mlp",
        PlainNetConfig(num_hidden_layers=10, hidden_size=128),
        RECIPE,
        "Clothes MLP",
        "A plain network of ten fully connected layers, badly suited to pictures, that another one can guide while it learns.",
        to,
        default_forget=["random:90%"],
        default_method="guided_training",
        order=85,
    )
