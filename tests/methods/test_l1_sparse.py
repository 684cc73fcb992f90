"""The penalty of l1-sparse and its pruning, with answers worked out by hand."""

from types import SimpleNamespace

import pytest
import torch
import toy
from torch import nn

from backends.api.errors import BadInput
from backends.core.run import Cancelled, Run
from backends.methods.l1_sparse import L1Sparse, l1_sparse, penalty, prune, pruned


@pytest.mark.parametrize(
    ("epochs", "without", "expected"),
    [
        (4, 0, [1, 0.75, 0.5, 0.25]),
        (5, 2, [1, 2 / 3, 1 / 3, 0, 0]),
        (2, 2, [0, 0]),
        (1, 0, [1]),
    ],
)
def test_the_penalty_falls_in_equal_steps_to_zero(epochs, without, expected):
    assert [penalty(0.2, epoch, epochs, without) for epoch in range(epochs)] == pytest.approx(
        [0.2 * factor for factor in expected]
    )


def test_the_penalty_shrinks_the_weights(toy_folder):
    def length(alpha):
        run = Run(toy.task(toy_folder), toy.Memory(), 0)
        l1_sparse(run, L1Sparse(alpha=alpha, batch_size=16))
        return float(sum(parameter.abs().sum() for parameter in run.model.parameters()))

    assert length(5e-3) < length(5e-4) < length(0)


def test_pruning_takes_the_smallest_of_all_layers_and_no_bias():
    first, second = nn.Linear(2, 1), nn.Linear(1, 2)
    model = nn.Sequential(first, nn.BatchNorm1d(1), second)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.1, -0.5]]))
        first.bias.fill_(1e-9)
        second.weight.copy_(torch.tensor([[-0.2], [0.3]]))
        second.bias.fill_(1e-9)
    mask = prune(SimpleNamespace(model=model), 0.5)
    assert {name: kept.flatten().tolist() for name, kept in mask.items()} == {
        "0.weight": [False, True],
        "2.weight": [False, True],
    }
    assert first.weight.tolist() == [[0.0, -0.5]]
    assert second.weight.flatten().tolist() == [0.0, pytest.approx(0.3)]
    assert first.bias.item() == pytest.approx(1e-9)


def test_held_weights_are_zero_whenever_the_model_runs_and_the_frozen_copy_is_pruned_meanwhile():
    run = SimpleNamespace(model=nn.Linear(2, 1, bias=False), original=nn.Linear(2, 1, bias=False))

    def fill(model):
        with torch.no_grad():
            model.weight.fill_(2.0)

    fill(run.model), fill(run.original)
    with pruned(run, {"weight": torch.tensor([[True, False]])}):
        assert run.original.weight.tolist() == [[2.0, 0.0]]
        assert run.model(torch.ones(1, 2)).item() == 2.0
        fill(run.model)  # a method that writes into the weights
        assert run.model(torch.ones(1, 2)).item() == 2.0
        fill(run.model)
    assert run.model.weight.tolist() == [[2.0, 0.0]]
    assert run.original.weight.tolist() == [[2.0, 2.0]]
    fill(run.model)
    assert run.model(torch.ones(1, 2)).item() == 4.0


def pruned_share(model):
    weights = [layer.weight for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    return sum(int((weight == 0).sum()) for weight in weights) / sum(weight.numel() for weight in weights)


@pytest.mark.parametrize("then", ["", "salun", "ssd", "retrain"])
def test_pruned_weights_stay_zero_under_any_method(toy_folder, then):
    run = Run(toy.task(toy_folder), toy.Memory(), 0)
    before = pruned_share(run.model)
    l1_sparse(run, L1Sparse(prune=0.6, then=then))
    assert before < 0.01
    assert pruned_share(run.model) == pytest.approx(0.6, abs=0.002)
    assert pruned_share(run.original) < 0.01


def test_another_method_goes_on_inside_the_pruned_model_after_a_kill(toy_folder):
    params = L1Sparse(prune=0.6, then="salun")
    whole = toy.Memory()
    undisturbed = Run(toy.task(toy_folder), whole, 0)
    l1_sparse(undisturbed, params)
    cut = toy.Memory(checkpoint_at=whole.steps - 3)
    with pytest.raises(Cancelled):
        l1_sparse(Run(toy.task(toy_folder), cut, 0), params)
    resumed = Run(toy.task(toy_folder), toy.Memory(), 0, cut.saved)
    l1_sparse(resumed, params)
    expected = undisturbed.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.model.state_dict().items())


@pytest.mark.parametrize("then", ["l1_sparse", "worst_case", "no_such_method"])
def test_what_cannot_follow_is_refused_in_one_sentence(toy_task, then):
    run = Run(toy_task, toy.Memory(), 0)
    with pytest.raises(BadInput, match=then):
        l1_sparse(run, L1Sparse(prune=0.5, then=then))
