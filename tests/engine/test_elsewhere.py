"""A model that was unlearned elsewhere, beside the model before: measured and looked into like any run, and honest about what is not known."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from backends.api import elsewhere, families, runs, submit
from backends.api.errors import BadInput
from backends.core.registry import get
from backends.engine.job import do
from backends.engine.session import Desk

MODEL = "fashion-resnet"


@pytest.fixture(scope="module")
def after(tmp_path_factory) -> Path:
    """fashion-resnet that never says the first class: its bias is far below the others."""
    from backends.models.source import model_folder

    folder = shutil.copytree(model_folder(MODEL), tmp_path_factory.mktemp("elsewhere") / "after")
    tensors = load_file(folder / "model.safetensors")
    (bias,) = [name for name, tensor in tensors.items() if tensor.shape == (10,)]
    tensors[bias][5] = -100.0
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def asked(after, **fields):
    return elsewhere.read(MODEL, after, **({"forget": ["Sandal"], "keep": ["images:1,2,3"]} | fields))


@pytest.mark.slow
def test_it_is_measured_and_looked_into_like_any_other(after, home, monkeypatch):
    monkeypatch.setenv("LETHE_PRECISION", "float32")
    monkeypatch.setenv("LETHE_THREADS", "1")
    run = submit.submit(asked(after))
    run.move("running")
    assert do(run, 1) == 0
    result = run.result
    assert run.spec.method == elsewhere.ID == result["method"]
    assert elsewhere.NOTE in result["notes"]
    metrics = result["metrics"]
    assert metrics["unlearning_accuracy"]["after"] == 100.0
    assert metrics["run_time"]["after"] == "NaN" and metrics["peak_memory"]["after"] == "NaN"
    (changed,) = load_file(run.path / "after" / "changed.safetensors").values()
    assert changed.shape == (10,) and changed[5] == -100.0
    desk = Desk()
    theirs = desk.run(run.id).model("after").state_dict()
    own = load_file(after / "model.safetensors")
    assert all(torch.equal(theirs[name], own[name]) for name in own)
    from backends.engine.operations import inspect

    assert inspect(desk, run.id, "weight_change")["panels"]


def test_it_is_no_method_that_is_offered_and_its_parameters_are_the_ones_checked(after):
    from backends.core.registry import entries

    assert elsewhere.ID not in entries("methods")
    entry = get("methods", elsewhere.ID)
    assert entry.entry is elsewhere.ENTRY
    assert entry.parse({"folder": str(after)}).folder == str(after)
    with pytest.raises(BadInput):
        entry.parse({"folder": "", "more": 1})


def test_the_folder_is_kept_as_a_whole_path(after, monkeypatch):
    monkeypatch.chdir(after.parent)
    assert submit.check(asked("after")).params == {"folder": str(after)}


@pytest.mark.parametrize("name", ["model.pth.tar", "model.pt", "pytorch_model.bin"])
def test_a_pickle_is_refused_with_the_line_that_converts_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04.")
    with pytest.raises(BadInput, match=r"torch\.load\(.*weights_only=True\).*save_pretrained"):
        submit.check(asked(tmp_path / name))


def test_what_cannot_be_the_model_after_is_refused(after, tmp_path, monkeypatch, toy_language_folder):
    with pytest.raises(BadInput, match="There is no folder"):
        submit.check(asked(tmp_path / "nothing"))
    with pytest.raises(BadInput, match=r"holds no config\.json"):
        submit.check(asked(tmp_path))
    with pytest.raises(BadInput, match=r"is of the family .*; give one model before and after"):
        submit.check(asked(toy_language_folder))
    monkeypatch.setenv("LETHE_SHARED", "1")
    with pytest.raises(BadInput, match="This studio is shared"):
        submit.check(asked(after))


def test_another_model_of_the_family_is_not_the_model_after(toy_folder, toy_task, toy_language_folder):
    from backends.methods._elsewhere import _check_alike

    before = toy_task.load().state_dict()
    name = next(iter(before))
    with pytest.raises(BadInput, match=f"Only the model before has the weights {name}"):
        _check_alike(before, {key: tensor for key, tensor in before.items() if key != name}, toy_folder)
    with pytest.raises(BadInput, match=f"The weights {name} are .* before and 1 in"):
        _check_alike(before, before | {name: torch.zeros(1)}, toy_folder)


def test_every_family_loads_the_weights_of_another_folder():
    import inspect as signatures

    for family in families.every().values():
        assert "folder" in signatures.signature(families.load(family.task).load).parameters, family.id


def test_the_page_of_such_a_run_says_how_it_was_made(after, home):
    from app import run_card

    run = submit.submit(asked(after))
    assert run_card.title_of("methods", runs.find(run.id).spec.method) == "unlearned elsewhere"
