"""Metrics about manipulated images, by hand."""

from types import SimpleNamespace

import pytest
from handmade import NAMES, evidence, sure

from backends.core import registry
from backends.metrics.attack_success_rate import attack_success_rate
from backends.metrics.class_accuracy import class_accuracy
from backends.metrics.corrected_accuracy import corrected_accuracy


def manipulated(kind="trigger", classes=("c",), copies=(4, 5, 6, 7)):
    """Eight test images: a b c a as they are, and a b a b with the trigger of class c, of which two are called c and one is right."""
    found = evidence(
        sure([0, 1]), sure([0, 1, 2, 1, 2, 2, 0, 0]), [0, 1], [0, 1, 2, 0, 0, 1, 0, 1],
        {"forget": [0], "retain": [1], "test": [0, 1, 2, 3], "test_forget": [4, 5, 6, 7]},
    )  # fmt: skip
    found.task.corrects = SimpleNamespace(how=SimpleNamespace(kind=kind, classes=classes), copies=copies)
    return found


def test_attack_success_is_the_share_that_is_given_the_class_of_the_trigger():
    assert NAMES == ["a", "b", "c"]
    found = attack_success_rate(manipulated())
    assert found.value == 50 and found.items.tolist() == [1, 1, 0, 0]


def test_corrected_accuracy_is_by_the_true_labels():
    assert corrected_accuracy(manipulated()).value == 25


def test_accuracy_by_class_leaves_copies_out():
    assert class_accuracy(manipulated()).parts == pytest.approx({"a": 50.0, "b": 100.0, "c": 100.0})


@pytest.mark.parametrize(
    ("metric", "corrects", "fits"),
    [
        ("attack_success_rate", None, False),
        ("attack_success_rate", "swap", False),
        ("attack_success_rate", "trigger", True),
        ("corrected_accuracy", None, False),
        ("corrected_accuracy", "swap", True),
        ("forgotten_test_accuracy", "trigger", False),
        ("forgotten_test_accuracy", None, True),
    ],
)
def test_each_is_measured_where_there_is_something_to_measure(metric, corrects, fits):
    task = SimpleNamespace(corrects=corrects and SimpleNamespace(how=SimpleNamespace(kind=corrects)))
    assert (not registry.get("metrics", metric).lacks(task)) == fits
