"""Named concepts in the features of a classifier: a linear probe for each, and a linear model of the classes on top of them.

A post-hoc concept bottleneck (PCBM, Yuksekgonul et al., ICLR 2023). Which concepts a class has is said class by class, by hand: in
assets/data/<data set>/concepts.json, or by whoever starts a job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...api import files
from ...api.errors import BadInput
from ...api.home import ASSETS
from ...core.task import Index
from .task import Classifier

Array = NDArray[np.float64]
SAMPLE = 4000  # images that probes and heads are fitted to, at most
FOLLOWS = 0.1  # how closely a probe follows its examples (C of the regression)
STEPS, STEP, SPARSE, SMALL = 500, 0.5, 2e-3, 1e-3  # of fitting the head, and the weights of its two penalties


@dataclass(frozen=True)
class Bank:
    """Concepts by name, and which classes have them: `has` [concepts, classes]."""

    names: list[str]
    has: NDArray[np.bool_]


def bank(task: Classifier, written: str = "") -> Bank:
    """The concepts of a task: those written, those that come with its data, or else each class as its own.

    Args:
        task: with its class names.
        written: as in "sleeves: Coat, Shirt; laces: Sneaker"; empty for those that come with the data.

    Raises:
        BadInput: it is not written so, or a concept names a class that there is not, none or all of them.
    """
    if written.strip():
        concepts: Mapping[str, Sequence[str]] = _read(written)
    else:
        shipped: Mapping[str, Sequence[str]] = files.read_json(ASSETS / "data" / task.data.id / "concepts.json", {})
        concepts = shipped if {name for names in shipped.values() for name in names} <= set(task.names) else {}
        concepts = concepts or {name: [name] for name in task.names}
    has = np.array([[name in names for name in task.names] for names in concepts.values()])
    for concept, names, row in zip(concepts, concepts.values(), has, strict=True):
        if unknown := set(names) - set(task.names):
            raise BadInput(
                f"The concept {concept!r} names {sorted(unknown)[0]!r}; choose of {', '.join(task.names[:20])}."
            )
        if row.all() or not row.any():
            raise BadInput(
                f"The concept {concept!r} belongs to every class or to none, so no image can show what it is."
            )
    return Bank(list(concepts), has)


def _read(written: str) -> dict[str, list[str]]:
    concepts = {}
    for part in filter(None, map(str.strip, written.split(";"))):
        name, colon, classes = part.partition(":")
        if not colon or not name.strip() or not classes.strip():
            raise BadInput(
                f"{part[:60]!r} is no concept; write a name and its classes, as in sleeves: Coat, Shirt; laces: Sneaker."
            )
        concepts[name.strip()] = [one.strip() for one in classes.split(",")]
    if not concepts:
        raise BadInput(f"{written[:60]!r} names no concept; write a name and its classes, as in sleeves: Coat, Shirt.")
    return concepts


@dataclass(frozen=True)
class Concepts:
    """Concept vectors in the features of one model, found by linear probes.

    Attributes:
        bank: their names.
        vectors, offsets: [concepts, d] and [concepts]; a concept's score is <e, v> + offset, in standard deviations from the mean image.
        auroc: how well each score tells images with the concept from those without, on images it was not fitted to; 0.5 is chance.
    """

    bank: Bank
    vectors: Array
    offsets: Array
    auroc: Array

    def scores(self, features: NDArray[np.float32]) -> Array:
        """Scores [n, concepts] of features [n, d]."""
        scores: Array = features.astype(np.float64) @ self.vectors.T + self.offsets
        return scores


def fit(concepts: Bank, features: NDArray[np.float32], labels: NDArray[np.int64]) -> Concepts:
    """A logistic regression for each concept on features [n, d] of images of these classes [n]; a fourth of them, drawn, tests it.

    Of a concept that is in none of the images the vector is zero and the AUROC no number.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rows = features.astype(np.float64)
    tested = np.random.default_rng(0).permutation(len(rows)) % 4 == 3
    vectors, offsets, auroc = np.zeros((len(concepts.names), rows.shape[1])), np.zeros(len(concepts.names)), []
    for at, of_class in enumerate(concepts.has):
        positive = of_class[labels]
        if len(set(positive[~tested])) < 2 or len(set(positive[tested])) < 2:
            auroc.append(np.nan)
            continue
        direction = LogisticRegression(C=FOLLOWS, max_iter=200).fit(rows[~tested], positive[~tested]).coef_[0]
        score = rows @ direction
        deviation = score.std() or 1.0
        vectors[at], offsets[at] = direction / deviation, -score.mean() / deviation
        auroc.append(float(roc_auc_score(positive[tested], score[tested])))
    return Concepts(concepts, vectors, offsets, np.array(auroc))


def head(scores: Array, classes: NDArray[np.int64], count: int) -> Array:
    """W [count, concepts] of softmax(W s + b) fitted to say these classes [n] of scores [n, concepts], with an elastic net.

    Proximal gradient from zero, a fixed number of steps, so that the same scores always give the same W. The last column is b.
    """
    inputs = np.concatenate([scores, np.ones((len(scores), 1))], 1)
    weights, truth = np.zeros((count, inputs.shape[1])), np.eye(count)[classes]
    rate = STEP / max(1.0, float(np.linalg.norm(inputs, 2)) ** 2 / len(inputs))
    for _ in range(STEPS):
        logits = inputs @ weights.T
        shares = np.exp(logits - logits.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        weights -= 2 * rate * ((shares - truth).T @ inputs / len(inputs) + SMALL * weights)
        free = weights[:, :-1]
        weights[:, :-1] = np.sign(free) * np.maximum(np.abs(free) - 2 * rate * SPARSE, 0)
    return weights


def attributions(weights: Array, scores: Array) -> Array:
    """Integrated gradients [n, concepts] of the logit w s + b of one class, from the mean image (scores of 0) to each image.

    The gradient of a linear function is w everywhere, so the integral is exact: w_i (s_i - 0). They add up to the logit less b.

    Args:
        weights: w of the class, with b as its last entry; or a row for each image [n, concepts and one].
        scores: [n, concepts].
    """
    return weights[..., :-1] * scores


def profiles(scores: Array, labels: NDArray[np.int64], count: int) -> Array:
    """Mean concept scores [count, concepts] of the images of each class; zeros for a class without images."""
    return np.array(
        [scores[labels == label].mean(0) if (labels == label).any() else 0 * scores[0] for label in range(count)]
    )


def sample(index: Index, seed: int = 0) -> Index:
    """At most 4,000 of some training images, in a drawn order."""
    return np.random.default_rng(seed).permutation(index)[:SAMPLE]
