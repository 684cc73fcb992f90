"""MIA efficacy: share of the forget set that a membership inference attack calls non-member."""

import math

import numpy as np

from ..core.evidence import Evidence, Score
from ..core.registry import metric
from ..core.task import ClassifierTask
from ._common import CARD_0, confidence

SAMPLE = 1000  # of each kind; the authors use all, which an RBF SVM is slow on


@metric(
    id="mia_efficacy",
    title="Membership inference efficacy (MIA)",
    short="MIA",
    summary="How much of the forget set an attacker takes for images that it never saw.",
    source=CARD_0,
    departures="The attack is fitted on 1,000 members and 1,000 non-members, drawn with a fixed seed, so that it "
    "takes less than a second.",
    needs=("classes",),
    unit="%",
    direction="reference",
    measures="privacy",
    forgets="higher",
    order=5,
)
def mia_efficacy(evidence: Evidence[ClassifierTask]) -> Score:
    """Share of the forget set called non-member (TN / |Df|), in percent: the `confidence` variant of SVC_MIA.

    An SVM (RBF, C = 3, gamma auto) is fitted on one feature, the probability of the true label. Members are the first
    |Dt| retain images, non-members the test images Dt (for class forgetting those of the remaining classes), all as the
    model in question sees them.
    Items: 1 where called non-member; part `attack_accuracy`: the balanced share of its own examples that the SVM gets right
    (50 is chance). Not measured where a set is empty or the model's output is not a number.
    """
    parts = evidence.task.parts
    by_id = {part: np.argsort(parts[part]) for part in ("retain", "test")}
    score = {part: confidence(evidence.logits(part), evidence.labels(part)) for part in ("forget", "retain", "test")}
    if any(not len(values) or not np.isfinite(values).all() for values in score.values()):
        return Score(math.nan)
    from sklearn.svm import SVC  # late: the catalog imports this file, and the studio waits for the catalog

    rng = np.random.default_rng(0)
    members = _some(score["retain"][by_id["retain"]][: len(score["test"])], rng)
    others = _some(score["test"][by_id["test"]], rng)
    attacker = SVC(C=3, gamma="auto", kernel="rbf")
    attacker.fit(np.concatenate([members, others])[:, None], np.repeat([1, 0], [len(members), len(others)]))
    unseen = (attacker.predict(score["forget"][:, None]) == 0).astype(np.float32)
    right = (attacker.predict(members[:, None]).mean() + 1 - attacker.predict(others[:, None]).mean()) / 2
    return Score(
        100 * float(unseen.mean()), {"attack_accuracy": 100 * float(right)}, items=unseen, ids=evidence.ids("forget")
    )


def _some(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return values if len(values) <= SAMPLE else rng.choice(values, SAMPLE, replace=False)
