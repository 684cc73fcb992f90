"""The sentence says what the numbers say, with models whose answers are made by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from backends.engine.evidence import Evidence
from backends.engine.verdict import verdict

NAMES = ["cat", "dog", "bird", "fish"]
LABELS = np.arange(400) % 4


def task(by_class=True):
    gone = LABELS == 1 if by_class else np.arange(400) < 100
    whole = np.arange(400)
    return SimpleNamespace(
        names=NAMES,
        forgotten_classes=[1] if by_class else [],
        data=SimpleNamespace(train=SimpleNamespace(labels=LABELS), test=SimpleNamespace(labels=LABELS)),
        parts={
            "forget": whole[gone], "keep": whole[~gone], "retain": whole[~gone], "train": whole,
            "test": whole[LABELS != 1] if by_class else whole, "test_forget": whole[LABELS == 1],
        },
    )  # fmt: skip


def model(the_task, when, forget_wrong, rest_wrong=0.0, bad_class=None):
    """A model that is wrong on these shares of the forget set and of everything else, or of one class."""

    def said(gone):
        answers = LABELS.copy()
        for mask, share in ((gone, forget_wrong), (~gone, rest_wrong)):
            chosen = np.flatnonzero(mask if bad_class is None or share != rest_wrong else mask & (bad_class == LABELS))
            chosen = chosen[: round(share * len(chosen))]
            answers[chosen] = (answers[chosen] + 1) % 4
        return np.eye(4, dtype=np.float32)[answers]

    train = np.isin(np.arange(400), the_task.parts["forget"])
    test = (LABELS == 1) if the_task.forgotten_classes else np.zeros(400, bool)
    return Evidence(when, the_task, {"train": said(train), "test": said(test)}, lambda name, when: math.nan)


def judged(by_class=True, gap=math.nan, reference=None, before=None, **after):
    the_task = task(by_class)
    seen = {
        "before": model(the_task, "before", **(before or {"forget_wrong": 0.0})),
        "after": model(the_task, "after", **after),
    }
    if reference is not None:
        seen["reference"] = model(the_task, "reference", reference)
    return verdict(the_task, seen, ["dog"] if by_class else ["random:25%"], gap=gap)


def test_forgotten_and_nothing_hurt():
    said = judged(forget_wrong=1.0)
    assert said.startswith("It forgot dog (100 training images): 100.0 % wrong now (0.0 % before)")
    assert "the rest lost little" in said and "no model trained again" in said


@pytest.mark.parametrize(("share", "word"), [(0.1, "hardly"), (0.7, "partly")])
def test_not_or_partly_forgotten(share, word):
    assert judged(forget_wrong=share).startswith(f"It {word} forgot dog")


def test_what_was_hurt_is_named():
    said = judged(forget_wrong=1.0, rest_wrong=0.4, bad_class=3)
    assert "the rest was hurt" in said and "-40.0 on fish" in said


def test_the_reference_is_the_aim():
    said = judged(by_class=False, forget_wrong=0.1, reference=0.1, gap=0.4)
    assert said.startswith("It forgot the 100 training images (random:25%)")
    assert "10.0 % after training again without them" in said and "0.4 points from a model" in said


def test_more_wrong_than_the_reference_is_not_called_forgetting():
    assert judged(by_class=False, forget_wrong=0.8, reference=0.1).startswith(
        "It gets more wrong than forgetting would explain"
    )


def test_without_a_reference_single_images_are_compared_with_images_never_seen():
    before = {"forget_wrong": 0.0, "rest_wrong": 0.2}
    said = judged(by_class=False, forget_wrong=0.2, rest_wrong=0.2, before=before)
    assert said.startswith("It forgot the 100") and "20.0 % on images it never saw" in said


def test_training_again_is_not_compared_with_nothing():
    the_task = task()
    seen = {"before": model(the_task, "before", 0.0), "after": model(the_task, "after", 1.0)}
    said = verdict(the_task, seen, ["dog"], again=True)
    assert "no model trained again" not in said and "accuracy: 0.0 on kept images" in said


def test_it_never_claims_that_knowledge_is_gone():
    assert judged(forget_wrong=1.0).endswith("not that the knowledge is erased.")
    the_task = task()
    seen = {when: model(the_task, when, 1.0) for when in ("before", "after")}
    assert verdict(the_task, seen, ["dog"], guard=True).endswith("hidden, not erased.")


def test_nothing_moved_and_a_set_was_found():
    the_task = task()
    seen = {when: model(the_task, when, 0.25) for when in ("before", "after")}
    assert "not one weight" in verdict(the_task, seen, ["dog"], unchanged=True)
    assert "the 100 training images that it found: 25.0 %" in verdict(the_task, seen, ["dog"], found=True)
