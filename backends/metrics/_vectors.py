"""Shared by the metrics of concept vectors: the vectors of a model against the original ones, random ones as a control."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.evidence import Evidence, Score
from ..core.task import Task

PAPER = {
    "title": "Hong et al., Intrinsic Evaluation of Unlearning Using Parametric Knowledge Traces, 2024",
    "url": "https://arxiv.org/abs/2406.11614",
    "code": "https://github.com/yihuaihong/ConceptVectors",
}
CONTROL = "random columns"
Compare = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]


def compared(evidence: Evidence[Task], kind: str, compare: Compare, scale: float = 1) -> Score:
    """The mean of `compare(before, now)` over the concept vectors, times `scale`; part: the same of random columns.

    Not measured of a retrained reference: its columns are others from the start, whatever it knows.

    Args:
        evidence: with `vector_places` and `vector_of`, `random_<kind>` and the vectors' own <kind> among the outputs.
        kind: "vectors" or "words".
        compare: (before [n, ...], now [n, ...]) -> a number each [n].
        scale: 100 for percent.
    """
    before = evidence.others.get("before")
    if before is None or evidence.when == "reference":
        return Score(float("nan"))
    own = "vectors" if kind == "vectors" else f"vector_{kind}"
    if own not in before.outputs or own not in evidence.outputs:
        return Score(float("nan"))
    vectors, control = (
        scale * compare(before.outputs[name], evidence.outputs[name]) for name in (own, f"random_{kind}")
    )
    places = zip(before.outputs["vector_places"], before.outputs["vector_of"], strict=True)
    ids = [f"layer {layer}, column {column}" + (f" ({of})" if of else "") for (layer, column), of in places]
    return Score(float(vectors.mean()), {CONTROL: float(control.mean())}, vectors.astype(np.float32), ids)
