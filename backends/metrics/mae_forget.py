"""Error on the forget set of a model that predicts a number."""

from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="mae_forget",
    title="Error on the forget set (MAE)",
    short="MAE forget",
    summary="How far off it is on the forget set, in percent of the range of the labels.",
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    departures="In percent of the labels' range, so that models compare; the part beside it is in the label's own unit.",
    needs=("numeric labels",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="higher",
    order=1,
)
def mae_forget(evidence: Evidence[Any]) -> Score:
    """Mean absolute error over the forget set, in percent of the range of the training labels. One part, in the label's unit, by which it
    is named. Items: the error of each in percent. An empty set is not measured."""
    score: Score = evidence.task.error_score(evidence.outputs, "forget")
    return score
