"""UA: how often the model is now wrong on the forget set."""

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._common import CARD_0, accuracy


@metric(
    id="unlearning_accuracy",
    title="How well it forgot",
    short="UA",
    summary="The share of what was to be forgotten that the model now gets wrong; the aim is the value of the model trained again without it.",
    source=CARD_0,
    works_with={"classifier": True},
    unit="%",
    direction="reference",
    order=1,
)
def unlearning_accuracy(evidence: Evidence) -> Score:
    """100 minus the accuracy on the forget set, in percent. Items: 1 where the model is wrong. An empty forget set is not measured."""
    right = accuracy(evidence, "forget")
    return Score(100 - right.value, items=None if right.items is None else 1 - right.items, ids=right.ids)
