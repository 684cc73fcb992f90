"""Selective synaptic dampening on weights made by hand."""

import pytest
import torch
import toy
from torch import nn

from backends.core.run import Run
from backends.methods.ssd import Ssd, dampen, importance, ssd


def two(first: list[float], second: list[float]) -> tuple[nn.Module, dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Two weights of value 2 with the given importances: (for all data, for the forget set) of each."""
    model = nn.Linear(2, 1, bias=False)
    model.weight.data = torch.tensor([[2.0, 2.0]])
    everything, forget = zip(first, second, strict=True)
    return model, {"weight": torch.tensor([everything])}, {"weight": torch.tensor([forget])}


def test_dampens_only_the_weight_that_matters_more_to_the_forget_set():
    model, everything, forget = two([1.0, 20.0], [1.0, 9.0])  # 20 times, 9 times
    assert dampen(model, everything, forget, alpha=10, dampening=1) == 0.5
    assert model.weight.tolist() == [[pytest.approx(2 * 1 / 20), 2.0]]


def test_a_factor_above_one_is_one():
    model, everything, forget = two([1.0, 20.0], [1.0, 30.0])
    dampen(model, everything, forget, alpha=10, dampening=25)  # 25 / 20 > 1, 25 / 30 < 1
    assert model.weight.tolist() == [[2.0, pytest.approx(2 * 25 / 30)]]


def test_a_weight_that_no_data_needs_stays():
    model, everything, forget = two([0.0, 0.0], [0.0, 1.0])
    dampen(model, everything, forget, alpha=10, dampening=1)
    assert model.weight.tolist() == [[2.0, 0.0]]


def test_gradients_are_squared_after_averaging_over_a_batch(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    last = run.model.classifier[1].bias
    name = next(name for name, parameter in run.model.named_parameters() if parameter is last)
    index = toy_task.parts["forget"]
    squares = []
    for half in (index[:40], index[40:]):
        batch = toy_task.batch(half)
        error = run.forward(run.model, batch.x).softmax(1) - torch.nn.functional.one_hot(batch.y, 5)
        squares.append(error.mean(0).square())
    torch.testing.assert_close(importance(run, "forget", 40)[name], (squares[0] + squares[1]) / 2, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("compare_with", ["all", "keep"])
def test_both_sides_look_at_batches_of_the_same_size(toy_folder, compare_with):
    task = toy.task(toy_folder, ("images:2,7,12",))
    sizes: dict[str, set[int]] = {}
    run = Run(task, toy.Memory(), 0)
    batches = run.batches

    def watch(part, size, **options):
        for batch in batches(part, size, **options):
            sizes.setdefault(part, set()).add(len(batch))
            yield batch

    run.batches = watch
    ssd(run, Ssd(compare_with=compare_with))
    assert sizes["forget"] == {3}
    assert max(sizes["train" if compare_with == "all" else "keep"]) == 3
