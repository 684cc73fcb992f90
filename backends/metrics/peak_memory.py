"""Peak memory of the job."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import Task


@metric(
    id="peak_memory",
    title="Peak memory",
    summary="The most memory that the job held at one moment, model and data included.",
    source={"title": "Peak of the job's own process (resident set, or the GPU's allocator)"},
    needs=("weights",),
    unit="MB",
    direction="lower",
    measures="cost",
    order=21,
)
def peak_memory(evidence: Evidence[Task]) -> Score:
    """Megabytes (10^6 bytes). Not measured before, where nothing has run, nor where the engine did not watch the model."""
    return Score(evidence.memory / 1e6)
