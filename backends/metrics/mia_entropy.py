"""Membership inference (MIA) by one threshold on the prediction's entropy."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import entropy, threshold_attack


@metric(
    id="mia_entropy",
    title="Membership inference by entropy (MIA)",
    short="MIA (entropy)",
    summary="How much of the forget set looks never seen, by how undecided the model is.",
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
    order=10,
)
def mia_entropy(evidence: Evidence[ClassifierTask]) -> Score:
    """Share of the forget set called non-member by one threshold, in percent.

    The score is the entropy of the prediction in nats; members score low, and the true class is not used.
    The threshold is the one that best tells the retain set from the test set (mean of both shares right). Parts:
    `threshold` and `attack_accuracy` (percent, 50 is chance). Items: the score of each forget image, so that another
    threshold can be tried. Not measured where no threshold does
    better than chance or the model's output is not a number.
    """
    scores = {part: entropy(evidence.logits(part)) for part in ("forget", "retain", "test")}
    return threshold_attack(evidence, scores, sign=-1)
