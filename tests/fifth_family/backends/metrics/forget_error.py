"""How far a model of a table is off on the rows that it should have forgotten."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="forget_error",
    title="Error on the forget set (NMAE)",
    short="forget NMAE",
    summary="How far off the predictions are for the forget set, in percent of the range of the true values.",
    source={"title": "Mean absolute error, normalised by the range, as commonly used"},
    needs=("table",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="higher",
    order=1,
)
def forget_error(evidence: Evidence) -> Score:
    """Mean absolute error over the forget set, in percent of the range of all labels. Items: that of each row."""
    errors = evidence.task.errors(evidence.outputs, "forget")
    return Score(float(errors.mean()), items=errors, ids=[f"row-{row}" for row in evidence.task.parts["forget"]])
