"""UA: how often the model is now wrong on the forget set."""

import math

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._common import CARD_0, accuracy
from ._pictures import asked, by_name, judged, kinds, share, still_shown


@metric(
    id="unlearning_accuracy",
    title="How well it forgot",
    short="UA",
    summary="The share of what was to be forgotten that the model now gets wrong; the aim is the value of the model trained again without it.",
    source=CARD_0,
    works_with={"classifier": True, "text-to-image": True},
    unit="%",
    direction="reference",
    measures="forgetting",
    forgets="higher",
    order=1,
)
def unlearning_accuracy(evidence: Evidence) -> Score:
    """100 minus the accuracy on the forget set, in percent. Items: 1 where the model is wrong. An empty forget set is not measured.

    Of drawn pictures: 100 minus the accuracy of the target's own classifier on pictures asked for it, as in UnlearnCanvas;
    items are 1 where it is no longer seen, parts are by the other kind's name. Not measured without a judge.
    """
    if hasattr(evidence.task, "asking"):
        return _drawn(evidence)
    right = accuracy(evidence, "forget")
    return Score(100 - right.value, items=None if right.items is None else 1 - right.items, ids=right.ids)


def _drawn(evidence: Evidence) -> Score:
    if not judged(evidence):
        return Score(math.nan)
    gone, where = ~still_shown(evidence), asked(evidence)
    found = share(gone, where)
    return Score(found.value, by_name(evidence, gone, where, kinds(evidence)[1]), found.items, found.ids)
