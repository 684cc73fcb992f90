"""Accuracies, worked out by hand on the six images of `handmade.class_a_forgotten`."""

from math import isnan, nan

import numpy as np
import pytest
from handmade import class_a_forgotten, evidence, sure

from backends.core import registry


def score(metric, seen):
    return registry.get("metrics", metric).function(seen)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("unlearning_accuracy", 50),  # of a a it says a b: one wrong of two
        ("remaining_accuracy", 75),  # of b b c c it says b b c a
        ("testing_accuracy", 75),  # of b b c c it says b c c c; the two a are counted apart
        ("forgotten_test_accuracy", 0),  # of a a it says b b
        ("neighbour_accuracy", 50),  # b is the neighbour: of b b it says b c
        ("class_accuracy", 50),  # a 0, b 50, c 100
    ],
)
def test_by_hand(metric, value):
    assert score(metric, class_a_forgotten()).value == pytest.approx(value)


def test_items_follow_the_direction_of_the_metric():
    forgot, kept = (score(metric, class_a_forgotten()) for metric in ("unlearning_accuracy", "remaining_accuracy"))
    assert (forgot.ids, list(forgot.items)) == (["train-0", "train-1"], [0, 1])  # 1 is wrong
    assert (kept.ids, list(kept.items)) == (["train-2", "train-3", "train-4", "train-5"], [1, 1, 1, 0])  # 1 is right


def test_accuracy_by_class_has_every_class():
    assert score("class_accuracy", class_a_forgotten()).parts == {"a": 0, "b": 50, "c": 100}


def test_class_without_test_images_is_not_measured_and_not_in_the_mean():
    seen = evidence(sure([0]), sure([0, 0, 1]), [0], [0, 1, 1], {"test": [0, 1, 2], "test_forget": []})
    found = score("class_accuracy", seen)
    assert found.value == pytest.approx((100 + 50) / 2)
    assert isnan(found.parts["c"])


def test_random_forgetting_has_no_forgotten_classes_to_measure():
    seen = evidence(
        sure([0, 1]), sure([0, 1]), [0, 1], [0, 1], {"forget": [0], "retain": [1], "test": [0, 1], "test_forget": []}
    )
    found = score("forgotten_test_accuracy", seen)
    assert isnan(found.value)
    assert found.items is None
    assert score("testing_accuracy", seen).value == 100


def test_no_neighbours_is_not_measured():
    seen = evidence(sure([0]), sure([0]), [0], [0], {"test": [0], "test_forget": []})
    assert isnan(score("neighbour_accuracy", seen).value)


def test_output_that_is_no_number_is_never_right():
    broken = np.full((2, 3), nan, np.float32)
    seen = evidence(broken, broken, [0, 1], [0, 1], {"forget": [0], "retain": [1], "test": [0, 1], "test_forget": []})
    assert score("unlearning_accuracy", seen).value == 100
    assert score("remaining_accuracy", seen).value == 0
    assert score("testing_accuracy", seen).value == 0
