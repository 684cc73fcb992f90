"""What the embedded models say as they are lies beside them, and is taken only for what it was made of."""

import numpy as np
import pytest
import torch

from backends.api import files
from backends.api.home import ASSETS
from backends.engine import outputs
from backends.engine.opening import open_task
from backends.models.source import embedded_ids


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
    assert said and "key" not in said and all(len(rows) for rows in said.values())


def test_other_weights_are_asked(task, monkeypatch):
    model = task.load()
    with torch.no_grad():
        next(model.parameters()).add_(0.01)
    monkeypatch.setattr(task, "outputs", lambda *_: {"asked": np.ones(1)})
    assert list(outputs.of(task, model)) == ["asked"]


def test_another_precision_is_asked(task, monkeypatch):
    task.precision = torch.bfloat16
    monkeypatch.setattr(task, "outputs", lambda *_: {"asked": np.ones(1)})
    assert list(outputs.of(task, task.load())) == ["asked"]
