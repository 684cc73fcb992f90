"""Influence unlearning against matrices written out in full."""

import numpy as np
import pytest
import torch
import toy

from backends.engine.run import Run
from backends.methods.influence import Influence, gradient_sum, influence, woodfisher


def test_recursion_is_the_inverse_it_says():
    rng = torch.Generator().manual_seed(3)
    gradients = torch.randn(12, 7, generator=rng, dtype=torch.float64)
    vector = torch.randn(7, generator=rng, dtype=torch.float64)
    curvature = torch.eye(7, dtype=torch.float64) + torch.outer(gradients[0], gradients[1:].sum(0)) / 12
    found = woodfisher(vector, iter(gradients), 12)
    torch.testing.assert_close(found, torch.linalg.solve(curvature, vector), rtol=1e-9, atol=1e-9)


def test_recursion_follows_the_published_steps():
    """The same inverse by one Sherman-Morrison update of a whole matrix for each gradient."""
    rng = torch.Generator().manual_seed(4)
    gradients = torch.randn(30, 5, generator=rng, dtype=torch.float64)
    vector = torch.randn(5, generator=rng, dtype=torch.float64)
    inverse, direction = torch.eye(5, dtype=torch.float64), gradients[0]
    for gradient in gradients[1:]:
        scale = 30 + direction @ gradient
        inverse = inverse - torch.outer(direction, gradient @ inverse) / scale
        direction = direction - (direction @ gradient) / scale * direction
    found = woodfisher(vector.float(), iter(gradients.float()), 30)
    torch.testing.assert_close(found, (inverse @ vector).float(), rtol=1e-5, atol=1e-5)


def test_two_gradients_by_hand():
    # o = (1, 0); g = (1, 2): s = 1, k.g = 3 for k = (1, 1); k - 3 / (2 + 1) * o = (0, 1).
    gradients = [torch.tensor([1.0, 0.0]), torch.tensor([1.0, 2.0])]
    assert woodfisher(torch.tensor([1.0, 1.0]), iter(gradients), 2).tolist() == [0.0, 1.0]


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
