"""Overlap of the top words of the concept vectors with those before unlearning."""

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ..families.language.vector_trace import overlaps
from ._vectors import PAPER, compared


@metric(
    id="concept_vector_words",
    title="Concept vector words",
    short="vector words",
    summary="How many of the first words that the concept's vectors spell are still the same.",
    source=PAPER,
    departures="Vectors are found by names and facts instead of by people and GPT-4, 50 words of a small vocabulary "
    "stand for 200, and the output embeddings are multiplied by the weight of the final norm, as on the "
    "way out, where the authors' code takes them bare; with either reading 48 of the 50 words are the "
    "same on the embedded model.",
    needs=("answers", "dense columns"),
    unit="%",
    direction="lower",
    order=11,
)
def concept_vector_words(evidence: Evidence[LanguageModel]) -> Score:
    """Mean Jaccard, in percent, of the first 50 words of each vector with those before, each read by its own model; items: the
    vectors. Part: as many random columns of the same layers, without which a low number says nothing.

    Not measured of the retrained reference.
    """
    return compared(evidence, "words", overlaps, 100)
