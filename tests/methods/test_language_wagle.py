"""WAGLE: its score by hand, its mask, and what it does to the toy."""

import pytest
import torch
import toy
import toy_language

from backends.core import registry
from backends.core.run import Run
from backends.families.language.tokens import likelihoods, mean_nll
from backends.methods._common import largest
from backends.methods.wagle import score, scores, summed_gradient

WAGLE = registry.get("methods", "wagle")


def done(task, **params):
    run = Run(task, toy.Memory(), 0)
    WAGLE.function(run, WAGLE.parse({"epochs": 20, "learning_rate": 2e-3} | params))
    return run


def test_the_score_by_hand():
    found = score(torch.tensor([2.0, -1.0]), torch.tensor([3.0, 0.5]), torch.tensor([0.1, -0.2]), 0.1)
    assert found.tolist() == pytest.approx([abs((2 - 0.1 / 0.1) * 3), abs((-1 + 0.2 / 0.1) * 0.5)], abs=1e-6)


def test_gradients_are_summed_over_batches(toy_language_task):
    model, texts = toy_language_task.load(), toy_language_task.forget
    name, weight = next(iter(model.named_parameters()))
    by_hand = sum(torch.autograd.grad(mean_nll(model, texts[rows]), weight)[0] for rows in ([0, 1], [2, 3], [4]))
    assert torch.allclose(summed_gradient(model, texts, 2)[name], by_hand, atol=1e-6)


def test_a_large_mu_leaves_weight_times_gradient(toy_language_task):
    model = toy_language_task.load()
    found = scores(model, toy_language_task.forget, toy_language_task.keep, mu=1e6)
    pull = summed_gradient(model, toy_language_task.forget)
    assert found.keys() == dict(model.named_parameters()).keys()
    for name, weight in model.named_parameters():
        assert torch.allclose(found[name], (weight * pull[name]).abs(), atol=1e-4)


def test_the_mask_keeps_the_share_of_all_weights(toy_language_task):
    model = toy_language_task.load()
    found = scores(model, toy_language_task.forget, toy_language_task.keep, mu=1e-6)
    mask = largest(found, 0.8)
    inside = torch.cat([found[name][chosen] for name, chosen in mask.items()])
    outside = torch.cat([found[name][~chosen] for name, chosen in mask.items()])
    assert len(inside) == int(0.8 * (len(inside) + len(outside))) and inside.min() >= outside.max()


def test_weights_outside_the_mask_stay_to_the_bit(toy_language_task):
    run = done(toy_language_task, share=0.3, epochs=2, weight_decay=0.1)
    pairs = zip(run.model.parameters(), run.original.parameters(), strict=True)
    moved = [(after != before).sum().item() for after, before in pairs]
    assert 0.25 < sum(moved) / sum(weight.numel() for weight in run.model.parameters()) <= 0.3


@pytest.mark.parametrize("objective", ["npo", "grad_diff", "dpo"])
def test_it_forgets(toy_language_task, objective):
    run = done(toy_language_task, objective=objective)
    assert toy_language.right(run.task, run.model, "forget") <= 20


def test_it_keeps_more_than_without_a_retain_term(toy_language_folder):
    run, naive = (done(toy_language.task(toy_language_folder), keep_weight=weight) for weight in (1.0, 0.0))
    held, lost = (likelihoods(one.model, one.task.keep).mean() for one in (run, naive))
    assert held < lost / 2
