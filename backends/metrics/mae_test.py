"""Error on new items of a model that predicts a number."""

from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="mae_test",
    title="Error on new items (MAE)",
    short="MAE test",
    summary="How far off it is on items that it never saw, the forgotten range left out.",
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
    order=2,
)
def mae_test(evidence: Evidence[Any]) -> Score:
    """Mean absolute error over the test items outside of a forgotten range; otherwise as that of the forget set."""
    score: Score = evidence.task.error_score(evidence.outputs, "test")
    return score
