"""Guidance and what measures it, held to their formulas on the toy."""

import numpy as np
import pytest
import torch
import toy
from torch.nn import functional as F
from vision import agrees

from backends.core import registry
from backends.core.evidence import Evidence
from backends.core.run import Run
from backends.methods.guided_training import GuidedTraining, guided_training


@agrees("methods", "guided_training")
def test_the_first_step_of_guidance_is_down_cross_entropy_and_the_distance_from_the_guide(toy_folder):
    """Subramaniam et al.: CE + alpha * sum of (1 - CKA), CKA = HSIC(K, Q) / sqrt(HSIC(K, K) HSIC(Q, Q)) with HSIC of H K H; Adam's first step."""
    task = toy.task(toy_folder, ("random:50%",))
    run = Run(task, toy.Memory(), seed=0)
    guided_training(run, GuidedTraining(epochs=1, batch_size=400, alpha=2.0, learning_rate=1e-3, beside="unguided"))
    network, guide = run.fresh().train(), task.load()
    first = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    batch = task.batch(task.parts["keep"])
    out = network(pixel_values=batch.x, output_hidden_states=True)
    with torch.no_grad():
        goals = guide(pixel_values=batch.x, output_hidden_states=True).hidden_states
    middle = torch.eye(len(batch.x)) - 1 / len(batch.x)

    def hsic(one, other):
        return ((middle @ one @ one.T @ middle) * (middle @ other @ other.T @ middle)).sum()

    loss = F.cross_entropy(out.logits, batch.y)
    for own, goal in zip(out.hidden_states, goals, strict=True):  # as many layers, so each with its own
        own, goal = own.flatten(1), goal.flatten(1)
        loss = loss + 2 * (1 - hsic(own, goal) / (hsic(own, own) * hsic(goal, goal)).sqrt())
    loss.backward()
    for name, parameter in network.named_parameters():
        clear = parameter.grad.abs() > 1e-4  # where the first step is the sign of the gradient
        moved = run.model.get_parameter(name).detach() - first[name]
        torch.testing.assert_close(moved[clear], -1e-3 * parameter.grad[clear].sign(), rtol=2e-3, atol=1e-6)


@agrees("metrics", "guidance_gain", "generalization_gap")
def test_gain_and_gap_are_differences_of_accuracies(toy_folder):
    task = toy.task(toy_folder, ("random:50%",))
    rng = np.random.default_rng(0)
    outputs = {name: rng.normal(size=(count, 5)).astype(np.float32) for name, count in (("train", 400), ("test", 200))}
    keep, test = task.parts["keep"], task.parts["test"]
    task.parts |= {"unguided": keep[:50], "test_unguided": test[:30]}
    kept, tested = (
        100 * (outputs[split][part].argmax(1) == labels[part]).mean()
        for split, part, labels in (("train", keep, task.data.train.labels), ("test", test, task.data.test.labels))
    )
    evidence = Evidence("after", task, outputs, lambda metric, when: np.nan)
    gain, gap = (registry.get("metrics", name).function(evidence) for name in ("guidance_gain", "generalization_gap"))
    assert gain.value == pytest.approx(tested - 100 * 30 / len(test), abs=1e-4)
    assert gap.value == pytest.approx(kept - tested, abs=1e-4)
    assert gap.parts["unguided"] == pytest.approx(100 * 50 / len(keep) - 100 * 30 / len(test), abs=1e-4)
