"""Share of the weights that changed."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import Task


@metric(
    id="weights_changed",
    title="Weights changed",
    short="changed",
    summary="How many of the model's numbers are no longer what they were.",
    source={
        "title": "Zhuang et al., SEUF: Is Unlearning One Expert Enough for Mixture-of-Experts LLMs?, ACL 2025",
        "url": "https://arxiv.org/abs/2411.18797",
    },
    departures="The paper counts the numbers that may move; the ones here did.",
    needs=("weights",),
    unit="%",
    direction="lower",
    measures="cost",
    order=23,
)
def weights_changed(evidence: Evidence[Task]) -> Score:
    """Percent of the numbers in the model's tensors that differ from before, however little; numbers that a guard brings count
    as well. Not measured before."""
    return Score(evidence.moved)
