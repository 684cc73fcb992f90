"""Shared by the metrics of classifiers: predictions, probabilities and a threshold membership attack, in plain numpy."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, softmax

from ..core.evidence import Evidence, Score
from ..core.task import ClassifierTask
from ..families.classifier.guided import CONTROL

Floats = NDArray[np.float32] | NDArray[np.float64]

CARD_0 = {
    "title": "Jia et al., NeurIPS 2023; Fan et al. (SalUn), ICLR 2024",
    "url": "https://arxiv.org/abs/2310.12508",
    "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
}

CORRECTIVE = {
    "title": "Goel et al., Corrective Machine Unlearning, TMLR 2024",
    "url": "https://arxiv.org/abs/2402.14015",
    "code": "https://github.com/drimpossible/corrective-unlearning-bench",
}


def of_tampering(*kinds: str) -> Callable[[Any], str]:
    """Says why a metric is none of a task's: that nothing manipulated is to be forgotten, or something of none of these kinds, where some are named."""

    def lacks(task: Any) -> str:
        if task.corrects is None:
            return "Nothing that was manipulated is to be forgotten."
        return (
            "" if not kinds or task.corrects.how.kind in kinds else f"Nothing was done with a {' or a '.join(kinds)}."
        )

    return lacks


def of_guidance(task: ClassifierTask) -> str:
    """Says why a metric of guidance is none of a task's."""
    return "" if CONTROL in task.parts else "No network was guided."


def predictions(logits: Floats) -> NDArray[np.int64]:
    """Predicted class, [n] from logits [n, classes]; -1, which is never right, where a logit is not finite."""
    broken = ~np.isfinite(logits).all(1)
    return np.where(broken, -1, np.argmax(np.nan_to_num(logits), axis=1)).astype(np.int64)


def probabilities(logits: Floats) -> NDArray[np.float64]:
    """Softmax over the last axis in float64; rows that are not finite stay NaN."""
    with np.errstate(invalid="ignore"):
        return np.asarray(softmax(logits.astype(np.float64), axis=-1))


def confidence(logits: Floats, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """The probability a model gives the true class, [n] in 0..1."""
    return probabilities(logits)[np.arange(len(labels)), labels]


def entropy(logits: Floats) -> NDArray[np.float64]:
    """Entropy of the prediction, [n] in nats: 0 when sure, log(classes) when every class is equally likely."""
    return np.asarray(entr(probabilities(logits)).sum(-1))


def accuracy(evidence: Evidence[ClassifierTask], part: str) -> Score:
    """Accuracy on a part, in percent; items are 1 where right. NaN where the part is empty."""
    ids = evidence.ids(part)
    if not ids:
        return Score(math.nan)
    right = (predictions(evidence.logits(part)) == evidence.labels(part)).astype(np.float32)
    return Score(100 * float(right.mean()), items=right, ids=ids)


@dataclass(frozen=True)
class Threshold:
    """Threshold of a membership attack: items at or above `at` are called members; `accuracy` is its balanced accuracy."""

    at: float
    accuracy: float


def best_threshold(members: Floats, others: Floats) -> Threshold | None:
    """The threshold that separates members (high scores) from others best, halfway between two scores that occur.

    Best is the highest mean of (members at or above it) and (others below it), so the sizes of the sets do not matter;
    the lowest such threshold is taken. None where none does better than chance, or where a score is not a number.
    """
    if not len(members) or not len(others) or not (np.isfinite(members).all() and np.isfinite(others).all()):
        return None
    scores = np.unique(np.concatenate([members, others]).astype(np.float64))
    thresholds = (scores[1:] + scores[:-1]) / 2
    members_right = 1 - np.searchsorted(np.sort(members), thresholds, side="left") / len(members)
    others_right = np.searchsorted(np.sort(others), thresholds, side="left") / len(others)
    balanced = (members_right + others_right) / 2
    if not len(thresholds) or balanced.max() <= 0.5:
        return None
    best = int(balanced.argmax())
    return Threshold(float(thresholds[best]), float(balanced[best]))


def threshold_attack(evidence: Evidence[ClassifierTask], scores: dict[str, NDArray[np.float64]], sign: int) -> Score:
    """Share of the forget set that a threshold attack calls non-member, in percent.

    Args:
        evidence: whose forget set it is.
        scores: one number an item for the parts forget, retain and test.
        sign: 1 where members score high, -1 where they score low.

    Returns:
        The share; the parts `threshold` (on the scale of the scores) and `attack_accuracy` (percent, 50 is chance);
        the scores of the forget set as items, so that another threshold can be tried. NaN where no threshold beats chance.
    """
    items, ids = scores["forget"].astype(np.float32), evidence.ids("forget")
    line = best_threshold(sign * scores["retain"], sign * scores["test"])
    if line is None:
        return Score(math.nan, items=items, ids=ids)
    unseen = float((sign * scores["forget"] < line.at).mean()) if np.isfinite(scores["forget"]).all() else math.nan
    return Score(
        100 * unseen, {"threshold": sign * line.at, "attack_accuracy": 100 * line.accuracy}, items=items, ids=ids
    )
