"""Forget quality: p-value of a test that compares truth ratios with those of the retrained reference."""

import math
from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import LARGEST, TOFU, Floats, log_truth_ratio


@metric(
    id="forget_quality",
    title="Forget quality",
    short="forget quality",
    summary="Whether it passes for a model that never saw the forget set, as the p-value of a test.",
    source=TOFU,
    departures="The mean over the wrong answers is geometric, as in TOFU's code of this metric; with the arithmetic "
    "mean of the paper the p-value stands among the parts. All questions count, where TOFU's code takes "
    "the first 300.",
    needs=("answers",),
    unit="",
    direction="higher",
    measures="forgetting",
    most=1,
    enough=0.05,
    order=1,
)
def forget_quality(evidence: Evidence[LanguageModel]) -> Score:
    """Two-sample Kolmogorov-Smirnov test over the truth ratios on the forget set; items: the ratios (wrong over right).

    Parts: D, log10 p, and the p-value with the arithmetic mean over the wrong answers. Low means told apart, by forgetting
    too little or too much. Not measured without a retrained reference. Of few questions the test is weak: with 20 nothing
    under D = 0.42 is found at p 0.05.
    """
    reference = evidence.others.get("reference")
    if reference is None:
        return Score(math.nan)
    ours, theirs = (log_truth_ratio(one, "forget", geometric=True) for one in (evidence, reference))
    test, paper = _ks_test(ours, theirs), _ks_test(*(log_truth_ratio(one, "forget") for one in (evidence, reference)))
    if test is None or paper is None:
        return Score(math.nan)
    smallest = np.finfo(float).tiny
    parts = {
        "D": float(test.statistic),
        "log10 p": math.log10(max(float(test.pvalue), smallest)),
        "p, arithmetic mean": float(paper.pvalue),
    }
    return Score(float(test.pvalue), parts=parts, items=np.exp(np.minimum(ours, LARGEST)).astype(np.float32))


def _ks_test(ours: Floats, theirs: Floats) -> Any:
    """Kolmogorov-Smirnov test on all finite values, None of none. It may take logarithms, which keep the order."""
    ours, theirs = ours[~np.isnan(ours)], theirs[~np.isnan(theirs)]
    return ks_2samp(ours, theirs) if len(ours) and len(theirs) else None
