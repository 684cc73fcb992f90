"""The sentence on a classifier says what its numbers say."""

from math import nan
from types import SimpleNamespace

import judged as by_hand
import pytest

from backends.engine import verdict
from backends.families.classifier.verdict import of_images

SANDAL = {"family": "classifier", "what": "Sandal (2,000 training images)", "by_class": ("Sandal",)}
IMAGES = {"family": "classifier", "what": "the 100 training images (random:25%)"}


def judged(about=SANDAL, forget=(0.4, 100.0), kept=(95.0, 95.0), new=(90.0, 90.0), **more):
    return by_hand.judged(
        about, unlearning_accuracy=forget, remaining_accuracy=kept, testing_accuracy=new, **more
    )  # fmt: skip


def test_forgotten_and_nothing_hurt():
    found = judged()
    assert found.startswith("It forgot Sandal (2,000 training images): 100 % of them wrong now (0.4 % before)")
    assert "the rest lost little (points of accuracy: 0 on kept images, 0 on new ones)" in found
    assert "no retrained reference" in found


@pytest.mark.parametrize(("share", "word"), [(10, "hardly"), (70, "partly")])
def test_not_or_partly_forgotten(share, word):
    assert judged(forget=(0, share)).startswith(f"It {word} forgot Sandal")


def test_what_was_hurt_is_named_but_never_what_was_to_be_forgotten():
    parts = {"class_accuracy": {"before": {"Sandal": 98.0, "Bag": 97.0}, "after": {"Sandal": 0.0, "Bag": 57.0}}}
    found = judged(class_accuracy=(97.5, 28.5), parts=parts)
    assert "the rest was hurt" in found and "-40.0 on Bag" in found and "on Sandal" not in found


def test_the_reference_is_the_aim():
    found = judged(IMAGES, forget=(0, 10, 10), average_gap=(5, 0.4, 0))
    assert found.startswith("It forgot the 100 training images (random:25%)")
    assert "10 % after training again without them" in found
    assert (
        "on average of UA, RA, TA and MIA 0.4 points from the retrained reference" in found and "far from" not in found
    )


def test_an_average_that_leaves_out_a_far_number_names_it():
    found = judged(forget=(0.4, 100, 100), average_gap=(49.8, 0.2, 0), mia_entropy=(1.8, 99.9, 36.15))
    assert (
        "0.2 points from the retrained reference, but far from it in MIA (entropy) 99.9 % (36.1 % retrained)" in found
    )
    near = judged(forget=(0.4, 100, 100), average_gap=(49.8, 0.2, 0), mia_entropy=(1.8, 40, 36.15))
    assert "far from" not in near


def test_more_wrong_than_the_reference_is_not_called_forgetting():
    assert judged(IMAGES, forget=(0, 80, 10)).startswith("It gets more wrong than forgetting would explain")


def test_without_a_reference_single_images_are_compared_with_images_never_seen():
    found = judged(IMAGES, forget=(0, 20), new=(80, 80))
    assert found.startswith("It forgot the 100") and "20 % on images it never saw" in found


def test_training_again_is_not_compared_with_nothing():
    found = judged(SANDAL | {"again": True})
    assert "no retrained reference" not in found and "accuracy: 0 on kept images" in found


def test_it_never_claims_that_knowledge_is_gone():
    assert judged().endswith("not that the knowledge is erased.")
    assert judged(SANDAL | {"guard": True}).endswith("hidden, not erased.")


def test_nothing_moved_and_a_set_was_found():
    assert "not one weight" in judged(SANDAL | {"unchanged": True})
    assert of_images(100, ["dog"], (), chosen_by_method=True) == "the 100 training images that it found"
    assert of_images(1, ["ids:3"], ()) == "the 1 training image (ids:3)"
    assert of_images(4, list("abcd"), tuple("abcd")) == "4 classes (4 training images)"


def test_what_nobody_measured_is_not_said():
    assert judged(forget=(nan, nan), kept=(nan, nan), new=(nan, nan)).startswith("Whether it forgot Sandal")


def test_what_it_is_about_is_read_from_the_job():
    task = SimpleNamespace(
        family="classifier", names=["cat", "dog"], forgotten_classes=[1], parts={"forget": range(100)}, corrects=None
    )
    method = SimpleNamespace(guard=False, reference=False, finds=False, teaches=False, stage="forget")
    about = verdict.subject(task, ["dog"], method, moved=True)
    assert (about.what, about.by_class, about.unchanged) == ("dog (100 training images)", ("dog",), False)
