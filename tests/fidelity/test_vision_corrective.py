"""What repairs a model of manipulated images, and what measures it, come to the numbers that their formulas give, written down here once more."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fidelity.vision import RECORDED, agrees, doubles
from torch import nn
from torch.nn import functional as F

from backends.core import registry
from backends.core.evidence import Evidence
from backends.families.classifier import exposure

METRICS = registry.entries("metrics")
__all__ = ["doubles"]  # the fixture


@agrees("metrics", "attack_success_rate", "corrected_accuracy")
def test_manipulated_images():
    """The trigger's class c among those that bear it, and the true labels among them."""
    z, y = RECORDED["z_test"], RECORDED["y_test"]
    corrects = SimpleNamespace(how=SimpleNamespace(kind="trigger", classes=("c",)), copies=np.arange(40))
    data = SimpleNamespace(test=SimpleNamespace(labels=y), train=SimpleNamespace(labels=y))
    task = SimpleNamespace(parts={"test_forget": np.arange(40)}, names=["a", "b", "c"], data=data, corrects=corrects)
    found = Evidence("after", task, {"test": z, "train": z}, lambda name, when: float("nan"))
    ours = [METRICS[name].function(found).value for (name,) in (("attack_success_rate",), ("corrected_accuracy",))]
    np.testing.assert_allclose(ours, [100 * np.mean(z.argmax(1) == 2), 100 * np.mean(z.argmax(1) == y)], rtol=1e-6)


class Small(nn.Module):
    """One convolution with batch normalisation, and a linear layer on its means."""

    def __init__(self):
        super().__init__()
        self.filter, self.scale, self.last = nn.Conv2d(1, 2, 2, bias=False), nn.BatchNorm2d(2), nn.Linear(2, 3)

    def forward(self, pixel_values):
        return SimpleNamespace(logits=self.last(self.scale(self.filter(pixel_values)).relu().mean((2, 3))))


@pytest.fixture
def images():
    """A task of twelve images that knows its own model alone, and the model."""
    torch.manual_seed(0)
    x, y = torch.randn(12, 1, 4, 4), torch.arange(12) % 3
    batch = SimpleNamespace(x=x, y=y)
    task = SimpleNamespace(
        names=["a", "b", "c"], batch=lambda index: batch, forward=lambda model, x: model(pixel_values=x).logits
    )
    return task, Small().eval(), batch


@agrees("methods", "ebyd")
def test_one_step_of_each_part(images):
    """Exposure: theta + Adam(grad CE), by its first step theta + lr * sign; factors: clip(1 - lr * dCE/dm, 0, 1) on the exposed model."""
    task, model, batch = images
    index = np.arange(12)
    *_, (_, copied, _) = exposure.exposed(
        task, model, index, "clean unlearning", epochs=1, learning_rate=0.01, stop=-1, seed=0
    )
    climbing = Small().train()
    climbing.load_state_dict(model.state_dict())
    (-F.cross_entropy(climbing(pixel_values=batch.x).logits, batch.y)).backward()
    for ours, (name, was) in zip(copied.parameters(), climbing.named_parameters(), strict=True):
        gradient = was.grad + 5e-4 * was.detach()  # weight decay
        expected = was.detach() - 0.01 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(ours.detach(), expected, rtol=1e-4, atol=1e-6, msg=name)

    factors = exposure.masks(task, copied, index, epochs=1, learning_rate=0.5, seed=0)["scale"]
    working = Small().train()
    working.load_state_dict(copied.state_dict())
    factor = torch.ones(2, requires_grad=True)
    normal = F.batch_norm(working.filter(batch.x), None, None, working.scale.weight * factor, working.scale.bias, True)
    loss = F.cross_entropy(working.last(normal.relu().mean((2, 3))), batch.y)
    (gradient,) = torch.autograd.grad(loss, factor)
    torch.testing.assert_close(factors, (1 - 0.5 * gradient).clamp(0, 1), rtol=1e-4, atol=1e-6)

    order = exposure.in_order({"scale": factors})
    assert order == [("scale", int(place)) for place in factors.argsort()]
    exposure.prune(model, order[:1])
    assert (model.scale.weight == 0).nonzero().flatten().tolist() == [order[0][1]]
