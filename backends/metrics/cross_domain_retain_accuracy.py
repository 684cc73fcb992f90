"""How well the other kind is still drawn (CRA): the styles where an object was forgotten, the objects where a style was."""

import math
from dataclasses import replace

import numpy as np

from ..engine.evidence import Evidence, Score
from ..registry import metric
from ._pictures import UNLEARN_CANVAS, asked, by_name, judged, kinds, right, share


@metric(
    id="cross_domain_retain_accuracy",
    title="The other kind still drawn right",
    short="CRA",
    summary="Where an object was forgotten, the share of all pictures whose style the judge finds right; where a style was, whose object.",
    source=UNLEARN_CANVAS,
    works_with={"text-to-image": True},
    unit="%",
    direction="higher",
    measures="keeping",
    order=3,
)
def cross_domain_retain_accuracy(evidence: Evidence) -> Score:
    """Accuracy of the other kind's classifier over the whole suite, what asks for the target among it. Parts: by name,
    and `without the target`, over the other prompts alone.

    With a CLIP judge: of everyday prompts that have nothing to do with the target. Not measured without a judge.
    """
    if not judged(evidence):
        return Score(math.nan)
    _, other = kinds(evidence)
    found, rest = right(evidence, other), ~asked(evidence)
    if "clip" in evidence.outputs:
        where = np.zeros(len(found), bool)
        where[evidence.task.parts["unrelated"]] = True
        return share(found, where)
    everything = np.ones(len(found), bool)
    parts = by_name(evidence, found, everything, other)
    if rest.any():
        parts["without the target"] = 100 * float(found[rest].mean())
    return replace(share(found, everything), parts=parts)
