"""The same facts, asked in three ways."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._answers import RWKU, Floats, mean, recall


@metric(
    id="probe_kinds",
    title="Asked another way",
    short="probes",
    summary="How much of what was to be forgotten is still named when a blank has to be filled, when it is asked, and in other words.",
    source=RWKU,
    works_with={"llm": True, "moe": True},
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=10,
)
def probe_kinds(evidence: Evidence) -> Score:
    """Mean ROUGE-L recall of the fact that is asked for, over all probes on the forget set, in percent; parts: the kinds.

    "fill in the blank": the answer up to the fact, without the question, is continued; "question": it is asked as it was
    learned; "other words": the question in other words, which of RWKU's nine adversarial ways is that of synonyms. Departs: the fact is looked for in whole
    sentences; RWKU asks for the fact alone, and keeps only what the model before answers right. The model before fills fewer
    blanks than it answers questions, so compare with it. Pairs without a fact or a blank are left out.
    """
    pairs = [item.pair for item in evidence.task.questions.suite if item.role == "forget"]
    roles = np.array([item.role for item in evidence.task.questions.suite])
    said = evidence.outputs["said"][roles == "forget"] if len(roles) else []
    kinds = {
        "fill in the blank": _named(pairs, evidence.outputs["said_blank"], [pair.blank for pair in pairs]),
        "question": _named(pairs, said, [pair.question for pair in pairs]),
        "other words": _named(pairs, evidence.outputs["said_rephrased"], [pair.rephrased_question for pair in pairs]),
    }
    parts = {kind: mean(found) for kind, found in kinds.items() if len(found)}
    return Score(mean(np.concatenate(list(kinds.values()))), parts=parts)


def _named(pairs: Sequence[Any], said: Iterable[Any], asked: Sequence[str]) -> Floats:
    """Percent of the fact that is in what was said, a pair that was asked."""
    there = [(pair.value, str(text)) for pair, text, own in zip(pairs, said, asked, strict=True) if pair.value and own]
    return np.array([100 * recall(value, text) for value, text in there])
