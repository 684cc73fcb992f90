"""Membership inference (MIA) by one threshold on the model's confidence."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import confidence, threshold_attack


@metric(
    id="mia_confidence",
    title="Membership inference by confidence (MIA)",
    short="MIA (confidence)",
    summary="How much of the forget set looks never seen, by the model's confidence.",
    source={
        "title": "Song & Mittal, Systematic Evaluation of Privacy Risks of Machine Learning Models, USENIX Security 2021",
        "url": "https://arxiv.org/abs/2003.10595",
    },
    departures="One threshold for all classes, where the paper sets one a class.",
    needs=("classes",),
    unit="%",
    direction="reference",
    measures="privacy",
    forgets="higher",
    order=9,
)
def mia_confidence(evidence: Evidence[ClassifierTask]) -> Score:
    """Share of the forget set called non-member by one threshold, in percent.

    The score is the probability of the true class, 0 to 1; members score high.
    The threshold is the one that best tells the retain set from the test set (mean of both shares right). Parts:
    `threshold` and `attack_accuracy` (percent, 50 is chance). Items: the score of each forget image, so that another
    threshold can be tried. Not measured where no threshold does
    better than chance or the model's output is not a number.
    """
    scores = {part: confidence(evidence.logits(part), evidence.labels(part)) for part in ("forget", "retain", "test")}
    return threshold_attack(evidence, scores, sign=1)
