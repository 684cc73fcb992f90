"""Influence unlearning against matrices written out in full."""

import numpy as np
import pytest
import torch
import toy

from backends.core.run import Run
from backends.methods.influence import Influence, gradient_sum, influence, woodfisher


def recursion(vector: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The released loop, one single gradient after the other."""
    result, direction, count = vector.clone(), gradients[0].clone(), len(gradients)
    for gradient in gradients[1:]:
        along = direction @ gradient
        result -= (result @ gradient) / (count + along) * direction
        direction -= along / (count + along) * direction
    return result


@pytest.fixture
def gradients() -> torch.Tensor:
    """30 gradients of 7 weights."""
    return torch.randn(30, 7, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_closed_form_is_the_released_recursion(gradients):
    vector = gradients.mean(0)
    found = woodfisher(vector, gradients[0], gradients[1:].sum(0), 30)
    torch.testing.assert_close(found, recursion(vector, gradients), rtol=1e-9, atol=1e-9)


def test_it_divides_by_the_curvature_it_says(gradients):
    vector = gradients.mean(0)
    curvature = torch.eye(7, dtype=torch.float64) + torch.outer(gradients[0], gradients[1:].sum(0)) / 30
    found = woodfisher(vector, gradients[0], gradients[1:].sum(0), 30)
    torch.testing.assert_close(found, torch.linalg.solve(curvature, vector), rtol=1e-9, atol=1e-9)


def test_two_gradients_by_hand():
    # o = (1, 0); g = (1, 2): s = 1, k.g = 3 for k = (1, 1); k - 3 / (2 + 1) * o = (0, 1).
    found = woodfisher(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0]), torch.tensor([1.0, 2.0]), 2)
    assert found.tolist() == [0.0, 1.0]


def test_in_single_precision_on_real_gradients(toy_task):
    """The whole step of the method is alpha times the released recursion over the same single images."""
    run = Run(toy_task, toy.Memory(), 0)
    start = torch.cat([parameter.detach().reshape(-1).clone() for parameter in run.model.parameters()])
    forget, keep = run.size("forget"), run.size("keep")
    vector = gradient_sum(run, "forget") / (forget + keep)
    vector -= gradient_sum(run, "keep") * forget / ((forget + keep) * keep)
    singles = []
    for batch in run.batches("keep", 1, limit=40):
        toy_task.parts["single"] = batch.index.numpy()
        singles.append(gradient_sum(run, "single"))
    expected = 0.5 * recursion(vector, torch.stack(singles))
    influence(run, Influence(alpha=0.5, samples=40))
    moved = torch.cat([parameter.detach().reshape(-1) for parameter in run.model.parameters()]) - start
    torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-5)


def test_gradient_sum_is_that_of_the_summed_loss(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    parameter = run.model.classifier[1].bias
    batch = run.task.batch(run.task.parts["forget"])
    logits = run.forward(run.model, batch.x)
    by_hand = (logits.softmax(1) - torch.nn.functional.one_hot(batch.y, 5)).sum(0)  # d cross-entropy / d bias
    torch.testing.assert_close(gradient_sum(run, "forget")[-parameter.numel() :], by_hand, rtol=1e-4, atol=1e-4)


def test_the_step_goes_up_the_loss_of_the_forget_set(toy_task):
    """A short step changes the summed loss by its length times the gradient, to first order, and upwards."""
    run = Run(toy_task, toy.Memory(), 0)
    before = toy.losses(toy_task, run.model, toy_task.parts["forget"]).sum()
    gradient = gradient_sum(run, "forget")
    start = torch.cat([parameter.detach().reshape(-1).clone() for parameter in run.model.parameters()])
    influence(run, Influence(alpha=1e-3, samples=50))
    moved = torch.cat([parameter.detach().reshape(-1) for parameter in run.model.parameters()]) - start
    after = toy.losses(toy_task, run.model, toy_task.parts["forget"]).sum()
    assert after > before
    assert float(after - before) == pytest.approx(float(gradient @ moved), rel=0.2)


def test_no_statistics_of_the_data_move(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    influence(run, Influence(samples=20))
    for name, buffer in run.model.named_buffers():
        assert np.array_equal(buffer, run.original.get_buffer(name)), name
