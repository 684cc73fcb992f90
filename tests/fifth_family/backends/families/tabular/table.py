"""The table: 442 patients, ten measurements each, and how far their diabetes went within a year (scikit-learn's `load_diabetes`)."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

TEST = 100  # rows that no model was trained on


@dataclass(frozen=True)
class Table:
    """Columns by name; values [n, columns] and labels [n], the training rows first."""

    columns: tuple[str, ...]
    values: NDArray[np.float32]
    labels: NDArray[np.float32]

    @property
    def train_count(self) -> int:
        """How many rows models were trained on."""
        return len(self.labels) - TEST

    @property
    def span(self) -> float:
        """The distance from the smallest to the largest label."""
        return float(self.labels.max() - self.labels.min())


@cache
def load() -> Table:
    """The table, its rows in an order drawn once."""
    data = load_diabetes(scaled=False)
    order = np.random.default_rng(0).permutation(len(data.target))
    values, labels = (part[order].astype(np.float32) for part in (data.data, data.target))
    return Table(tuple(data.feature_names), values, labels)
