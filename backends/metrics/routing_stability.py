"""Routing stability: overlap of the experts chosen for forget tokens before and after unlearning."""

import math

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..families.language.experts import jaccard, overlap, same
from ..families.language.task import LanguageModel
from ._answers import SEUF


@metric(
    id="routing_stability",
    title="Routing stability",
    short="routing",
    summary="How many words of the forget set still go to the same experts; few may mean only rerouted.",
    source=SEUF,
    needs=("answers", "router"),
    unit="",
    direction="higher",
    order=11,
)
def routing_stability(evidence: Evidence[LanguageModel]) -> Score:
    """|A and B| / k of the experts of each token of questions and answers to be forgotten, from 0 to 1: the share of its choices
    that stayed; mean over tokens and over all layers that choose, as the paper plots it. Parts: the same over the layers that
    could shift, as something changed that their choice depends on; the share of tokens whose experts are all the same; the
    mean Jaccard |A and B| / |A or B|; and each layer.

    Not measured where no layer could shift (as when only an expert of the last one changed), nor of other models than the
    one after.
    """
    before = evidence.others.get("before")
    if evidence.when != "after" or before is None or "routed" not in evidence.outputs:
        return Score(math.nan)
    reference, current = before.outputs["routed"], evidence.outputs["routed"]
    moved = evidence.outputs["routed_by"] != before.outputs["routed_by"]
    if reference.shape[2] >= int(evidence.outputs["routed_of"]) or not moved.any() or reference.shape != current.shape:
        return Score(math.nan)
    each = overlap(reference, current).mean(1)
    parts = {
        "layers that could shift": float(each[moved].mean()),
        "all experts the same": float(same(reference, current).mean()),
        "Jaccard": float(jaccard(reference, current).mean()),
    }
    parts |= {f"layer {index + 1}": float(share) for index, share in enumerate(each)}
    return Score(float(each.mean()), parts=parts)
