"""ROUGE-L recall on the forget set."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import TOFU, mean, rouge


@metric(
    id="forget_rouge",
    title="ROUGE-L on the forget set",
    short="ROUGE-L forget",
    summary="How many words of the true answer its own answer still has, in their order.",
    source=TOFU,
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=3,
)
def forget_rouge(evidence: Evidence[LanguageModel]) -> Score:
    """Mean ROUGE-L recall, in percent. An answer in the same form with another fact still has most of the words."""
    recalls = rouge(evidence, "forget")
    return Score(100 * mean(recalls), items=(100 * recalls).astype(np.float32))
