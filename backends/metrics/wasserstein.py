"""Wasserstein-1 distance between what a model predicts on the forget set and what the retrained reference predicts there."""

import math
from typing import Any

import numpy as np
from scipy.stats import wasserstein_distance

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="wasserstein",
    title="Wasserstein distance (W1)",
    short="W1",
    summary="How far its predictions for the forget set, taken together, are from the retrained reference's.",
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    departures="In percent of the labels' range; the part beside it is in the label's own unit. It compares distributions, so it can be small "
    "while single predictions are far off.",
    needs=("numeric labels",),
    unit="%",
    direction="lower",
    measures="forgetting",
    order=4,
)
def wasserstein(evidence: Evidence[Any]) -> Score:
    """W1 of the two sets of predictions, in percent of the range of the training labels. Not measured without a reference, of an empty set,
    or where a prediction is no number."""
    reference, task = evidence.others.get("reference"), evidence.task
    forget = task.parts["forget"]
    if reference is None or not len(forget):
        return Score(math.nan)
    mine, theirs = (one.outputs["train"][forget] for one in (evidence, reference))
    if not (np.isfinite(mine).all() and np.isfinite(theirs).all()):
        return Score(math.nan)
    distance = float(wasserstein_distance(mine, theirs))
    return Score(100 * distance / task.data.span, {task.data.unit or f" {task.data.label}": distance})
