"""UA: how often the model is now wrong on the forget set."""

import numpy as np

from ..engine.evidence import Evidence, Score
from ..registry import metric


@metric(
    id="unlearning_accuracy",
    title="How well it forgot",
    short="UA",
    summary="The share of what was to be forgotten that the model now gets wrong; the aim is the value of the model trained again without it.",
    source={
        "title": "Jia et al., NeurIPS 2023; Fan et al. (SalUn), ICLR 2024",
        "url": "https://arxiv.org/abs/2310.12508",
    },
    works_with={"classifier": True},
    unit="%",
    direction="reference",
    order=1,
)
def unlearning_accuracy(evidence: Evidence) -> Score:
    """100 minus the accuracy on the forget set, in percent. Items: 1 where the model is wrong."""
    wrong = (evidence.logits("forget").argmax(1) != evidence.labels("forget")).astype(np.float32)
    return Score(100 * float(wrong.mean()), items=wrong, ids=evidence.ids("forget"))
