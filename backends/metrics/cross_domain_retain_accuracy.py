"""Cross-domain retain accuracy (CRA): styles where an object was forgotten, objects where a style was."""

import math
from dataclasses import replace

import numpy as np

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
    id="cross_domain_retain_accuracy",
    title="Cross-domain retain accuracy (CRA)",
    short="CRA",
    summary="How often styles are drawn right where an object was forgotten, or objects where a style was.",
    source=UNLEARN_CANVAS,
    needs=("pictures",),
    unit="%",
    direction="higher",
    measures="keeping",
    order=3,
)
def cross_domain_retain_accuracy(evidence: Evidence[TextToImage]) -> Score:
    """Accuracy of the other kind's classifier over the whole suite, what asks for the target among it. Parts: by name,
    and `without the target`, over the other prompts alone.

    With a CLIP judge: of everyday prompts that have nothing to do with the target. Not measured without a judge.
    """
    if not has_judge(evidence):
        return Score(math.nan)
    _, other = own_and_other_kind(evidence)
    correct, retained = judged_correct(evidence, other), ~asks_for_target(evidence)
    if "clip" in evidence.outputs:
        unrelated = np.zeros(len(correct), bool)
        unrelated[evidence.task.parts["unrelated"]] = True
        return percentage(correct, unrelated)
    everything = np.ones(len(correct), bool)
    parts = by_name(evidence, correct, everything, other)
    if retained.any():
        parts["without the target"] = 100 * float(correct[retained].mean())
    return replace(percentage(correct, everything), parts=parts)
