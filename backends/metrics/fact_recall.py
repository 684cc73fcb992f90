"""Fact recall: share of forget questions whose answer still holds the fact asked for."""

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.task import LanguageModel
from ._answers import TOFU


@metric(
    id="fact_recall",
    title="Fact recall",
    short="facts",
    summary="How often the fact asked for is still in the answer, on the forget set.",
    source={"title": "Exact match of the value asked for, on questions in the manner of TOFU", "url": TOFU["url"]},
    needs=("answers",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="lower",
    order=0,
)
def fact_recall(evidence: Evidence[LanguageModel]) -> Score:
    """Percent of the greedy answers that hold the value asked for, whatever its case; parts: by the role of the question.

    A model that never saw a fact names it now and then by chance. Questions without a value are left out, and so are those that a manipulation
    concerns: what becomes of them is `corrected_accuracy`.
    """
    suite, corrects = evidence.task.questions.suite, getattr(evidence.task, "corrects", None)
    counted = [bool(item.pair.value) and (corrects is None or item.role != "forget") for item in suite]
    indices = [index for index, counts in enumerate(counted) if counts]
    recalled = [
        suite[index].pair.value.casefold() in str(evidence.outputs["said"][index]).casefold() for index in indices
    ]
    right, roles = 100 * np.array(recalled, np.float32), np.array([suite[index].role for index in indices])
    parts = {str(role): float(right[roles == role].mean()) for role in dict.fromkeys(roles.tolist())}
    items = right[roles == "forget"]
    return Score(parts.get("forget", float("nan")), parts=parts, items=items, ids=_ids(indices, roles))


def _ids(indices: list[int], roles: np.ndarray) -> list[str]:
    return [f"question-{index}" for index, role in zip(indices, roles, strict=True) if role == "forget"]
