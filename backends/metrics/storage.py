"""Storage: size of the tensors that changed."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import Task


@metric(
    id="storage",
    title="Storage",
    summary="The size of the tensors that changed, which is what has to be kept.",
    source={"title": "Zhang et al., UnlearnCanvas, NeurIPS 2024", "url": "https://arxiv.org/abs/2402.11846"},
    needs=("prompts",),
    unit="MB",
    direction="lower",
    measures="cost",
    order=22,
)
def storage(evidence: Evidence[Task]) -> Score:
    """Megabytes (10^6 bytes) of the changed tensors in float32. Not measured before, where nothing has changed."""
    return Score(evidence.stored / 1e6)
