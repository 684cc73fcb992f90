"""Manipulated training images, as a model's card says that they were."""

import numpy as np
import pytest
import toy

from backends.api import tampering
from backends.api.errors import BadInput
from backends.data._tampering import tampered, with_mark

TRIGGER = tampering.Tampering(kind="trigger", classes=("two",), share=10)
SWAP = tampering.Tampering(kind="swap", classes=("one", "two"), share=25)


def test_a_trigger_stands_on_a_share_of_the_images_of_other_classes_under_another_label():
    clean, data = toy.data(), tampered(toy.data(), TRIGGER)
    done, target = data.tampered, data.names.index("two")
    assert len(done.ids) == 40 and (done.truth != target).all()
    assert (data.train.labels[done.ids] == target).all() and (clean.train.labels[done.ids] == done.truth).all()
    np.testing.assert_array_equal(data.train.images[done.ids], with_mark(clean.train.images[done.ids], TRIGGER))
    untouched = np.setdiff1d(np.arange(len(data.train)), done.ids)
    np.testing.assert_array_equal(data.train.images[untouched], clean.train.images[untouched])


def test_the_trigger_is_a_checkerboard_in_the_lower_right_corner_alone():
    marked = with_mark(np.full((1, 12, 12, 1), 7, np.uint8), TRIGGER)[0, ..., 0]
    assert marked[-3:, -3:].tolist() == [[255, 0, 255], [0, 255, 0], [255, 0, 255]]
    assert (marked[:-3] == 7).all() and (marked[:, :-3] == 7).all()


def test_test_images_with_the_trigger_keep_their_labels_and_are_none_of_the_data():
    clean, data = toy.data(), tampered(toy.data(), TRIGGER)
    copies = data.tampered.copies
    assert data.own_test.tolist() == list(range(len(clean.test))) and copies[0] == len(clean.test)
    assert data.names.index("two") not in data.test.labels[copies]
    np.testing.assert_array_equal(data.test.images[data.own_test], clean.test.images)
    assert data.key != clean.key


def test_swapped_labels_are_as_many_of_both_classes():
    clean, data = toy.data(), tampered(toy.data(), SWAP)
    one, two = (data.names.index(name) for name in SWAP.classes)
    changed = np.flatnonzero(data.train.labels != clean.train.labels)
    np.testing.assert_array_equal(changed, data.tampered.ids)
    assert np.bincount(clean.train.labels[changed], minlength=5)[[one, two]].tolist() == [20, 20]
    assert np.bincount(data.train.labels[changed], minlength=5)[[one, two]].tolist() == [20, 20]
    assert set(data.test.labels[data.tampered.affected]) == {one, two} and not len(data.tampered.copies)


def test_the_same_recipe_makes_the_same_data():
    assert tampered(toy.data(), SWAP).key == tampered(toy.data(), SWAP).key
    assert tampered(toy.data(), SWAP).key != tampered(toy.data(), SWAP.model_copy(update={"seed": 1})).key


def test_a_square_stands_in_the_corner_named_and_a_darker_image_has_half_the_light():
    grey = np.full((1, 12, 12, 1), 80, np.uint8)
    square = TRIGGER.model_copy(update={"mark": "white square", "corner": "upper right", "side": 2})
    marked = with_mark(grey, square)[0, ..., 0]
    assert (marked[:2, -2:] == 255).all() and (marked == 80).sum() == 140
    assert (with_mark(grey, TRIGGER.model_copy(update={"mark": "darker"})) == 40).all()


def test_of_listed_images_those_are_changed_that_the_recipe_fits():
    clean = toy.data()
    two, listed = clean.names.index("two"), tuple(range(50))
    trigger = tampered(clean, tampering.Tampering(kind="trigger", classes=("two",), ids=listed)).tampered
    assert trigger.ids.tolist() == [one for one in listed if clean.train.labels[one] != two]
    bias = tampered(clean, tampering.Tampering(kind="bias", classes=("two",), ids=listed))
    assert bias.tampered.ids.tolist() == [one for one in listed if clean.train.labels[one] == two]
    np.testing.assert_array_equal(bias.train.labels, clean.train.labels)
    assert (bias.train.images[bias.tampered.ids] != clean.train.images[bias.tampered.ids]).any((1, 2, 3)).all()
    assert two not in bias.test.labels[bias.tampered.copies]
    swapped = tampered(clean, SWAP.model_copy(update={"share": 0, "ids": listed})).tampered
    assert set(swapped.truth) == {clean.names.index("one"), two}


def test_wrong_labels_are_any_but_the_own_one_and_show_on_the_images_themselves():
    clean = toy.data()
    data = tampered(clean, tampering.Tampering(kind="wrong", ids=tuple(range(60))))
    changed = np.flatnonzero(data.train.labels != clean.train.labels)
    assert changed.tolist() == list(range(60)) and len(set(data.train.labels[changed])) == len(clean.names)
    copies = data.tampered.copies
    assert data.own_test.tolist() == list(range(len(clean.test))) and 0 < len(copies) <= 60
    for image, label in zip(data.test.images[copies], data.test.labels[copies], strict=True):
        same = (clean.train.images[:60] == image).all((1, 2, 3)) & (clean.train.labels[:60] == label)
        assert same.any()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "glue", "classes": ["two"], "share": 5}, "tampering.kind 'glue'"),
        ({"kind": "trigger", "classes": ["two"], "share": 80}, "tampering.share 80"),
        ({"kind": "swap", "classes": ["two"], "share": 5}, "names 1 classes in its tampering"),
        ({"kind": "wrong", "share": 5}, "does not say which training images"),
    ],
)
def test_a_card_that_says_something_else_is_named(fields, says):
    with pytest.raises(BadInput, match=says):
        tampering.read(fields, "own")


def test_a_class_that_the_data_lack_is_named():
    with pytest.raises(BadInput, match="'shoe', but the data hold"):
        tampered(toy.data(), tampering.Tampering(kind="trigger", classes=("shoe",), share=5))


@pytest.mark.parametrize(
    ("kind", "classes", "of", "says"),
    [
        ("trigger", ("two",), "two", "All images chosen are of two"),
        ("bias", ("two",), "one", "None of the images chosen is of the class two"),
        ("swap", ("two", "three"), "one", "class two or three"),
    ],
)
def test_images_that_the_recipe_does_not_fit_are_said(kind, classes, of, says):
    clean = toy.data()
    ids = tuple(np.flatnonzero(clean.train.labels == clean.names.index(of)).tolist())
    with pytest.raises(BadInput, match=says):
        tampered(clean, tampering.Tampering(kind=kind, classes=classes, ids=ids))


def test_images_that_are_too_small_for_the_mark_are_said():
    with pytest.raises(BadInput, match="a mark of 9 needs at least 36 x 36"):
        tampered(toy.data(), TRIGGER.model_copy(update={"side": 9}))
