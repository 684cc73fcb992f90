"""Label-agnostic forgetting: its two losses by hand, the autoencoders, and that no label is read unless labels are asked for."""

import copy
import math
from functools import partial

import numpy as np
import pytest
import torch
import toy

from backends.core.run import Run
from backends.families.classifier import feature_vae
from backends.methods.laf import READS_NONE, READS_SOME, Laf, contrast, laf, strangeness

SHORT = {"epochs": 1, "vae_steps": 10, "batch_size": 32, "repair_steps": 10}


class Fixed:
    """Stands for an autoencoder with these squared errors."""

    def __init__(self, *errors):
        self.errors = torch.tensor(errors)

    def error(self, features):
        return self.errors


def test_strangeness_by_hand_and_bounded():
    by_hand = math.exp(0.0) + math.exp(1 / 2) + math.exp(3 / 4)
    assert float(strangeness(torch.zeros(3, 2), Fixed(0.0, 1.0, 3.0))) == pytest.approx(by_hand, rel=1e-6)
    assert float(strangeness(torch.zeros(1, 2), Fixed(1e9))) == pytest.approx(math.e, rel=1e-6)


def test_contrast_by_hand():
    """Two kept images, one where it was and one turned by a right angle; one forgotten image turned round."""
    before = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    kept = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    found = contrast(kept, before, torch.tensor([[-1.0, 0.0]]), before[:1], temperature=4.0)
    by_hand = sum(math.log(math.exp(distance) / math.exp(2 / 4)) for distance in (0.0, 1.0))
    assert float(found) == pytest.approx(by_hand, rel=1e-5)


def test_features_of_any_size_are_reproduced_after_scaling():
    """Features of -50 to 250 lie outside a sigmoid; each is brought to 0 to 1 by its own range."""
    torch.manual_seed(0)
    features = torch.rand(400, 1) * torch.linspace(-50, 250, 12)
    vae = feature_vae.fresh(features, latent=2)
    assert vae.scaled(features).min() >= 0 and vae.scaled(features).max() <= 1 + 1e-6
    before = vae.error(features).mean()
    optimizer = torch.optim.Adam(vae.parameters(), lr=3e-3)
    for _ in range(400):
        feature_vae.fitting_step(vae, optimizer, features, 64)
    assert vae.error(features).mean() < 0.1 * before
    assert vae.error(features.flip(1)).mean() > 3 * vae.error(features).mean()  # what it was not fitted to


def test_its_own_loss_by_hand():
    vae = feature_vae.fresh(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), latent=1)
    for weight in vae.parameters():
        torch.nn.init.zeros_(
            weight
        )  # then it says one half of everything, its code is standard normal and has no divergence
    assert vae.loss(torch.tensor([[0.0, 1.0]])).item() == pytest.approx(0.5, abs=1e-6)


def unlearned(task, **params):
    run = Run(task, toy.Memory(), 0)
    laf(run, Laf(**SHORT | params))
    return run


def test_wrong_labels_of_every_image_change_nothing(toy_folder):
    first, second = toy.task(toy_folder), toy.task(toy_folder)
    rng = np.random.default_rng(0)
    second._labels["train"] = torch.from_numpy(rng.permutation(second.data.train.labels))
    runs = [unlearned(task) for task in (first, second)]
    states = [run.model.state_dict() for run in runs]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert [run.task.notes[-1] for run in runs] == [READS_NONE] * 2


def test_the_repair_counts_the_labels_that_it_reads_and_moves_the_last_layer_alone(toy_task):
    plain = copy.deepcopy(unlearned(toy_task).model.state_dict())
    run = unlearned(toy_task, labels=25)
    assert run.task.notes[-1] == READS_SOME.format(count=25) and "labels used: 25".lower() in run.task.notes[-1].lower()
    assert run._keeper.values["labels_used"] == 25
    moved = {name for name, tensor in run.model.state_dict().items() if not torch.equal(tensor, plain[name])}
    assert moved == {"classifier.1.weight", "classifier.1.bias"}


def test_no_more_labels_are_counted_than_there_are_images_to_keep(toy_task):
    assert unlearned(toy_task, labels=9999).task.notes[-1] == READS_SOME.format(count=320)


def test_the_forgotten_class_leaves_the_others(toy_task):
    """Its features turn away from where they were; those of the others stay."""
    run = Run(toy_task, toy.Memory(), 0)
    laf(run, Laf(batch_size=16, vae_steps=60, learning_rate=3e-3, align_rate=6e-3))

    def angle(part):
        index = toy_task.parts[part]
        before, after = (
            torch.from_numpy(toy_task.over(partial(toy_task.features, model), index))
            for model in (run.original, run.model.eval())
        )
        return float(torch.nn.functional.cosine_similarity(before, after).mean())

    assert angle("forget") < 0.9 < angle("keep")
