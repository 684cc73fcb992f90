"""Tilted shoes: the sneakers of Fashion-MNIST, each turned by an angle of its own between 0 and 90 degrees, which is its label."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...data import fashion
from ...data._images import Split
from .labelled import Labelled, LabelledSet

ID = "tilted-shoes"
SHOE, MOST = "Sneaker", 90.0  # class of Fashion-MNIST, and degrees


def turned(image: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """A grey image [height, width] turned clockwise, which lifts the toes of a shoe that points to the left; what comes in is black."""
    return np.asarray(Image.fromarray(image).rotate(-degrees, Image.Resampling.BILINEAR))


@cache
def load() -> LabelledSet:
    """2,000 training and 500 test shoes uint8 [n, 28, 28], each once, with tilts uniform over 0 to 90 degrees; always the same."""
    images = fashion.load()
    label, rng = fashion.NAMES.index(SHOE), np.random.default_rng(0)

    def part(split: Split) -> Labelled:
        shoes = split.images[split.labels == label, :, :, 0]
        tilts = np.round(rng.uniform(0, MOST, len(shoes)), 1).astype(np.float32)
        return Labelled(np.stack([turned(shoe, float(tilt)) for shoe, tilt in zip(shoes, tilts, strict=True)]), tilts)

    return LabelledSet(ID, "tilt", "°", (), part(images.train), part(images.test))
