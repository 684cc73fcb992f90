"""Training by a recipe: the embedded models, their references and the method `retrain` all go through it."""

import numpy as np
import pytest
import torch
import toy

from backends.api.errors import BadInput
from backends.core.run import Cancelled, Run
from backends.models.recipe import optimizer_and_schedule, train

SGD = {"optimizer": "sgd", "learning_rate": 0.2, "momentum": 0.9, "weight_decay": 5e-4, "schedule": "one-cycle"}


def rates(recipe, steps):
    optimizer, schedule = optimizer_and_schedule(torch.nn.Linear(2, 2), recipe, steps)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return seen


def test_one_cycle_rises_to_the_rate_and_falls_to_nothing():
    seen = rates(SGD, 100)
    assert max(seen) == pytest.approx(0.2) and 25 <= int(np.argmax(seen)) <= 32
    assert seen[0] < 0.01 and seen[-1] < 1e-4


def test_a_constant_rate_stays():
    assert rates(SGD | {"schedule": "constant"}, 10) == [0.2] * 10


def test_sgd_and_adamw_get_what_the_recipe_says():
    sgd, _ = optimizer_and_schedule(torch.nn.Linear(2, 2), SGD, 5)
    group = sgd.param_groups[0]
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.9, 5e-4, True)
    adamw, _ = optimizer_and_schedule(torch.nn.Linear(2, 2), SGD | {"optimizer": "adamw", "weight_decay": 0.05}, 5)
    assert isinstance(adamw, torch.optim.AdamW) and adamw.param_groups[0]["weight_decay"] == 0.05


@pytest.mark.parametrize(("name", "allowed"), [("optimizer", "sgd or adamw"), ("schedule", "one-cycle or constant")])
def test_an_unknown_name_is_refused_with_what_is_allowed(name, allowed):
    with pytest.raises(BadInput, match=f"'magic'; it can be {allowed}"):
        optimizer_and_schedule(torch.nn.Linear(2, 2), SGD | {name: "magic"}, 5)


def test_training_starts_from_new_weights_and_never_sees_the_forget_set(toy_task, monkeypatch):
    seen = []
    batch = toy_task.batch
    monkeypatch.setattr(toy_task, "batch", lambda index, **said: seen.extend(index.tolist()) or batch(index, **said))
    memory = toy.Memory()
    run = Run(toy_task, memory, seed=4)
    train(run)
    assert set(seen) == set(toy_task.parts["keep"].tolist())
    assert len(seen) == toy.RECIPE["epochs"] * len(toy_task.parts["keep"])
    assert memory.beats[-1][1:] == (48, 48)
    assert toy.accuracy(toy_task, run.model, "test_forget") == 0
    assert toy.accuracy(toy_task, run.model, "test") > 80


def test_the_seed_decides_everything(toy_task):
    def trained(seed):
        run = Run(toy_task, toy.Memory(), seed)
        train(run, epochs=1)
        return run.model.state_dict()

    first, again, other = trained(1), trained(1), trained(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.1.weight"], other["classifier.1.weight"])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_training_goes_on_from_a_checkpoint_to_the_same_weights(toy_task, optimizer):
    toy_task.recipe = toy_task.recipe | {"optimizer": optimizer, "learning_rate": 0.01}
    whole = Run(toy_task, toy.Memory(), seed=1)
    train(whole, epochs=2)
    memory = toy.Memory(checkpoint_at=11)
    with pytest.raises(Cancelled):
        train(Run(toy_task, memory, seed=1), epochs=2)
    rest = Run(toy_task, toy.Memory(), seed=1, resume=memory.saved)
    train(rest, epochs=2)
    states = whole.model.state_dict(), rest.model.state_dict()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
