"""Five kinds of clothes of Fashion-MNIST, apart from the five others: private data for a model whose backbone never saw them."""

import numpy as np

from . import fashion
from ._images import ImageSet, Split

ID = "fashion-five"
NAMES = ["Dress", "Coat", "Sandal", "Shirt", "Ankle boot"]
OTHERS = [name for name in fashion.NAMES if name not in NAMES]


def load() -> ImageSet:
    """10,000 training and 2,500 test images of the five classes, in the order of Fashion-MNIST."""
    return of(ID, NAMES)


def others() -> ImageSet:
    """As many of the five other classes: what the backbone learned from."""
    return of(f"{ID}-others", OTHERS)


def of(data_id: str, names: list[str]) -> ImageSet:
    """Some classes alone, numbered anew."""
    every = fashion.load()

    def part(split: Split) -> Split:
        there = ids(split.labels, names)
        new = np.full(len(fashion.NAMES), -1, np.int64)
        new[[fashion.NAMES.index(name) for name in names]] = np.arange(len(names))
        return Split(split.images[there], new[split.labels[there]])

    return ImageSet(data_id, names, part(every.train), part(every.test))


def ids(labels: "np.ndarray", names: list[str]) -> "np.ndarray":
    """Places in Fashion-MNIST of the images of some classes."""
    return np.flatnonzero(np.isin(labels, [fashion.NAMES.index(name) for name in names]))
