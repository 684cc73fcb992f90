"""Testing accuracy on the classes nearest to the forget set."""

import math

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import accuracy


@metric(
    id="neighbour_accuracy",
    title="Neighbour accuracy",
    summary="How often it is right on the classes nearest to the forget set, where damage shows first.",
    source={"title": "Test accuracy on the classes nearest by the model's own confusion"},
    needs=("classes",),
    unit="%",
    direction="higher",
    measures="keeping",
    order=7,
)
def neighbour_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Accuracy on the test images of the suggested neighbours, in percent. Items: 1 where right; parts: by class name.

    Not measured where the model confuses the forgotten with nothing, so that it has no neighbours.
    """
    everything, labels = accuracy(evidence, "test"), evidence.labels("test")
    near = np.isin(labels, evidence.task.neighbours)
    if everything.items is None or everything.ids is None or not near.any():
        return Score(math.nan)
    names = {number: evidence.task.names[number] for number in evidence.task.neighbours if (labels == number).any()}
    parts = {name: 100 * float(everything.items[labels == number].mean()) for number, name in names.items()}
    ids = [name for name, is_near in zip(everything.ids, near, strict=True) if is_near]
    return Score(100 * float(everything.items[near].mean()), parts, everything.items[near], ids)
