"""Runs of a tiny model that draws, as an attack sees them, with a judge that takes dark pictures for cats."""

import copy

import numpy as np
import pictures
import torch

from backends.core.attack import AttackContext


class Judge:
    """Takes a picture for the first object where its mean is below `at`, else for the second; for the style it was asked in."""

    name = "a judge made by hand"

    def __init__(self, at=0.0):
        self.at = at

    def look(self, shown, asked=()):
        dark = shown.reshape(len(shown), -1).mean(1) < self.at
        one_hot = np.eye(len(pictures.DOMAINS["object"]), dtype=np.float32)
        return {
            "object": one_hot[np.where(dark, 0, 1)],
            "style": np.tile(np.float32([1, 0]), (len(shown), 1)),
            "features": np.zeros((len(shown), 2), np.float32),
        }


class Fixed:
    """Says what it was told, one name of each domain (or one prompt) a picture."""

    name = "a judge that was told"

    def __init__(self, **said):
        self.said = said

    def look(self, shown, asked=()):
        names = dict(pictures.DOMAINS, clip=list(dict.fromkeys(asked)))
        return {
            kind: np.stack([np.eye(len(names[kind]), dtype=np.float32)[names[kind].index(name)] for name in told])
            for kind, told in self.said.items()
        }


def task(folder, forget=("cat",), judge=None, keep=()):
    """The tiny pipeline in `folder` at work, with a judge."""
    task = pictures.task(folder, forget, keep)
    task.card = task.card | {"judge": "made by hand"}
    task.__dict__["judge"] = judge or Judge()
    return task


def shaken(model, by=0.02, seed=0):
    """A copy with other keys and values."""
    twin, generator = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in twin.named_parameters():
            if ".attn2.to_" in name:
                weight += by * torch.randn(weight.shape, generator=generator)
    return twin


def look(task, tmp_path, references=0):
    """An attack's look at a run whose unlearned model has other keys and values, with as many retrained references."""
    before = task.load()
    models = {"before": before, "after": shaken(before), "reference": None}
    seen = AttackContext(task, models.get, lambda when: {}, tmp_path, tmp_path / "attack")
    seen.load_references = lambda: [shaken(before, 0.3, 1 + at) for at in range(references)]
    return seen
