"""Fluency: n-gram entropy of the answers on the forget set."""

from collections import Counter

import numpy as np
from scipy.special import entr

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import RWKU, mean

WEIGHTS = {2: 2 / 3, 3: 4 / 3}  # of the words that an n-gram has


@metric(
    id="fluency",
    title="Fluency",
    short="fluency",
    summary="How varied the words of its answers on the forget set are; low where they repeat themselves.",
    source=RWKU,
    departures="RWKU has long answers to instructions; here they are those to the questions of the suite, of which "
    "short ones have a low entropy by their length alone, so only a comparison with the model before or "
    "the retrained reference says anything.",
    needs=("answers",),
    unit="bits",
    direction="reference",
    measures="other",
    order=14,
)
def fluency(evidence: Evidence[LanguageModel]) -> Score:
    """Mean over the answers on the forget set of the weighted entropy of their n-grams, (2/3 H2 + 4/3 H3) / 2 in bits, as RWKU has it
    from ROME. Parts: the same on neighbours and on what is unrelated; and of the answers on the forget set, the nats a token that the
    model before gives them, which is high for broken language but for every answer that is new to it, too.
    """
    roles = [item.role for item in evidence.task.questions.suite]
    responses = [str(text) for text in evidence.outputs["said"]]

    def of(role: str) -> float:
        return mean(np.array([entropy(text) for text, own in zip(responses, roles, strict=True) if own == role]))

    parts = {role: value for role in ("neighbour", "unrelated") if not np.isnan(value := of(role))}
    response_nll = evidence.outputs.get("said_nll")
    if response_nll is not None and np.isfinite(response_nll).any():
        parts["nats a token for the model before"] = float(np.nanmean(response_nll))
    return Score(of("forget"), parts=parts)


def entropy(text: str) -> float:
    """Weighted mean of the entropies of its 2-grams and 3-grams of words, in bits; 0 of a text of one word."""
    words = text.split()
    return float(np.mean([weight * _entropy(words, size) for size, weight in WEIGHTS.items()]))


def _entropy(words: list[str], size: int) -> float:
    counts = np.array(list(Counter(zip(*(words[at:] for at in range(size)), strict=False)).values()), np.float64)
    shares = counts / counts.sum()
    return float(entr(shares).sum() / np.log(2))
