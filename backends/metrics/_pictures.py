"""What the metrics of drawn pictures share: which of them ask for what, and which the judge finds right.

UA, IRA and CRA follow UnlearnCanvas (Zhang et al., NeurIPS 2024): a target's own classifier (object or style) judges
whether it is still drawn, and whether the others of its kind are; the classifier of the other kind judges the rest.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..api.concepts import Concept
from ..engine.evidence import Evidence, Score

UNLEARN_CANVAS = {
    "title": "Zhang et al., UnlearnCanvas, NeurIPS 2024 (Datasets and Benchmarks)",
    "url": "https://arxiv.org/abs/2402.11846",
    "code": "https://github.com/OPTML-Group/UnlearnCanvas",
}
Kind = Literal["object", "style"]


def right(evidence: Evidence, kind: Kind) -> NDArray[np.bool_]:
    """Whether the judge of objects or of styles sees in each picture of the suite what was asked for, [n].

    Of a CLIP judge: whether the prompt that was asked for fits the picture best of all prompts of the suite.
    """
    suite = evidence.task.asking.suite
    if "clip" in evidence.outputs:
        asked = [shot.prompt for shot in suite]
        names = list(dict.fromkeys(asked))
        truth = [names.index(prompt) for prompt in asked]
        said = evidence.outputs["clip"]
    else:
        names = evidence.task.asking.domains[kind]
        truth = [names.index(getattr(shot, kind)) for shot in suite]
        said = evidence.outputs[kind]
    sound = np.isfinite(said).all(1)
    return (np.nan_to_num(said).argmax(1) == np.array(truth)) & sound  # type: ignore[no-any-return]


def still_shown(evidence: Evidence) -> NDArray[np.bool_]:
    """Whether a picture shows what is to be forgotten: the object, the style, or of one object in one style both, [n]."""
    if "clip" in evidence.outputs:
        return right(evidence, "object")
    seen = {kind: right(evidence, kind) for kind in ("object", "style")}
    shown = np.zeros(len(seen["object"]), bool)
    for concept in evidence.task.asking.forget:
        own = {"object": seen["object"], "style": seen["style"], "pair": seen["object"] & seen["style"]}[concept.kind]
        shown |= own & asked_by(evidence, concept)
    return shown


def asked_by(evidence: Evidence, concept: Concept) -> NDArray[np.bool_]:
    """Which pictures ask for one concept, [n]."""
    return np.array(
        [
            (not concept.object or concept.object == shot.object) and (not concept.style or concept.style == shot.style)
            for shot in evidence.task.asking.suite
        ]
    )


def judged(evidence: Evidence) -> bool:
    """Whether somebody said what the pictures show."""
    return "clip" in evidence.outputs or "object" in evidence.outputs


def share(found: NDArray[np.bool_], where: NDArray[np.bool_]) -> Score:
    """Percent of the pictures in `where` that are found; NaN where there are none. Items are 1 where found."""
    if not where.any():
        return Score(math.nan)
    items = found[where].astype(np.float32)
    return Score(100 * float(items.mean()), items=items, ids=[f"picture-{i}" for i in np.flatnonzero(where)])


def asked(evidence: Evidence) -> NDArray[np.bool_]:
    """Which pictures ask for what is to be forgotten, [n]."""
    where = np.zeros(len(evidence.task.asking.suite), bool)
    where[evidence.task.parts["forget"]] = True
    return where


def kinds(evidence: Evidence) -> tuple[Kind, Kind]:
    """The kind of what is to be forgotten, and the other one."""
    own: Kind = evidence.task.domain
    return own, "object" if own == "style" else "style"


def by_name(evidence: Evidence, found: NDArray[np.bool_], where: NDArray[np.bool_], kind: Kind) -> dict[str, float]:
    """Percent found for each name of a kind, over the pictures in `where`; names without a picture are left out."""
    if "clip" in evidence.outputs:
        return {}
    names = np.array([getattr(shot, kind) for shot in evidence.task.asking.suite])
    return {
        name: 100 * float(found[where & (names == name)].mean())
        for name in evidence.task.asking.domains[kind]
        if (where & (names == name)).any()
    }
