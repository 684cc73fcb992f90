"""Generalization gap: how much better a model knows what it learned from than what it never saw."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import accuracy, of_guidance


@metric(
    id="generalization_gap",
    title="Generalization gap",
    short="Gap",
    summary="Accuracy on the images that were learned from less testing accuracy; a large gap is learning by heart.",
    source={
        "title": "Subramaniam et al., Training the Untrainable, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2410.20035",
    },
    needs=("classes",),
    unit="points",
    most=100.0,
    direction="lower",
    measures="keeping",
    lacks=of_guidance,
    order=39,
)
def generalization_gap(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy on the images that the network learned from less that on test images, in points; part `unguided`: of the same network without the guide."""
    parts = evidence.task.parts
    gap = accuracy(evidence, "keep").value - accuracy(evidence, "test").value
    if evidence.when != "after":
        return Score(gap)
    shares = [
        100 * len(np.intersect1d(parts[known], parts[part])) / max(1, len(parts[part]))
        for known, part in (("unguided", "keep"), ("test_unguided", "test"))
    ]
    return Score(gap, {"unguided": shares[0] - shares[1]})
