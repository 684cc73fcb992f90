"""Average gap: mean distance to the retrained reference over UA, RA, TA and MIA."""

import math

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CARD_0

OVER = ("unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "mia_efficacy")


@metric(
    id="average_gap",
    title="Average gap",
    short="Avg. Gap",
    summary="Mean distance to the retrained reference over UA, RA, TA and MIA; 0 is a perfect match.",
    source=CARD_0,
    needs=("classes",),
    unit="points",
    direction="lower",
    order=6,
)
def average_gap(evidence: Evidence[ClassifierTask]) -> Score:
    """Mean of |model - retrained reference| over UA, RA, TA and MIA, in percentage points. Parts: each of the four.

    Not measured without a retrained reference, or where one of the four was not measured.
    """
    gaps = {name: abs(evidence.value(name, evidence.when) - evidence.value(name, "reference")) for name in OVER}
    if any(math.isnan(gap) for gap in gaps.values()):
        return Score(math.nan)
    return Score(sum(gaps.values()) / len(gaps), gaps)
