"""Error on the retain set of a model that predicts a number."""

from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="mae_retain",
    title="Error on the retain set (MAE)",
    short="MAE retain",
    summary="How far off it is on all that is to be kept, in percent of the range of the labels.",
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    departures="In percent of the labels' range, so that models compare; the part beside it is in the label's own unit.",
    needs=("numeric labels",),
    unit="%",
    direction="lower",
    measures="keeping",
    order=3,
)
def mae_retain(evidence: Evidence[Any]) -> Score:
    """Mean absolute error over the training items outside of the forget set; otherwise as that of the forget set."""
    score: Score = evidence.task.error_score(evidence.outputs, "retain")
    return score
