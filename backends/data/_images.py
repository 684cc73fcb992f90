"""What an image-classification data set is, wherever it comes from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Images as uint8 [n, height, width, channels], already at the model's size, and labels as int64 [n]."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """A data set with class names. An item's id is its position in `train`."""

    id: str
    names: list[str]
    train: Split
    test: Split
