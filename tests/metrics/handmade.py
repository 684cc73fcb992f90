"""Evidence made by hand: a task of known labels and a model whose every answer is written down."""

from math import nan
from types import SimpleNamespace

import numpy as np

from backends.core.evidence import Evidence

NAMES = ["a", "b", "c"]


def logits(probabilities):
    """Logits whose softmax is `probabilities` [n, classes]."""
    return np.log(np.asarray(probabilities, np.float64)).astype(np.float32)


def sure(classes, count=3):
    """Logits of a model that says these classes, with 98 % each."""
    shares = np.full((len(classes), count), 0.02 / (count - 1))
    shares[np.arange(len(classes)), classes] = 0.98
    return logits(shares)


def true_confidence(labels, confidence, count=3):
    """Logits that give the true class this probability and share the rest evenly."""
    confidence = np.asarray(confidence, np.float64)
    shares = np.repeat(((1 - confidence) / (count - 1))[:, None], count, axis=1)
    shares[np.arange(len(labels)), labels] = confidence
    return logits(shares)


def evidence(
    train, test, train_labels, test_labels, parts, *, neighbours=(), forgotten=(), other=None, when="after",
    seconds=nan, memory=nan, moved=nan,
):  # fmt: skip
    """Evidence over these logits, labels and parts (position lists, by name); `other` answers for other metrics."""
    task = SimpleNamespace(
        parts={name: np.array(index, np.int64) for name, index in parts.items()},
        names=NAMES,
        neighbours=list(neighbours),
        forgotten_classes=list(forgotten),
        corrects=None,
        data=SimpleNamespace(
            train=SimpleNamespace(labels=np.array(train_labels, np.int64)),
            test=SimpleNamespace(labels=np.array(test_labels, np.int64)),
        ),
    )
    return Evidence(
        when, task, {"train": train, "test": test}, other or (lambda name, when: nan), seconds, memory, moved=moved
    )


def class_a_forgotten(**more):
    """Class a is to be forgotten. Training: a a b b c c, said a b b b c a. Test: a a b b c c, said b b b c c c."""
    return evidence(
        sure([0, 1, 1, 1, 2, 0]), sure([1, 1, 1, 2, 2, 2]), [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2],
        {"forget": [0, 1], "retain": [2, 3, 4, 5], "keep": [2], "test": [2, 3, 4, 5], "test_forget": [0, 1]},
        neighbours=[1], forgotten=[0], **more,
    )  # fmt: skip
