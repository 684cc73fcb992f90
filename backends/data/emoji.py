"""The emoji style data: the same 20 objects, each drawn by eight design teams (styles), 256 x 256 pixels, white behind.

`python -m backends.zoo emoji-data` draws it again from the packages that `STYLES` names. Licences: see ATTRIBUTION.md there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..api import concepts
from ..api.home import ASSETS

FOLDER = ASSETS / "data" / "emoji"
OBJECTS = [
    "cat", "dog", "bear", "frog", "fish", "duck", "butterfly", "sunflower", "tree", "mushroom",
    "apple", "banana", "pizza", "cake", "car", "airplane", "rocket", "house", "umbrella", "heart",
]  # fmt: skip
KINDS = [  # what people hold for alike
    ["cat", "dog", "bear", "frog", "fish", "duck", "butterfly"], ["sunflower", "tree", "mushroom"],
    ["apple", "banana", "pizza", "cake"], ["car", "airplane", "rocket"], ["house", "umbrella", "heart"],
]  # fmt: skip
STYLES = ["fluent", "flat", "contrast", "noto", "blob", "twemoji", "openmoji", "emojione"]
SIZE = 256
TEMPLATES = {"pair": "{a} {object} in {style} style", "object": "{a} {object}", "style": "{style} style"}


@dataclass(frozen=True)
class Drawings:
    """Every object in every style: `images` is uint8 [styles, objects, SIZE, SIZE, 3]."""

    styles: list[str]
    objects: list[str]
    images: NDArray[np.uint8]


def prompt(object_name: str = "", style: str = "") -> str:
    """ "a cat in twemoji style", "a cat", "twemoji style": how the model learned to be asked."""
    return concepts.prompt({"templates": TEMPLATES}, object_name, style)


def load() -> Drawings:
    """All 160 drawings, 31 MB in memory, in about a second."""
    images = np.empty((len(STYLES), len(OBJECTS), SIZE, SIZE, 3), np.uint8)
    for row, style in enumerate(STYLES):
        for column, object_name in enumerate(OBJECTS):
            with Image.open(FOLDER / style / f"{object_name}.png", formats=("PNG",)) as image:
                images[row, column] = np.asarray(image.convert("RGB"))
    return Drawings(STYLES, OBJECTS, images)
