"""Membership attacks on sets whose confidence is known."""

import time
from math import isnan, log, nan

import numpy as np
import pytest
from handmade import evidence, logits, true_confidence
from sklearn.svm import SVC

from backends.core import registry
from backends.metrics._common import best_threshold, confidence, entropy

ATTACKS = ("mia_efficacy", "mia_confidence", "mia_entropy")


def attacked(forget, retain, test):
    """Evidence in which the true class has these probabilities, all of class a."""
    train = np.concatenate([forget, retain])
    parts = {
        "forget": range(len(forget)), "retain": range(len(forget), len(train)), "test": range(len(test)), "test_forget": [],
    }  # fmt: skip
    zeros = [0] * len(train), [0] * len(test)
    return evidence(true_confidence(zeros[0], train), true_confidence(zeros[1], test), *zeros, parts)


def score(metric, seen):
    return registry.get("metrics", metric).function(seen)


@pytest.mark.parametrize("metric", ATTACKS)
@pytest.mark.parametrize(("forget", "value"), [([0.5, 0.52, 0.55], 100), ([0.97, 0.98, 0.99], 0), ([0.5, 0.99], 50)])
def test_members_at_99_and_strangers_at_50(metric, forget, value):
    seen = attacked(forget, np.linspace(0.96, 0.995, 40), np.linspace(0.45, 0.6, 30))
    assert score(metric, seen).value == pytest.approx(value)
    assert score(metric, seen).parts["attack_accuracy"] == pytest.approx(100)


def test_threshold_lies_halfway_between_the_sets():
    found = score("mia_confidence", attacked([0.7], [0.9, 0.95], [0.3, 0.5]))
    assert found.parts["threshold"] == pytest.approx(0.7, abs=1e-6)
    by_entropy = score("mia_entropy", attacked([0.7], [0.99, 0.99], [0.4, 0.4]))
    low, high = (-(p * log(p) + (1 - p) * log((1 - p) / 2)) for p in (0.99, 0.4))
    assert by_entropy.parts["threshold"] == pytest.approx((low + high) / 2, rel=1e-5)


def test_the_scores_are_kept_so_that_a_threshold_can_be_dragged():
    found = score("mia_confidence", attacked([0.2, 0.8], [0.9], [0.5]))
    assert list(found.items) == pytest.approx([0.2, 0.8], rel=1e-5)
    assert found.ids == ["train-0", "train-1"]


def test_threshold_counts_both_sets_alike_however_large():
    line = best_threshold(np.array([2.0] * 10 + [0.0] * 90), np.array([1.0]))
    assert line.at == 1.5
    assert line.accuracy == pytest.approx((0.1 + 1) / 2)


@pytest.mark.parametrize(
    ("members", "others"), [([1.0, 1.0], [1.0]), ([1.0], [2.0]), ([], [1.0]), ([1.0], []), ([nan], [1.0])]
)
def test_no_threshold_where_none_beats_chance(members, others):
    assert best_threshold(np.array(members), np.array(others)) is None


@pytest.mark.parametrize("metric", ("mia_confidence", "mia_entropy"))
def test_indistinguishable_sets_are_not_measured(metric):
    assert isnan(score(metric, attacked([0.5], [0.7, 0.7], [0.7])).value)


@pytest.mark.parametrize("metric", ATTACKS)
def test_output_that_is_no_number_is_not_measured(metric):
    seen = attacked([0.5], [0.9], [0.2])
    seen.outputs["train"][0] = nan
    assert isnan(score(metric, seen).value)


def test_efficacy_is_that_of_the_authors_svm():
    rng = np.random.default_rng(1)
    forget, retain, test = rng.beta(5, 2, 50), rng.beta(8, 1, 120), rng.beta(4, 2, 80)
    seen = attacked(forget, retain, test)
    members = retain[:80]  # the first |Dt| of the retain set
    svm = SVC(C=3, gamma="auto", kernel="rbf").fit(np.concatenate([members, test])[:, None], [1] * 80 + [0] * 80)
    assert score("mia_efficacy", seen).value == pytest.approx(100 * np.mean(svm.predict(forget[:, None]) == 0), abs=2)


def test_efficacy_of_a_large_set_is_sampled_and_quick():
    rng = np.random.default_rng(2)
    seen = attacked(rng.beta(5, 2, 2000), rng.beta(8, 1, 18_000), rng.beta(4, 2, 5000))
    started = time.process_time()
    found = score("mia_efficacy", seen)
    assert time.process_time() - started < 3
    assert found.value == score("mia_efficacy", seen).value
    assert len(found.items) == 2000


def test_confidence_and_entropy_by_hand():
    rows = logits([[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]])
    assert list(confidence(rows, np.array([0, 2]))) == pytest.approx([0.5, 1 / 3])
    assert list(entropy(rows)) == pytest.approx([1.5 * log(2), log(3)])
    assert entropy(np.array([[1000.0, 0.0, 0.0]], np.float32))[0] == 0
