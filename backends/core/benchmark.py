"""How the methods of a family are compared with each other on the models that come with Lethe. Data, which `backends.zoo` measures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Benchmark:
    """One family's.

    Attributes:
        heading: of its column among families.
        page: the document with its results, in the repository.
        table: "module:function" that puts rows into the text of that document.
        targets: what each method is to forget.
        forget_metric: the metric of the forget set, in percent.
        falls: whether that falls as the set is forgotten.
        retain_metrics: the metrics of the rest, by which what is left is told.
        variants: methods that stand in the table with other settings as well.
        every_method: whether every method that fits stands there, beside the variants.
        epochs: whether times are told in epochs of plain fine-tuning.
    """

    heading: str
    page: str
    table: str
    targets: tuple[str, ...]
    forget_metric: str
    falls: bool
    retain_metrics: tuple[str, ...]
    variants: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    every_method: bool = True
    epochs: bool = False
