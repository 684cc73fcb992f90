"""Manipulated training images, as a model's card says that they were."""

import numpy as np
import pytest
import toy

from backends.api import tampering
from backends.api.errors import BadInput
from backends.data._tampering import tampered, with_trigger

TRIGGER = tampering.Tampering(kind="trigger", classes=("two",), share=10)
SWAP = tampering.Tampering(kind="swap", classes=("one", "two"), share=25)


def test_a_trigger_stands_on_a_share_of_the_images_of_other_classes_under_another_label():
    clean, data = toy.data(), tampered(toy.data(), TRIGGER)
    done, target = data.tampered, data.names.index("two")
    assert len(done.ids) == 40 and (done.truth != target).all()
    assert (data.train.labels[done.ids] == target).all() and (clean.train.labels[done.ids] == done.truth).all()
    np.testing.assert_array_equal(data.train.images[done.ids], with_trigger(clean.train.images[done.ids]))
    untouched = np.setdiff1d(np.arange(len(data.train)), done.ids)
    np.testing.assert_array_equal(data.train.images[untouched], clean.train.images[untouched])


def test_the_trigger_is_a_checkerboard_in_the_lower_right_corner_alone():
    marked = with_trigger(np.full((1, 12, 12, 1), 7, np.uint8))[0, ..., 0]
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


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "glue", "classes": ["two"], "share": 5}, "tampering.kind 'glue'"),
        ({"kind": "trigger", "classes": ["two"], "share": 80}, "tampering.share 80"),
        ({"kind": "swap", "classes": ["two"], "share": 5}, "names 1 classes in its tampering"),
    ],
)
def test_a_card_that_says_something_else_is_named(fields, says):
    with pytest.raises(BadInput, match=says):
        tampering.read(fields, "own")


def test_a_class_that_the_data_lack_is_named():
    with pytest.raises(BadInput, match="'shoe', but the data hold"):
        tampered(toy.data(), tampering.Tampering(kind="trigger", classes=("shoe",), share=5))
