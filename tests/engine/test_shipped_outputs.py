"""What the embedded models say as they are lies beside them, and is taken only for what it was made of."""

import numpy as np
import pytest
import torch

from backends.api import files, people
from backends.api.home import ASSETS
from backends.engine import outputs
from backends.engine.loading import open_task
from backends.models.source import embedded_ids
from backends.zoo.model_outputs import referred

REFERENCES = sorted(
    path.parent
    for path in (ASSETS / "references").glob("*/*/" + outputs.SHIPPED)
    if {"said", "images"} & set(np.load(path).files)  # that a job keeps
)


@pytest.fixture(params=embedded_ids())
def task(request):
    made = open_task(request.param, "", {"precision": "float32"})
    made.resolve(files.read_json(ASSETS / "models" / request.param / "card.json")["default_forget"])
    return made


def never(*_):
    raise AssertionError("it was asked again")


def test_nothing_is_asked_again(task, monkeypatch):
    monkeypatch.setattr(task, "outputs", never)
    said = outputs.of(task, task.load())
    assert said and "key" not in said and all(np.size(rows) for rows in said.values())


def test_other_weights_are_asked(task, monkeypatch):
    model = task.load()
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    monkeypatch.setattr(task, "outputs", lambda *_: {"asked": np.ones(1)})
    assert list(outputs.of(task, model)) == ["asked"]


def test_another_precision_is_asked_where_answers_depend_on_it(task, monkeypatch):
    task.precision = torch.bfloat16
    monkeypatch.setattr(task, "outputs", lambda *_: {"asked": np.ones(1)})
    assert (list(outputs.of(task, task.load())) == ["asked"]) is not task.exact


def test_a_language_model_answers_the_same_whatever_it_trains_in(toy_language_task):
    assert toy_language_task.exact
    model = toy_language_task.load()
    said = toy_language_task.outputs(model)
    toy_language_task.precision = torch.bfloat16
    again = toy_language_task.outputs(model)
    assert all(np.array_equal(said[name], again[name], equal_nan=said[name].dtype.kind == "f") for name in said)


@pytest.fixture(params=REFERENCES, ids=lambda folder: folder.name[:6])
def reference(request):
    """(task, retrained reference) of a folder that holds what the reference says."""
    made = open_task(request.param.parent.name, "", {"precision": "float32"})
    made.resolve(files.read_json(request.param / "card.json")["forget"])
    return made, referred(made, request.param)


def test_a_reference_is_not_asked_again_but_for_its_own_targets(reference, monkeypatch):
    task, model = reference
    monkeypatch.setattr(task, "outputs", never)
    said = outputs.of(task, model)
    drawn = "images" in said
    assert "key" not in said
    assert len(said["images" if drawn else "said"]) == len((task.asking if drawn else task.questions).suite)
    other = task.again()
    other.resolve(["dog"] if drawn else [people.load(task.brings).names[0]])  # in no forget set
    monkeypatch.setattr(other, "outputs", lambda *_: {"asked": np.ones(1)})
    assert list(outputs.of(other, model)) == ["asked"]


def test_every_reference_whose_answers_a_job_keeps_brings_them():
    models = [model for model in embedded_ids() if open_task(model, "", {"precision": "float32"}).keeps]
    cards = [path.parent for model in models for path in (ASSETS / "references" / model).glob("*/card.json")]
    assert cards and set(cards) == set(REFERENCES)


@pytest.mark.slow
def test_what_lies_beside_the_language_model_is_what_it_says():
    task = open_task("authors-lm", "", {"precision": "float32"})
    task.resolve(files.read_json(task.folder / "card.json")["default_forget"])
    model = task.load()
    shipped, made = outputs.of(task, model), task.outputs(model)
    assert set(shipped) == set(made)
    for name, rows in made.items():
        if rows.dtype.kind == "U":
            assert (rows == shipped[name]).mean() > 0.99, name  # a tie may fall otherwise on another machine
        else:
            assert np.allclose(rows, shipped[name], atol=1e-3, equal_nan=True), name
