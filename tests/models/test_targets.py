"""From names to index sets, on the toy: 400 training and 200 test images, five classes in turn."""

import numpy as np
import pytest
import toy
import whole

from backends.api import files
from backends.api.errors import BadInput
from backends.api.home import home
from backends.families.classifier import resolve


def of(task, part):
    return task.parts[part].tolist()


def test_a_class_and_everything_else(toy_task):
    assert of(toy_task, "forget") == list(range(2, 400, 5))
    assert of(toy_task, "keep") == of(toy_task, "retain") == [i for i in range(400) if i % 5 != 2]
    assert of(toy_task, "test_forget") == list(range(2, 200, 5))
    assert sorted(of(toy_task, "test") + of(toy_task, "test_forget")) == list(range(200))
    assert toy_task.forgotten_classes == [2]


def test_class_names_in_any_case_and_several_of_them(toy_folder):
    task = toy.task(toy_folder, ("TWO", "four"))
    assert task.forgotten_classes == [2, 4] and len(task.parts["forget"]) == 160


def test_a_random_share_is_the_same_each_time_and_another_for_another_draw(toy_folder):
    first, again, other = (toy.task(toy_folder, (name,)) for name in ("random:10%", "random:10%", "random:10%:7"))
    assert len(first.parts["forget"]) == 40 == len(other.parts["forget"])
    assert of(first, "forget") == of(again, "forget") != of(other, "forget")
    assert len(first.parts["test"]) == 200 and not len(first.parts["test_forget"])
    assert first.forgotten_classes == [] and first.neighbours == []


def test_single_images_and_a_class_together(toy_folder):
    task = toy.task(toy_folder, ("images:0,5,2", "two"))
    assert of(task, "forget") == sorted({0, 5, *range(2, 400, 5)})
    assert task.forgotten_classes == [] and len(task.parts["test"]) == 200


def test_the_images_most_alike(toy_folder):
    task = toy.task(toy_folder, ("like:7:30",))
    chosen = of(task, "forget")
    assert len(chosen) == 30 and 7 in chosen
    assert np.mean(np.array(chosen) % 5 == 2) > 0.8  # of the same class as image 7, nearly all


def test_a_keep_list_is_what_may_be_rehearsed_and_no_more(toy_folder):
    task = toy.task(toy_folder, ("two",), ("one", "images:0,2"))
    assert of(task, "keep") == sorted([0, *range(1, 400, 5)])
    assert len(task.parts["retain"]) == 320 and len(task.parts["test"]) == 160


def test_a_set_that_a_run_found(toy_folder):
    run = home() / "runs" / "20260101-000000-abc"
    files.write_json(run / "spec.json", {"model": "toy", "method": "worst_case", "forget": ["random:10%"]})
    files.write_json(run / "state.json", whole.state())
    with pytest.raises(BadInput, match="found no forget set"):
        toy.task(toy_folder, (f"run:{run.name}",))
    files.write_json(run / "found.json", {"ids": [9, 3], "share": 0.005})
    assert of(toy.task(toy_folder, (f"run:{run.name}",)), "forget") == [3, 9]
    files.write_json(run / "found.json", {"ids": [9, 400], "share": 0.005})
    with pytest.raises(BadInput, match="no training image 400; ids run from 0 to 399"):
        toy.task(toy_folder, (f"run:{run.name}",))


@pytest.mark.parametrize(
    ("forget", "keep", "match"),
    [
        (("seven",), (), "no class 'seven'; .* knows zero, one, two, three, four"),
        (("zero", "one", "two", "three", "four"), (), "All 5 classes were chosen"),
        (("two",), ("Two",), "two is in the forget list and in the keep list"),
        (("two",), ("images:2,7",), "leaves none of the 400 training images to keep"),
        (("images:400",), (), "no training image 400; ids run from 0 to 399"),
        (("like:400:3",), (), "no training image 400"),
        (("run:nonesuch",), (), "no run 'nonesuch'"),
        (("zero", "one", "two", "three", "images:" + ",".join(map(str, range(4, 400, 5)))), (), "leaves none"),
    ],
)
def test_bad_targets_get_one_sentence(toy_folder, forget, keep, match):
    with pytest.raises(BadInput, match=match) as caught:
        toy.task(toy_folder, forget, keep)
    assert "\n" not in str(caught.value)


def test_neighbours_are_the_classes_confused_most_in_either_direction(toy_task, monkeypatch):
    confusion = np.eye(5)
    confusion[0, 2], confusion[2, 4], confusion[2, 1] = 0.3, 0.2, 0.1
    monkeypatch.setattr(resolve, "task_confusion", lambda task: confusion)
    assert resolve.neighbours(toy_task, [2]) == [0, 4]
    assert resolve.neighbours(toy_task, [2, 0], most=5) == [4, 1]
    assert resolve.neighbours(toy_task, [3]) == []


def test_confusion_is_measured_where_no_card_has_it(toy_task):
    confusion = np.array(resolve.task_confusion(toy_task))
    said = toy_task.outputs(toy_task.load())["test"].argmax(1)
    assert np.allclose(confusion.sum(1), 1)
    assert confusion[1, 1] == pytest.approx(float((said[1::5] == 1).mean()))
