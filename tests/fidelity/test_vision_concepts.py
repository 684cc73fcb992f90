"""Methods that work in the features of a classifier come to the weights that their formulas give, written down here once more."""

import pytest
import torch
import toy
from fidelity.vision import Sorter, agrees, doubles, tensor, theta

from backends.core import registry
from backends.core.run import Run
from backends.methods import concept_poisoning, laf

METHODS = registry.entries("methods")
__all__ = ["doubles"]  # the fixture
pytestmark = pytest.mark.usefixtures("doubles")


class Seeing(Sorter):
    """The recorded classifier, whose features are two numbers z = V x below a last layer W that says three classes."""

    notes: list[str] = []  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.forgotten_classes = [0]

    def load(self):
        model = torch.nn.Module()
        model.body, model.last = torch.nn.Linear(6, 2), torch.nn.Linear(2, 3)
        with torch.no_grad():
            model.body.weight.copy_(tensor("theta")[:12].view(2, 6))
            model.last.weight.copy_(tensor("theta")[12:18].view(3, 2))
            model.body.bias.zero_()
            model.last.bias.copy_(tensor("theta")[18:])
        return model

    def features(self, model, x):
        return model.body(x.flatten(1))

    def forward(self, model, x):
        return model.last(self.features(model, x))

    def head(self, model):
        return model.last


class Autoencoder(torch.nn.Module):
    """Says half of what it is shown, or a third."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def error(self, features):
        return ((self.share * features - features) ** 2).sum(1)


@agrees("methods", "laf")
def test_laf(monkeypatch):
    """Two steps of Adam on L_UE and, after a second pass, on L_RA, each by its own moments."""
    every, forgotten = Autoencoder(0.5), Autoencoder(1 / 3)
    monkeypatch.setattr(laf, "fitted", lambda run, part, params: every if part == "train" else forgotten)
    task = Seeing()
    keep = task.batch(task.parts["keep"])
    monkeypatch.setattr(laf, "drawn", lambda run, count: keep)
    run = Run(task, toy.Memory(), 0)
    entry = METHODS["laf"]
    entry.function(
        run, entry.parse({"epochs": 2, "batch_size": 64, "temperature": 3.0, "learning_rate": 0.01, "align_rate": 0.02})
    )

    x_f, x_r = task.batch(task.parts["forget"]).x.flatten(1), keep.x.flatten(1)
    first = task.load()
    v, b = first.body.weight.detach().clone(), first.body.bias.detach().clone()
    e_f, e_r = x_f @ v.T + b, x_r @ v.T + b
    moments = {rate: [torch.zeros(14), torch.zeros(14)] for rate in (0.01, 0.02)}

    def bounded(e, share):
        q = (1 - share) ** 2 * (e**2).sum(1)
        return torch.exp(q / (q + 1)).sum()

    def distance(e, old):
        return 1 - (e * old).sum(1) / e.norm(dim=1) / old.norm(dim=1)

    def losses(rate, v, b):
        now_f, now_r = x_f @ v.T + b, x_r @ v.T + b
        if rate == 0.01:
            return bounded(now_r, 0.5) - bounded(now_f, 1 / 3)
        below = torch.exp(distance(now_f, e_f) / 3).sum()
        return torch.log(torch.exp(distance(now_r, e_r)) / below).sum()

    for step in (1, 2):
        for rate in (0.01, 0.02):
            v, b = v.requires_grad_(), b.requires_grad_()
            gradient = torch.cat([part.flatten() for part in torch.autograd.grad(losses(rate, v, b), (v, b))])
            mean, square = moments[rate]
            mean.mul_(0.9).add_(0.1 * gradient)
            square.mul_(0.999).add_(0.001 * gradient**2)
            change = rate * (mean / (1 - 0.9**step)) / ((square / (1 - 0.999**step)).sqrt() + 1e-8)
            v, b = (v - change[:12].view(2, 6)).detach(), (b - change[12:]).detach()
    torch.testing.assert_close(run.model.body.weight, v, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(run.model.body.bias, b, rtol=1e-6, atol=1e-9)
    assert torch.equal(run.model.last.weight, first.last.weight)


@agrees("methods", "concept_poisoning")
def test_concept_poisoning(monkeypatch):
    """With labels handed to it, it is the mixed training on random labels that the recorded formulas have."""
    labels = tensor("drawn_labels")[0].long()
    taught = {"labels": torch.where(tensor("is_forget"), labels, tensor("y")), "items": torch.arange(24)}
    monkeypatch.setattr(concept_poisoning, "infer", lambda run, bank, params: taught)
    monkeypatch.setattr(concept_poisoning.concepts, "bank", lambda task, written: None)
    run = Run(Sorter(), toy.Memory(), 0)
    entry = METHODS["concept_poisoning"]
    entry.function(run, entry.parse({"epochs": 2, "learning_rate": 0.1, "batch_size": 64}))

    weights, velocity = tensor("theta"), 0.0
    x, truth = tensor("x").view(24, 6), torch.eye(3)[taught["labels"]]
    for rate in (0.1, 0.05):  # half a cosine over two steps
        shares = (x @ weights[:18].view(3, 6).T + weights[18:]).softmax(1)
        error = (shares - truth) / 24
        gradient = torch.cat([(error.T @ x).flatten(), error.sum(0)]) + 5e-4 * weights
        velocity = 0.9 * velocity + gradient
        weights = weights - rate * velocity
    torch.testing.assert_close(theta(run.model), weights, rtol=1e-6, atol=1e-9)
