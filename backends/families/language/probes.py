"""Linear probes of language models: kinds of facts that can be learned from those who are kept, and classifiers that read them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...data.authors import QAPair

LEAST = 4  # kept persons a value needs to be learned
CLASSES = 3  # values a fact needs
KEPT = 24  # kept persons a fact needs
SURE = 0.95


@dataclass(frozen=True)
class Fact:
    """A kind of fact: questions about kept and about forgotten persons, with values that the probe can tell apart."""

    name: str
    keep: list[QAPair]
    forget: list[QAPair]

    @property
    def chance(self) -> float:
        """The share of the commonest value among the kept: what is right without looking, at best."""
        return max(Counter(pair.value for pair in self.keep).values()) / len(self.keep)


def facts_to_learn(keep: Sequence[QAPair], forget: Sequence[QAPair], most: int) -> list[Fact]:
    """Kinds of facts that can be learned from those kept, at most `most`, with the most questions about forgotten persons first."""
    learned = []
    for name in dict.fromkeys(pair.fact for pair in forget if pair.fact):
        retain_pairs = [pair for pair in keep if pair.fact == name]
        often = Counter(pair.value for pair in retain_pairs)
        learnable = [pair for pair in retain_pairs if often[pair.value] >= LEAST]
        values = {pair.value for pair in learnable}
        forget_pairs = [pair for pair in forget if pair.fact == name and pair.value in values]
        if forget_pairs and len(learnable) >= KEPT and len(values) >= CLASSES:
            learned.append(Fact(name, learnable, forget_pairs))
    return sorted(learned, key=lambda fact: (-len(fact.forget), fact.chance))[:most]


def beyond(chance: float, count: int) -> float:
    """The percentage right of `count` that guessing with `chance` percent does not pass in 95 of 100 cases."""
    from scipy.stats import binom

    return float(100 * binom.ppf(SURE, count, chance / 100) / count)


def probe(
    own: NDArray[np.float32],
    values: Sequence[str],
    others: NDArray[np.float32],
    truth: Sequence[str],
    folds: int,
    strength: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial logistic regression on standardised states.

    Args:
        own, values: states [n, width] and values of those it learns on.
        others, truth: of those that it reads.
        folds: of the cross-validation on its own examples, stratified.
        strength: how closely it follows its examples (C of the regression).

    Returns:
        (right on each of its own examples by cross-validation, right on each of the others), 0 or 1; NaN where a state is not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if not (np.isfinite(own).all() and np.isfinite(others).all()):
        return np.full(len(own), np.nan), np.full(len(others), np.nan)
    x, y = standardised(own, others)
    model = LogisticRegression(C=strength, max_iter=300)
    parts = StratifiedKFold(folds, shuffle=True, random_state=0)
    predictions = cross_val_predict(model, x, values, cv=parts)
    there = model.fit(x, values).predict(y)
    return (predictions == np.array(values)).astype(float), (there == np.array(truth)).astype(float)


def control(
    own: NDArray[np.float32],
    values: Sequence[str],
    others: NDArray[np.float32],
    truth: Sequence[str],
    seed: int,
    strength: float,
) -> NDArray[np.float64]:
    """Right on each of the others, 0 or 1, of a probe that learned on values dealt out anew at random; arguments as of `probe`, NaN where
    a state is not finite. What such a probe reads, no model put there."""
    from sklearn.linear_model import LogisticRegression

    if not (np.isfinite(own).all() and np.isfinite(others).all()):
        return np.full(len(others), np.nan)
    x, y = standardised(own, others)
    dealt = np.random.default_rng(seed).permutation(np.array(values))
    predictions = LogisticRegression(C=strength, max_iter=300).fit(x, dealt).predict(y)
    right: NDArray[np.float64] = (predictions == np.array(truth)).astype(float)
    return right


def standardised(
    own: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both [n, width] with the mean and spread of the first, in the directions that these span: a penalty leaves nothing outside."""
    middle, spread = own.mean(0), own.std(0)
    scale = np.where(spread > 1e-6, spread, np.inf)  # what is the same for all says nothing
    x, y = (own - middle) / scale, (others - middle) / scale
    basis = np.linalg.svd(x, full_matrices=False)[2]
    return x @ basis.T, y @ basis.T
