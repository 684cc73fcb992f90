"""Fact recall by kind of probe: fill in the blank, question, question in other words."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.overlap import rouge_recall
from ..families.language.task import LanguageModel
from ._answers import RWKU, Floats, mean


@metric(
    id="probe_kinds",
    title="Fact recall by kind of probe",
    short="probes",
    summary="How much of the fact is still named, in a blank, when asked for, and in other words.",
    source=RWKU,
    departures="The fact is looked for in whole sentences; RWKU asks for the fact alone, and keeps only what the "
    "model before answers right. The model before fills fewer blanks than it answers questions, so "
    "compare with it.",
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=10,
)
def probe_kinds(evidence: Evidence[LanguageModel]) -> Score:
    """Mean ROUGE-L recall of the fact that is asked for, over all probes on the forget set, in percent; parts: the kinds.

    "fill in the blank": the answer up to the fact, without the question, is continued; "question": it is asked as it was
    learned; "other words": the question in other words, which of RWKU's nine adversarial ways is that of
    synonyms. Pairs without a fact or a blank are left out.
    """
    pairs = [item.pair for item in evidence.task.questions.suite if item.role == "forget"]
    roles = np.array([item.role for item in evidence.task.questions.suite])
    responses = evidence.outputs["said"][roles == "forget"] if len(roles) else []
    kinds = {
        "fill in the blank": _recalls(pairs, evidence.outputs["said_blank"], [pair.blank for pair in pairs]),
        "question": _recalls(pairs, responses, [pair.question for pair in pairs]),
        "other words": _recalls(pairs, evidence.outputs["said_rephrased"], [pair.rephrased_question for pair in pairs]),
    }
    parts = {kind: mean(recalls) for kind, recalls in kinds.items() if len(recalls)}
    return Score(mean(np.concatenate(list(kinds.values()))), parts=parts)


def _recalls(pairs: Sequence[Any], responses: Iterable[Any], questions: Sequence[str]) -> Floats:
    """ROUGE-L recall of the fact in the response, in percent, of each pair with a fact and a question."""
    answered = [
        (pair.value, str(text))
        for pair, text, question in zip(pairs, responses, questions, strict=True)
        if pair.value and question
    ]
    return np.array([100 * rouge_recall(value, text) for value, text in answered])
