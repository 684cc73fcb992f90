"""Cosine of the concept vectors with themselves before unlearning."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ..families.language.vector_trace import cosines
from ._vectors import PAPER, compared


@metric(
    id="concept_vector_cosine",
    title="Concept vector cosine",
    short="vector cosine",
    summary="How nearly the concept's vectors still point where they did; 1 is the same.",
    source=PAPER,
    needs=("answers", "dense columns"),
    unit="",
    direction="lower",
    order=12,
)
def concept_vector_cosine(evidence: Evidence[LanguageModel]) -> Score:
    """Mean cosine of each vector with itself before, from -1 to 1; items: the vectors. Part: as many random columns of the
    same layers. Not measured of the retrained reference."""
    return compared(evidence, "vectors", cosines)
