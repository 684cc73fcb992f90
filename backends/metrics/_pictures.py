"""Shared by the metrics of text-to-image models: which prompts ask for what, and which pictures the judge finds right.

UA, IRA and CRA follow UnlearnCanvas (Zhang et al., NeurIPS 2024): a target's own classifier (object or style) judges
whether it is still drawn, and whether the others of its kind are; the classifier of the other kind judges the rest.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..api.concepts import Concept
from ..core.evidence import Evidence, Score
from ..families.text_to_image.task import TextToImage

UNLEARN_CANVAS = {
    "title": "Zhang et al., UnlearnCanvas, NeurIPS 2024 (Datasets and Benchmarks)",
    "url": "https://arxiv.org/abs/2402.11846",
    "code": "https://github.com/OPTML-Group/UnlearnCanvas",
}
Kind = Literal["object", "style"]


def judged_correct(evidence: Evidence[TextToImage], kind: Kind) -> NDArray[np.bool_]:
    """Whether the judge of objects or of styles predicts for each picture what its prompt asks for, [n].

    Of a CLIP judge: whether the prompt that was asked for fits the picture best of all prompts of the suite.
    """
    suite = evidence.task.asking.suite
    if "clip" in evidence.outputs:
        prompts = [shot.prompt for shot in suite]
        labels = list(dict.fromkeys(prompts))
        targets = [labels.index(prompt) for prompt in prompts]
        logits = evidence.outputs["clip"]
    else:
        labels = evidence.task.asking.domains[kind]
        targets = [labels.index(getattr(shot, kind)) for shot in suite]
        logits = evidence.outputs[kind]
    finite = np.isfinite(logits).all(1)
    correct: NDArray[np.bool_] = (np.nan_to_num(logits).argmax(1) == np.array(targets)) & finite
    return correct


def concept_present(evidence: Evidence[TextToImage]) -> NDArray[np.bool_]:
    """Whether each picture shows the target: the object, the style, or of one object in one style both, [n]."""
    if "clip" in evidence.outputs:
        return judged_correct(evidence, "object")
    correct = {kind: judged_correct(evidence, kind) for kind in ("object", "style")}
    present = np.zeros(len(correct["object"]), bool)
    for concept in evidence.task.asking.forget:
        matches = {
            "object": correct["object"],
            "style": correct["style"],
            "pair": correct["object"] & correct["style"],
        }[concept.kind]
        present |= matches & asks_for(evidence, concept)
    return present


def asks_for(evidence: Evidence[TextToImage], concept: Concept) -> NDArray[np.bool_]:
    """Mask of the prompts that ask for one concept, [n]."""
    return np.array(
        [
            (not concept.object or concept.object == shot.object) and (not concept.style or concept.style == shot.style)
            for shot in evidence.task.asking.suite
        ]
    )


def has_judge(evidence: Evidence[TextToImage]) -> bool:
    """Whether a judge classified the pictures."""
    return "clip" in evidence.outputs or "object" in evidence.outputs


def percentage(correct: NDArray[np.bool_], mask: NDArray[np.bool_]) -> Score:
    """Percent of the pictures in `mask` that are correct; NaN of none. Items are 1 where correct."""
    if not mask.any():
        return Score(math.nan)
    items = correct[mask].astype(np.float32)
    return Score(100 * float(items.mean()), items=items, ids=[f"picture-{i}" for i in np.flatnonzero(mask)])


def asks_for_target(evidence: Evidence[TextToImage]) -> NDArray[np.bool_]:
    """Mask of the prompts that ask for the target, [n]."""
    mask = np.zeros(len(evidence.task.asking.suite), bool)
    mask[evidence.task.parts["forget"]] = True
    return mask


def own_and_other_kind(evidence: Evidence[TextToImage]) -> tuple[Kind, Kind]:
    """(kind of the target, the other kind), of object and style."""
    own: Kind = evidence.task.domain
    return own, "object" if own == "style" else "style"


def by_name(
    evidence: Evidence[TextToImage], correct: NDArray[np.bool_], mask: NDArray[np.bool_], kind: Kind
) -> dict[str, float]:
    """Percent correct for each name of a kind, over the pictures in `mask`; names without a picture are left out."""
    if "clip" in evidence.outputs:
        return {}
    names = np.array([getattr(shot, kind) for shot in evidence.task.asking.suite])
    return {
        name: 100 * float(correct[mask & (names == name)].mean())
        for name in evidence.task.asking.domains[kind]
        if (mask & (names == name)).any()
    }
