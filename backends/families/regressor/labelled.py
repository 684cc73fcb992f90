"""What a regressor learns from: items with a number each, images or rows of a table, and how a person names them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Labelled:
    """Items with a number each.

    Attributes:
        values: images uint8 [n, height, width], or the columns of a table float32 [n, columns].
        labels: float32 [n].
    """

    values: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class LabelledSet:
    """A data set for regression.

    Attributes:
        id: of the data set; empty for a person's own table.
        label: what is predicted, in a word: "tilt".
        unit: behind a number of it, with what stands between: "°", or nothing.
        columns: names of the columns of a table; empty for images.
        train: what models learn from. An item's id is its position.
        test: what they never see.
    """

    id: str
    label: str
    unit: str
    columns: tuple[str, ...]
    train: Labelled
    test: Labelled

    @cached_property
    def span(self) -> float:
        """The distance from the smallest to the largest label of the training items, by which errors are measured."""
        return float(np.ptp(self.train.labels)) or 1.0

    @cached_property
    def key(self) -> str:
        """A hash of all items and labels."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.train, self.test):
            digest.update(np.ascontiguousarray(part.values).data)
            digest.update(np.ascontiguousarray(part.labels).data)
        return digest.hexdigest()

    def column(self, name: str, *, test: bool = False) -> NDArray[np.float32]:
        """A column of a table or the label itself, [n]; the name is one of `names`."""
        part = self.test if test else self.train
        if name == self.label:
            return part.labels
        column: NDArray[np.float32] = part.values[:, self.columns.index(name)].astype(np.float32)
        return column

    @property
    def names(self) -> tuple[str, ...]:
        """What a range can be of: the label first, then the columns."""
        return (self.label, *self.columns)

    @property
    def ranges(self) -> dict[str, list[float]]:
        """Smallest and largest value in the training items of everything that a range can be of."""
        return {name: [round(float(end(self.column(name))), 4) for end in (np.min, np.max)] for name in self.names}
