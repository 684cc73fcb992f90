"""Unlearnable clusters against their formulas: each cluster's picture is drawn to the centre of the next, within a bound."""

import numpy as np
import torch
from fidelity.vision import agrees

from backends.families.classifier import unlearnable
from backends.families.classifier.unlearnable import Perturbations


class Bright:
    """A task whose features are the mean of each half of an image, as values from 0 to 255."""

    class Pixels:
        @staticmethod
        def normalise(images):
            return images

    pixels = Pixels()

    @staticmethod
    def features(model, x):
        return torch.stack([x[:, 0, :, :2].mean((1, 2)), x[:, 0, :, 2:].mean((1, 2))], 1) / 255


@agrees("methods", "unlearnable_clusters")
def test_a_step_follows_the_gradient_of_the_divergence_and_stays_within_the_bound():
    images = torch.rand((6, 1, 4, 4), generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    centres = torch.tensor([[0.0, 0.0], [3.0, -3.0]])
    made = Perturbations(2, (1, 4, 4), 0.1, 0.5, seed=0)
    start = made.stacked[0].clone()
    seen = images + start
    halves = torch.stack([seen[:, 0, :, :2].mean((1, 2)), seen[:, 0, :, 2:].mean((1, 2))], 1).double().numpy()
    goal = np.exp(centres[1].double().numpy()) / np.exp(centres[1].double().numpy()).sum()
    shown = np.exp(halves) / np.exp(halves).sum(1, keepdims=True)
    expected = (goal * (np.log(goal) - np.log(shown))).sum(1).mean()
    slope = (shown - goal).mean(0)  # of the divergence, by the two features
    assert abs(made.step(Bright(), None, images, centres, 0, 0.0) - expected) < 1e-5
    moved = made.stacked[0]
    assert moved.abs().max() <= 0.1 + 1e-7
    # Adam's first step is its whole rate against the sign of the gradient, beyond the bound from anywhere within
    assert torch.allclose(moved[0, :, :2], torch.full((4, 2), -0.1 * np.sign(slope[0])), atol=1e-6)
    assert torch.allclose(moved[0, :, 2:], torch.full((4, 2), -0.1 * np.sign(slope[1])), atol=1e-6)
    assert torch.equal(made.stacked[1], Perturbations(2, (1, 4, 4), 0.1, 0.5, seed=0).stacked[1])  # the other one waits


def test_k_means_finds_clouds_that_lie_apart():
    rng = np.random.default_rng(0)
    cloud = np.repeat(np.arange(3), 20)
    features = (10.0 * np.eye(3)[cloud] + rng.normal(0, 0.1, (60, 3))).astype(np.float32)
    of, centres = unlearnable.clusters(features, 3, 0)
    for one in range(3):
        assert len(set(of[cloud == one])) == 1
        assert np.allclose(centres[of[cloud == one][0]], features[cloud == one].mean(0), atol=1e-4)
    assert (unlearnable.nearest(features, centres.numpy()) == of).all()
