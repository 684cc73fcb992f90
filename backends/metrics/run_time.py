"""Run-time efficiency (RTE): seconds that the method took."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import Task
from ._common import CARD_0


@metric(
    id="run_time",
    title="Run-time efficiency (RTE)",
    short="RTE",
    summary="Seconds from the start of the method to its end, without loading and measuring.",
    source=CARD_0,
    needs=("weights",),
    unit="s",
    direction="lower",
    measures="cost",
    order=20,
)
def run_time(evidence: Evidence[Task]) -> Score:
    """Seconds of wall clock. Not measured before, where nothing has run, nor where the engine did not time the model."""
    return Score(evidence.seconds)
