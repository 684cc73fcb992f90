"""Finding the retrained reference: shipped ones first, then runs that made one."""

import pytest
import whole

from backends.api import files
from backends.api.home import ASSETS, home
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.models.reference import WEIGHTS, find, forget_key

KEY = forget_key([1, 2])


def finished(name="20260101-000000-aaa", weights=True, data="", **result):
    """A run folder as the engine leaves it."""
    run = home() / "runs" / name
    said = {"model": "m", "method": "retrain", "params": {}, "forget": ["x"], "keep": [], "forget_key": KEY} | result
    files.write_json(run / "spec.json", {name: said[name] for name in ("model", "method", "forget")} | {"data": data})
    files.write_json(run / "result.json", whole.result(name, **said))
    files.write_json(run / "state.json", whole.state())
    if weights:
        files.write_bytes(run / "after" / WEIGHTS, b"weights")
    return run / "after" / WEIGHTS


def test_the_key_depends_on_the_set_alone():
    assert forget_key([3, 1, 2]) == forget_key([1, 2, 3, 3]) != forget_key([1, 2])
    assert len(forget_key([1])) == 24 and forget_key([12]) != forget_key([1, 2])


def test_none_was_made():
    assert find("m", KEY) is None


def test_a_finished_run_is_found_and_the_newest_first():
    older = finished()
    assert find("m", KEY) == older
    newer = finished("20260202-000000-bbb")
    assert find("m", KEY) == newer


@pytest.mark.parametrize(
    "different",
    [
        {"model": "other"},
        {"forget_key": forget_key([1])},
        {"keep": ["two"]},
        {"method": "fine_tune"},
        {"method": "nonesuch"},
        {"params": {"epochs": 1}},
        {"data": "/some/folder"},
        {"weights": False},
    ],
)
def test_a_run_that_made_something_else_is_no_reference(different):
    finished(**different)
    assert find("m", KEY) is None


def test_a_reference_of_an_own_folder_belongs_to_that_folder():
    made = finished(data="/some/folder")
    assert find("m", KEY, "/some/folder") == made


@pytest.mark.parametrize("model", ["fashion-resnet", "fashion-vit"])
@pytest.mark.parametrize("target", ["Sandal", "random:10%"])
def test_the_shipped_references_are_found_by_what_is_forgotten(model, target):
    task = Classifier(model)
    resolve(task, (target,))
    key = forget_key(task.parts["forget"])
    assert find(model, key) == ASSETS / "references" / model / key / WEIGHTS
    card = files.read_json(ASSETS / "references" / model / key / "card.json")
    assert card["forget"] == [target] and card["forget_key"] == key and card["seed"] != task.recipe["seed"]
