"""How well the others of the same kind are still drawn (IRA)."""

import math
from dataclasses import replace

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._pictures import UNLEARN_CANVAS, asked, by_name, judged, kinds, right, share


@metric(
    id="in_domain_retain_accuracy",
    title="Others of its kind still drawn right",
    short="IRA",
    summary="The share of pictures of the other objects (or, when a style was forgotten, in the other styles) that the judge finds right.",
    source=UNLEARN_CANVAS,
    works_with={"text-to-image": True},
    unit="%",
    direction="higher",
    measures="keeping",
    order=2,
)
def in_domain_retain_accuracy(evidence: Evidence) -> Score:
    """Accuracy of the target's own classifier on prompts for the other concepts of its kind. Parts: by name.

    With a CLIP judge: of the concepts that a person named to keep. Not measured without a judge.
    """
    if not judged(evidence):
        return Score(math.nan)
    own, _ = kinds(evidence)
    found, where = right(evidence, own), ~asked(evidence)
    if "clip" in evidence.outputs:
        where[evidence.task.parts["unrelated"]] = False
    return replace(share(found, where), parts=by_name(evidence, found, where, own))
