"""Truth ratio on the forget set: likelihood of wrong answers against that of the right one."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import LARGEST, TOFU, log_truth_ratio, mean


@metric(
    id="truth_ratio",
    title="Truth ratio",
    short="truth ratio",
    summary="How alike the likelihoods of wrong and right answers are on the forget set; 1 where it cannot tell.",
    source=TOFU,
    needs=("answers",),
    unit="",
    direction="reference",
    measures="forgetting",
    forgets="higher",
    most=1,
    order=4,
)
def forget_truth_ratio(evidence: Evidence[LanguageModel]) -> Score:
    """Mean of min(R, 1 / R) with R = wrong / right, from 0 to 1; items: R.

    The mean over the wrong answers is arithmetic, the paper's definition. Questions without wrong answers are left out.
    """
    logs = log_truth_ratio(evidence, "forget")
    measured = logs[~np.isnan(logs)]
    return Score(mean(np.exp(-np.abs(measured))), items=np.exp(np.minimum(logs, LARGEST)).astype(np.float32))
