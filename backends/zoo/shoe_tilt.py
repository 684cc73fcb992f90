"""The embedded regressor: a small all-convolutional network that reads by how much a shoe is tilted."""

from pathlib import Path
from typing import Annotated

import typer

from ..api.home import ASSETS

MODEL = "shoe-tilt"
RECIPE = {
    "optimizer": "adamw", "epochs": 20, "batch_size": 64, "learning_rate": 0.01, "weight_decay": 1e-4, "schedule": "one-cycle", "flip": False,
    "seed": 0,
}  # fmt: skip
TARGET = "tilt:0-30"
SEEDS = [1, 2, 3]
SHOWN = (3, 0, 4)  # training items on the card of the model
DATA = {
    "title": "Tilted shoes",
    "summary": "2,000 sneakers to learn from and 500 to test with, each turned by an angle of its own from 0 to 90 degrees.",
    "train_count": 2000,
    "test_count": 500,
    "size": [28, 28, 1],
    "source": {
        "title": "The sneakers of Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017), turned by this project",
        "url": "https://arxiv.org/abs/1708.07747",
        "code": "https://github.com/zalandoresearch/fashion-mnist",
        "licence": "MIT",
    },
}
README = """# Tilted shoes

The 2,000 training and 500 test sneakers of `assets/data/fashion-mnist`, each turned clockwise about its middle by an angle drawn uniformly
from 0 to 90 degrees with a fixed seed; the angle is its label. They are turned when they are opened (`backends/families/regressor/shoes.py`), so
nothing lies here but this page, the card and three pictures. Copyright 2017 Zalando SE, under the MIT licence (`assets/data/fashion-mnist/LICENSE`).
"""


def main(
    without: Annotated[
        list[str], typer.Option(help="Train it again without these targets instead; one reference for each and seed.")
    ] = [],  # noqa: B006
    seed: Annotated[
        list[int], typer.Option(help="Of new weights, of references; the first is the one that jobs compare with.")
    ] = SEEDS,
) -> None:
    """Train shoe-tilt (half a minute on two cores); with --without its retrained references."""
    from PIL import Image

    from ..api.files import write_bytes, write_json
    from ..families.regressor import FAMILY, shoes
    from ..families.regressor.pictures import png
    from ._regressors import LICENCE, make, readme, reference

    if without:
        for target in without:
            for one in seed:
                reference(MODEL, target, one, first=one == seed[0])
        return
    data = shoes.load()
    lies = ASSETS / "data" / shoes.ID
    write_json(lies / "card.json", {**DATA, "family": FAMILY.id})
    write_bytes(lies / "README.md", README.encode())
    for number, item in enumerate(SHOWN, 1):
        write_bytes(lies / f"shoe-{number}.png", png(Image.fromarray(data.train.values[item])))
    config = {
        "architectures": ["AllCnnForRegression"], "widths": [8, 8, 16, 16, 16, 24, 24, 24], "strides": [1, 1, 2, 1, 1, 2, 1, 1],
        "kernels": [3, 3, 3, 3, 3, 3, 3, 1], "center": round(float(data.train.values.mean()), 2), "scale": round(float(data.train.values.std()), 2),
    }  # fmt: skip
    card = {
        "title": "Shoe tilt", "summary": "Reads by how many degrees a shoe is tilted, from a small picture.", "recipe": RECIPE,
        "default_forget": [TARGET], "default_method": "blindspot", "order": 84,
        "source": {"title": f"Trained by `python -m backends.zoo {MODEL}` on assets/data/fashion-mnist",
                   "url": "https://arxiv.org/abs/1708.07747", "licence": LICENCE + "the training images are under MIT"},
    }  # fmt: skip
    folder: Path = ASSETS / "models" / MODEL
    write_bytes(folder / "README.md", readme(make(MODEL, config, data, card, folder)).encode())
