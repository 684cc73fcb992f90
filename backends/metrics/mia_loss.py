"""Membership inference on the loss of a model that predicts a number."""

import math
from typing import Any

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric

SAMPLE = 1000  # of each kind; an RBF SVM is slow on more


@metric(
    id="mia_loss",
    title="Membership inference by loss (MIA)",
    short="MIA (loss)",
    summary="How much of the forget set an attacker takes for items that it was trained on.",
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    departures="Members are retained items and the others test items outside of the forgotten range, at most 1,000 each; the authors draw 2,000 "
    "of all training and of all test items.",
    needs=("numeric labels",),
    unit="%",
    direction="reference",
    measures="privacy",
    forgets="lower",
    order=6,
)
def mia_loss(evidence: Evidence[Any]) -> Score:
    """Share of the forget set called member, in percent, by an SVM (RBF, C = 3, gamma auto) on one feature, the absolute error in percent of
    the range. Part `attack_accuracy`: the balanced share of its own examples that it gets right (50 is chance). Not measured where a set is
    empty or an error is no number."""
    errors = {part: evidence.task.errors(evidence.outputs, part) for part in ("forget", "retain", "test")}
    errors = {part: 100 * each / evidence.task.data.span for part, each in errors.items()}
    if any(not len(each) or not np.isfinite(each).all() for each in errors.values()):
        return Score(math.nan)
    from sklearn.svm import SVC  # late: the catalog imports this file, and the studio waits for the catalog

    members, others = _some(errors["retain"]), _some(errors["test"])
    attacker = SVC(C=3, gamma="auto", kernel="rbf")
    attacker.fit(np.concatenate([members, others])[:, None], np.repeat([1, 0], [len(members), len(others)]))
    called = (attacker.predict(errors["forget"][:, None]) == 1).astype(np.float32)
    right = (attacker.predict(members[:, None]).mean() + 1 - attacker.predict(others[:, None]).mean()) / 2
    return Score(
        100 * float(called.mean()), {"attack_accuracy": 100 * float(right)}, items=called, ids=evidence.ids("forget")
    )


def _some(values: np.ndarray) -> np.ndarray:
    """At most 1,000 of the errors in ascending order, which no order of the items changes, evenly over all of them."""
    ordered = np.sort(values)
    return ordered if len(ordered) <= SAMPLE else ordered[np.linspace(0, len(ordered) - 1, SAMPLE).round().astype(int)]
