"""The forget vector: its loss by hand, the untouched weights, and composing finished vectors."""

import numpy as np
import pytest
import torch
import toy
import whole
from safetensors.torch import save_file

from backends.api import files, runs
from backends.api.errors import BadInput
from backends.core.pack import changed
from backends.core.run import Run
from backends.methods.forget_vector import ForgetVector, Mix, Vector, deltas_of_runs, forget_vector, margin, some

FAST = {"epochs": 3, "batch_size": 64}


def finished_run(home, name: str, delta: torch.Tensor) -> str:
    """A run folder that holds only what composing reads."""
    folder = home / "runs" / name
    (folder / "after").mkdir(parents=True)
    files.write_json(folder / "spec.json", {"model": "toy", "method": "forget_vector", "forget": ["two"]})
    files.write_json(folder / "state.json", whole.state())
    save_file({"input_delta": delta}, folder / "after" / "changed.safetensors")
    return name


def test_margin_by_hand():
    logits = torch.tensor([[5.0, 2.0, 1.0], [0.0, 4.0, 1.0], [1.0, 1.5, 0.0]])
    labels = torch.tensor([0, 0, 0])
    # right by 3; wrong by 4, but no further than tau; wrong by 0.5
    assert margin(logits, labels, 1.0).tolist() == [3.0, -1.0, -0.5]


def test_lengths():
    vector = Vector((1, 2, 2))
    vector.delta.data = torch.tensor([[[3.0, 0.0], [0.0, 4.0]]])
    assert float(vector.length(10).detach()) == pytest.approx(0.5)
    mix = Mix(torch.ones(2, 1, 2, 2), 0.0)
    mix.weights.data = torch.tensor([3.0, -4.0])
    assert float(mix.length(10).detach()) == pytest.approx(5.0)
    assert mix().unique().tolist() == [-1.0]


def test_weights_stay_and_only_the_picture_is_new(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    forget_vector(run, ForgetVector(**FAST))
    new = changed(run.model.state_dict(), run.original.state_dict())
    assert list(new) == ["input_delta"]
    assert new["input_delta"].shape == (1, 12, 12)
    assert new["input_delta"].abs().max() > 0


def test_taking_the_picture_away_brings_everything_back(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    forget_vector(run, ForgetVector(epochs=10, batch_size=40))
    assert toy.accuracy(toy_task, run.model, "forget") < toy.accuracy(toy_task, run.original, "forget") - 20
    run.model.input_delta.zero_()
    np.testing.assert_array_equal(toy_task.outputs(run.model)["test"], toy_task.outputs(run.original)["test"])


def test_composing_learns_one_number_for_each(toy_task, home):
    rng = torch.Generator().manual_seed(1)
    deltas = torch.randn(2, 1, 12, 12, generator=rng)
    names = [finished_run(home, name, delta) for name, delta in zip(("one", "other"), deltas, strict=True)]
    keeper = toy.Memory()
    run = Run(toy_task, keeper, 0)
    forget_vector(run, ForgetVector(compose=", ".join(names), **FAST))
    weights = torch.tensor([keeper.values["weight 1"], keeper.values["weight 2"]])
    assert weights.abs().min() > 0
    composed = weights[0] * deltas[0] + weights[1] * deltas[1]
    torch.testing.assert_close(run.model.input_delta, composed, rtol=1e-5, atol=1e-6)


def test_composing_finds_the_vector_that_forgets(toy_task, home):
    """Of a learned vector and noise of the same length, the learned one gets the larger weight."""
    run = Run(toy_task, toy.Memory(), 0)
    forget_vector(run, ForgetVector(epochs=10, batch_size=40))
    useful = run.model.input_delta.clone()
    noise = torch.randn(useful.shape, generator=torch.Generator().manual_seed(0))
    noise *= useful.norm() / noise.norm()
    finished_run(home, "useful", useful)
    finished_run(home, "noise", noise)
    keeper = toy.Memory()
    run = Run(toy_task, keeper, 0)
    forget_vector(run, ForgetVector(compose="useful,noise", shrink=0.1, epochs=10, batch_size=40))
    assert keeper.values["weight 1"] > 3 * abs(keeper.values["weight 2"])


def test_a_run_without_a_picture_is_refused(home):
    name = finished_run(home, "one", torch.zeros(1, 12, 12))
    with pytest.raises(BadInput, match=r"adds a picture of \[1, 12, 12\]"):
        deltas_of_runs(name, (1, 28, 28))
    (runs.find(name).path / "after" / "changed.safetensors").unlink()
    with pytest.raises(BadInput, match="holds no added picture"):
        deltas_of_runs(name, (1, 12, 12))
    with pytest.raises(BadInput, match="no run 'nowhere'"):
        deltas_of_runs("nowhere", (1, 12, 12))


def test_a_sample_keeps_the_share_of_the_forget_set(toy_task):
    shown = some(Run(toy_task, toy.Memory(), 0), 100)
    assert len(shown) == 100
    assert np.isin(shown, toy_task.parts["forget"]).sum() == 20
