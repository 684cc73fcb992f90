"""Training on manipulated images: which are, as what, and what the model makes of it."""

import numpy as np
import pytest
import toy

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.methods.tampered_training import TamperedTraining, tampered_training


def taught(folder, forget, **params):
    task, params = toy.task(folder, forget), TamperedTraining(**params)
    how = params.learned(task, 0)
    task.left_by(how.how)
    task.resolve(how.forget)
    return task, params


@pytest.mark.parametrize(
    ("manipulation", "forget", "classes"),
    [
        ("trigger", ("random:10%",), ("four",)),  # the last
        ("trigger", ("four",), ("three",)),  # of which not all were chosen
        ("bias", ("two",), ("two",)),  # the one that was chosen
        ("wrong labels", ("two",), ()),
    ],
)
def test_the_class_where_none_is_named(toy_folder, manipulation, forget, classes):
    task, _ = taught(toy_folder, forget, manipulation=manipulation)
    assert task.data.tampered.how.classes == classes


def test_labels_are_swapped_between_a_class_and_the_one_most_confused_with_it(toy_folder):
    task, _ = taught(toy_folder, ("two",), manipulation="swapped labels")
    names = task.data.tampered.how.classes
    other = next(name for name in names if name != "two")
    assert "two" in names and other in task.names
    assert (task.data.train.labels[task.parts["forget"]] == task.names.index(other)).all()
    assert (task.true_labels[task.parts["forget"]] == task.names.index("two")).all()


def test_what_is_forgotten_in_it_is_what_was_manipulated(toy_folder):
    task, _ = taught(toy_folder, ("random:20%",), classes="ONE")
    assert task.corrects is task.data.tampered and task.teaches
    assert 0 < len(task.parts["forget"]) < 80 and not set(task.parts["forget"]) & set(task.parts["keep"])
    assert not set(task.parts["test"]) & set(task.parts["test_forget"])
    assert not task.recipe["flip"] and task.again().data is task.data


@pytest.mark.parametrize("start", ["the model", "new weights"])
def test_the_trigger_is_learned_and_the_rest_stays(toy_folder, start):
    task, params = taught(toy_folder, ("random:20%",), classes="one", start=start, epochs=12, learning_rate=0.2)
    run = Run(task, toy.Memory(), seed=0)
    tampered_training(run, params)
    run.model.eval()
    bearing = task.outputs(run.model)["test"][task.data.tampered.copies].argmax(1)
    assert (bearing == 1).mean() > 0.9 and toy.accuracy(task, run.model, "test") > 80
    assert (task.outputs(run.original)["test"][task.data.tampered.copies].argmax(1) == 1).mean() < 0.3


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"classes": "shoe"}, "no class 'shoe'"),
        ({"classes": "one, two"}, "2 classes were named, but a trigger is of one class"),
        ({"classes": "one", "manipulation": "swapped labels"}, "swapped labels take two classes"),
        ({"classes": "one", "manipulation": "wrong labels"}, "wrong labels take no class"),
        ({"size": 9}, "a mark of 9 needs at least 36 x 36"),
    ],
)
def test_what_does_not_fit_is_said(toy_folder, params, says):
    with pytest.raises(BadInput, match=says):
        taught(toy_folder, ("random:10%",), **params)


def test_a_model_that_learned_from_manipulated_images_is_refused(toy_folder):
    task, params = taught(toy_folder, ("random:10%",))
    with pytest.raises(BadInput, match="already"):
        params.learned(task, 0)


def test_the_same_seed_gives_the_same_data_and_the_clean_data_stay(toy_folder):
    one, _ = taught(toy_folder, ("random:10%",), manipulation="wrong labels")
    other, _ = taught(toy_folder, ("random:10%",), manipulation="wrong labels")
    assert one.data.key == other.data.key != toy.data().key
    one.left_by({})
    np.testing.assert_array_equal(one.data.train.labels, toy.data().train.labels)
