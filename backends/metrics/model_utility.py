"""Model utility: harmonic mean of probability, ROUGE-L and truth ratio on everything but the forget set."""

import math

import numpy as np
from scipy.stats import hmean

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import RETAIN_KINDS, TOFU, mean, probability, rouge, truth_ratio


@metric(
    id="model_utility",
    title="Model utility",
    short="model utility",
    summary="How likely, well worded and truthful its answers on everything else are.",
    source=TOFU,
    departures="Probabilities among true and wrong answers are of likelihoods normalised by length, as in TOFU's "
    "code; the paper has raw ones.",
    needs=("answers",),
    unit="",
    direction="higher",
    measures="keeping",
    most=1,
    order=2,
)
def model_utility(evidence: Evidence[LanguageModel]) -> Score:
    """Harmonic mean of nine: probability, ROUGE-L recall and max(0, 1 - R), on retain set, real authors and world facts.

    Any of them at 0 makes it 0. Parts: the nine. A kind without questions is left out with its three, and so is the truth
    ratio of one without wrong answers.
    """
    parts: dict[str, float] = {}
    for kind in RETAIN_KINDS:
        parts[f"{kind}: probability"] = mean(probability(evidence, kind))
        parts[f"{kind}: ROUGE-L"] = mean(rouge(evidence, kind))
        ratio = truth_ratio(evidence, kind)
        parts[f"{kind}: truth ratio"] = mean((1 - ratio[~np.isnan(ratio)]).clip(0))
    measured = {name: value for name, value in parts.items() if not math.isnan(value)}
    return Score(float(hmean(list(measured.values()))) if measured else math.nan, parts=measured)
