"""What a guide gives a network in testing accuracy."""

import math

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import accuracy, of_guidance


@metric(
    id="guidance_gain",
    title="Gain by the guide",
    short="Gain",
    summary="Testing accuracy less that of the same network without the guide.",
    source={
        "title": "Subramaniam et al., Training the Untrainable, NeurIPS 2025",
        "url": "https://arxiv.org/abs/2410.20035",
    },
    needs=("classes",),
    unit="points",
    direction="higher",
    measures="keeping",
    lacks=of_guidance,
    order=38,
)
def guidance_gain(evidence: Evidence[ClassifierTask]) -> Score:
    """Testing accuracy of the network that learned beside a guide less that of one with the same first weights and batches without, in points.

    Parts: both accuracies, in percent. Of the model before and of a retrained reference, which nobody guided, it is not measured.
    """
    own = accuracy(evidence, "test")
    parts = evidence.task.parts
    if evidence.when != "after" or math.isnan(own.value):
        return Score(math.nan)
    alone = 100 * len(np.intersect1d(parts["test_unguided"], parts["test"])) / len(parts["test"])
    return Score(own.value - alone, {"guided": own.value, "unguided": alone})
