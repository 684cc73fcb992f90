"""How far a model of a table is off on rows that it never saw."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="new_row_error",
    title="Error on new rows (NMAE)",
    short="test NMAE",
    summary="How far off the predictions are for rows that no model was trained on, in percent of the range of the true values.",
    source={"title": "Mean absolute error, normalised by the range, as commonly used"},
    needs=("table",),
    unit="%",
    direction="lower",
    measures="keeping",
    order=2,
)
def new_row_error(evidence: Evidence) -> Score:
    """Mean absolute error over the test rows, in percent of the range of all labels."""
    return Score(float(evidence.task.errors(evidence.outputs, "test").mean()))
