"""Unlearning accuracy (UA): error on the forget set."""

import math
from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ._common import CARD_0, accuracy
from ._pictures import asks_for_target, by_name, concept_present, has_judge, own_and_other_kind, percentage


@metric(
    id="unlearning_accuracy",
    title="Unlearning accuracy (UA)",
    short="UA",
    summary="How often it is wrong on the forget set; the aim is the retrained reference.",
    source=CARD_0,
    needs=("judged",),
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="higher",
    order=1,
)
def unlearning_accuracy(evidence: Evidence[Any]) -> Score:
    """100 minus the accuracy on the forget set, in percent. Items: 1 where the model is wrong. An empty forget set is not measured.

    Of drawn pictures: 100 minus the accuracy of the target's own classifier on pictures asked for it, as in UnlearnCanvas;
    items are 1 where it is no longer seen, parts are by the other kind's name. Not measured without a judge.
    """
    if hasattr(evidence.task, "asking"):
        return _image_generation_score(evidence)
    right = accuracy(evidence, "forget")
    return Score(100 - right.value, items=None if right.items is None else 1 - right.items, ids=right.ids)


def _image_generation_score(evidence: Evidence[Any]) -> Score:
    """UA of a text-to-image model, by the judge of its pictures."""
    if not has_judge(evidence):
        return Score(math.nan)
    wrong, mask = ~concept_present(evidence), asks_for_target(evidence)
    score = percentage(wrong, mask)
    return Score(score.value, by_name(evidence, wrong, mask, own_and_other_kind(evidence)[1]), score.items, score.ids)
