"""In-domain retain accuracy (IRA): other concepts of the target's kind that are still drawn right."""

import math
from dataclasses import replace

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.text_to_image.task import TextToImage
from ._pictures import (
    UNLEARN_CANVAS,
    asks_for_target,
    by_name,
    has_judge,
    judged_correct,
    own_and_other_kind,
    percentage,
)


@metric(
    id="in_domain_retain_accuracy",
    title="In-domain retain accuracy (IRA)",
    short="IRA",
    summary="How often the others of the target's kind are still drawn right.",
    source=UNLEARN_CANVAS,
    needs=("pictures",),
    unit="%",
    direction="higher",
    measures="keeping",
    order=2,
)
def in_domain_retain_accuracy(evidence: Evidence[TextToImage]) -> Score:
    """Accuracy of the target's own classifier on prompts for the other concepts of its kind. Parts: by name.

    With a CLIP judge: of the concepts that a person named to keep. Not measured without a judge.
    """
    if not has_judge(evidence):
        return Score(math.nan)
    own, _ = own_and_other_kind(evidence)
    correct, mask = judged_correct(evidence, own), ~asks_for_target(evidence)
    if "clip" in evidence.outputs:
        mask[evidence.task.parts["unrelated"]] = False
    return replace(percentage(correct, mask), parts=by_name(evidence, correct, mask, own))
