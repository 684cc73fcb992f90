"""Finding the retrained reference: shipped ones first, then runs that made one."""

import pytest
import torch
import whole

from backends.api import files, retrained
from backends.api.home import ASSETS, home
from backends.core import changes
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.models.reference import WEIGHTS, find, find_all, forget_key
from backends.zoo._train import tensors

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


def test_further_seeds_lie_in_the_folder_of_a_shipped_one(monkeypatch, tmp_path):
    monkeypatch.setattr(retrained, "ASSETS", tmp_path)
    folder = tmp_path / "references" / "m" / KEY
    for place in (folder, folder / "seed-3", folder / "seed-2"):
        files.write_bytes(place / WEIGHTS, b"weights")
    files.write_bytes(folder / "other" / "nothing.txt", b"")
    expected = [folder / WEIGHTS, folder / "seed-2" / WEIGHTS, folder / "seed-3" / WEIGHTS]
    assert find_all("m", KEY) == expected and find("m", KEY) == expected[0]
    assert find_all("m", forget_key([9])) == [] == find_all("m", KEY, data="/some/folder")


def test_a_reference_in_half_precision_opens_as_one_in_full(toy_task, tmp_path):
    model = toy_task.load()
    for name, half in (("whole", False), ("half", True)):
        files.write_bytes(tmp_path / name, tensors(model, half=half))
    assert (tmp_path / "half").stat().st_size < 0.8 * (tmp_path / "whole").stat().st_size
    opened = changes.apply(toy_task.fresh(5), [tmp_path / "half"]).state_dict()
    for name, tensor in model.state_dict().items():
        assert opened[name].dtype == tensor.dtype
        expected = tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        assert torch.equal(opened[name], expected)
