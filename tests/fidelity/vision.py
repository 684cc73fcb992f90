"""What the agreement tests of classifiers and drawing models share: the recorded values, and the models they are values of.

A test says with `agrees` for which method or metric it stands; test_vision_covered.py looks that each has one.
"""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy
from fidelity import vision_values
from torch import nn

from backends.core.run import Run
from backends.core.task import Batch
from backends.families.text_to_image.pipeline import Words

RECORDED = dict(np.load(vision_values.FILE))


def agrees(kind, *names):
    """Marks a test as the one that holds these methods or metrics to their formulas."""

    def mark(test):
        test.agrees = [(kind, name) for name in names]
        return test

    return mark


def same(found, value, start=0.0):
    """Whether what Lethe comes to is the recorded value, to 1e-5 of what it changed."""
    found = found.detach().numpy() if isinstance(found, torch.Tensor) else np.asarray(found)
    np.testing.assert_allclose(found - start, RECORDED[f"value {value}"] - start, rtol=1e-5, atol=1e-9)


def tensor(name):
    return torch.from_numpy(RECORDED[name])


@pytest.fixture
def doubles():
    """Everything in float64, so that what is left between two ways to compute is no rounding."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


class Linear(nn.Module):
    """z = W x + b, of pictures [n, 1, 2, 3]."""

    def __init__(self, theta):
        super().__init__()
        self.layer = nn.Linear(6, 3)
        with torch.no_grad():
            self.layer.weight.copy_(theta[:18].view(3, 6))
            self.layer.bias.copy_(theta[18:])

    def forward(self, pixel_values):
        return self.layer(pixel_values.flatten(1))


class Sorter:
    """The recorded classifier at work on the recorded items, all of one class to forget or not."""

    names, device, shots, forgotten_classes, family = ["a", "b", "c"], torch.device("cpu"), 1, [], "classifier"

    def __init__(self):
        self.recipe = {"optimizer": "sgd", "epochs": 2, "batch_size": 99, "learning_rate": 0.1, "momentum": 0.9}
        self.recipe |= {"weight_decay": 5e-4, "schedule": "constant"}
        which = RECORDED["is_forget"]
        keep, forget = np.flatnonzero(~which), np.flatnonzero(which)
        self.parts = {"train": np.arange(24), "forget": forget, "keep": keep, "retain": keep}

    def load(self):
        return Linear(tensor("theta"))

    def fresh(self, seed):
        return Linear(tensor("other_theta"))

    def forward(self, model, x):
        return model(pixel_values=x)

    def loss(self, outputs, labels):
        return torch.nn.functional.cross_entropy(outputs, labels)

    def batch(self, index, augment=False):
        index = torch.as_tensor(index)
        x = tensor("x")[index].view(-1, 1, 2, 3)
        return Batch(x, tensor("y")[index], index, tensor("is_forget")[index])


def theta(model):
    """The weights of the classifier as one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def sorted_by(method, **params):
    """The method done with these parameters; the run."""
    run = Run(Sorter(), toy.Memory(), 0)
    method.function(run, method.parse(params))
    return run


class UNet(nn.Module):
    """e = x + K h + (V h) x by channel, with h the mean of the prompt's embeddings."""

    def __init__(self):
        super().__init__()
        self.attn2 = nn.ModuleDict({"to_k": nn.Linear(3, 2, bias=False), "to_v": nn.Linear(3, 2, bias=False)})
        with torch.no_grad():
            self.attn2["to_k"].weight.copy_(tensor("kv")[0])
            self.attn2["to_v"].weight.copy_(tensor("kv")[1])

    def forward(self, x, hidden):
        h = hidden.mean(1)
        return x + self.attn2["to_k"](h)[:, :, None, None] + self.attn2["to_v"](h)[:, :, None, None] * x


class Drawer(nn.Module):
    """The U-Net where the patterns look for its layers, and a linear text encoder."""

    def __init__(self):
        super().__init__()
        self.unet = nn.ModuleDict({"block": UNet()})
        self.text_encoder = nn.Linear(3, 3, bias=False)
        with torch.no_grad():
            self.text_encoder.weight.copy_(tensor("encoder"))

    @property
    def kv(self):
        layers = self.unet["block"].attn2
        return torch.stack([layers["to_k"].weight, layers["to_v"].weight]).detach()


class Pipe:
    """A pipeline that predicts noise; a prompt is the name of a recorded list and a place in it, as "keep 1"."""

    kind, channels, cells, times, rows = "epsilon", 2, (2, 2), 10, 8

    def embedded(self, prompts):
        places = [(prompt or "empty 0").split() for prompt in prompts]
        return torch.stack([tensor(f"words_{name}")[int(at)] for name, at in places])

    def words(self, model, prompts):
        return self.read(model, self.embedded(prompts))

    def read(self, model, embedded):
        return Words(model.text_encoder(embedded), torch.zeros(embedded.shape[:2], dtype=torch.long))

    def predict(self, model, x, t, words):
        return model.unet["block"](x, words.hidden)

    def as_clean(self, said, x, t):
        return (x - 0.6 * said) / 0.8


class Drawing:
    """The recorded drawer at work: two prompts to forget, with their anchors, and three to keep."""

    device, shots, family, forgotten_classes, names = torch.device("cpu"), 1, "text-to-image", [], []
    asking = SimpleNamespace(
        forget_prompts=["forget 0", "forget 1"],
        anchor_prompts=["anchor 0", "anchor 1"],
        keep_prompts=["keep 0", "keep 1", "keep 2"],
    )

    def __init__(self):
        self.pipe, self.parts = Pipe(), {}

    def load(self):
        return Drawer()


class Dealt:
    """Stands for a pool or for pictures: gives the recorded draws, one after the other."""

    def __init__(self, *names, **more):
        self.rows = iter(zip(*(tensor(name) for name in names), strict=True))
        vars(self).update(more)

    def sample(self, count):
        x, *rest = next(self.rows)
        return (x, torch.zeros(len(x), dtype=torch.long), *rest)


def drawn_by(method, **params):
    """The method done with these parameters; the model."""
    run = Run(Drawing(), toy.Memory(), 0)
    method.function(run, method.parse(params))
    return run.model
