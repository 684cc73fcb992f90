"""Knowledge memorization (KnowMem): ROUGE-L F1 of answers on the forget set."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.overlap import rouge_f1
from ..families.language.task import LanguageModel
from ._answers import MUSE, Floats, kind_mask, mean


@metric(
    id="knowledge_memorization",
    title="Knowledge memorization (KnowMem)",
    short="KnowMem",
    summary="How alike its answers and the true ones are on the forget set; extra words count against it.",
    source=MUSE,
    departures="No examples stand before the question, as the model learned to be asked; answers have up to 40 "
    "tokens, not 32.",
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=7,
)
def knowledge_memorization(evidence: Evidence[LanguageModel]) -> Score:
    """MUSE's C2: mean ROUGE-L F1 of greedy answers on the forget set, in percent; part "retain": its C4, the same on the retain set."""
    overlaps = _overlaps(evidence, "forget")
    return Score(
        mean(overlaps), parts={"retain": mean(_overlaps(evidence, "retain"))}, items=overlaps.astype(np.float32)
    )


def _overlaps(evidence: Evidence[LanguageModel], kind: str) -> Floats:
    """ROUGE-L F1 in percent of each question of a kind [n]."""
    suite, responses = evidence.task.questions.suite, evidence.outputs["said"]
    indices = np.flatnonzero(kind_mask(evidence, kind))
    return np.array([100 * rouge_f1(suite[index].pair.answer, str(responses[index])) for index in indices])
