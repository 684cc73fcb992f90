"""Anamnesis index: how quickly a model learns the forget set again, beside the retrained reference."""

import math
from typing import Any

from ..core.evidence import Evidence, Score
from ..core.registry import metric


@metric(
    id="anamnesis_index",
    title="Anamnesis index (AIN)",
    short="AIN",
    summary="How many steps it takes to learn it again, as a part of what the retrained reference takes; 1 is the aim.",
    source={
        "title": "Chundawat et al., Zero-Shot Machine Unlearning, IEEE TIFS 2023; as in Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    departures="The same minibatches for every model, where the authors shuffle anew; at most 200 items are looked at.",
    needs=("numeric labels",),
    unit="of the reference",
    direction="reference",
    measures="privacy",
    forgets="higher",
    order=5,
)
def anamnesis_index(evidence: Evidence[Any]) -> Score:
    """Minibatches until the forget loss is within 5 % of the original model's, at most 10 epochs, divided by those of the retrained
    reference. Part `steps`: their number. Far below 1 it still knows, far above 1 it was pushed away. Not measured without a reference, or
    where that needs no step."""
    reference = evidence.others.get("reference")
    if reference is None or "relearned" not in evidence.outputs or "relearned" not in reference.outputs:
        return Score(math.nan)
    steps, theirs = (float(one.outputs["relearned"][0]) for one in (evidence, reference))
    return Score(steps / theirs if theirs else math.nan, {"steps": steps})
