"""Probability of the true answers on the forget set."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import TOFU, mean, probability


@metric(
    id="probability",
    title="Probability of the true answer",
    short="probability",
    summary="How likely each token of the true answer still is, on the forget set.",
    source=TOFU,
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=5,
)
def forget_probability(evidence: Evidence[LanguageModel]) -> Score:
    """Mean of exp(-NLL a token) over the questions of the forget set, in percent; part: the same on the retain set."""
    probabilities = 100 * probability(evidence, "forget")
    parts = {"retain": 100 * mean(probability(evidence, "retain"))}
    return Score(mean(probabilities), parts=parts, items=probabilities.astype(np.float32))
