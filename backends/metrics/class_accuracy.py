"""Accuracy on test images, class by class."""

import math

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import predictions


@metric(
    id="class_accuracy",
    title="Accuracy by class",
    summary="How often it is right on each class's test images, the forgotten ones among them.",
    source={"title": "Accuracy by class on the test set"},
    needs=("classes",),
    unit="%",
    direction="reference",
    order=8,
)
def class_accuracy(evidence: Evidence[ClassifierTask]) -> Score:
    """Mean over classes of the accuracy on their test images, in percent. Parts: by class name; items: 1 where right.

    A class without test images is NaN among the parts and left out of the mean. Copies that bear a trigger are left out.
    """
    corrects = evidence.task.corrects
    both = ("test",) if corrects is not None and len(corrects.copies) else ("test", "test_forget")
    labels = np.concatenate([evidence.labels(part) for part in both])
    right = np.concatenate([predictions(evidence.logits(part)) for part in both]) == labels
    parts = {
        name: 100 * float(right[labels == number].mean()) if (labels == number).any() else math.nan
        for number, name in enumerate(evidence.task.names)
    }
    measured = [value for value in parts.values() if not math.isnan(value)]
    return Score(
        float(np.mean(measured)) if measured else math.nan,
        parts,
        right.astype(np.float32),
        [name for part in both for name in evidence.ids(part)],
    )
