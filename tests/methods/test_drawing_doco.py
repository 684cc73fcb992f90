"""DoCo: the gradient surgery worked out by hand, the discriminator, and jobs."""

import math

import pictures
import pytest
import torch
import toy
from torch import nn

from backends.core.run import Cancelled, Run
from backends.methods._drawing import encode_prompts, pool
from backends.methods.doco import (
    DoCo,
    _forget_predictions,
    _train_discriminator,
    clipped,
    discriminator,
    discriminator_loss,
    doco,
    surgical_gradient,
)

KINDS = ("v_prediction", "epsilon")
SMALL = {"steps": 2, "warm_up": 2, "warm_up_batch": 4, "pool": 4, "keep_pool": 4, "pool_steps": 2, "batch_size": 2}


def done(folder, keeper=None, resume=None, **params):
    run = Run(pictures.task(folder, ("cat", "flat style")), keeper or toy.Memory(), 0, resume)
    doco(run, DoCo(**SMALL | params))
    return run


@pytest.mark.parametrize(
    ("surgery", "strength", "wanted"),
    [
        # <away, spare> = -8, |spare| = 2, |away| = 5, so the cosine is -0.8 and the projection length -4
        ("projection", 1.0, [3.0, 0.0]),
        ("projection", 0.5, [3.0, -2.0]),
        ("cosine", 1.0, [3.0, -3.2]),
        ("cosine", 0.5, [3.0, -3.6]),
        ("none", 1.0, [3.0, -3.8]),
    ],
)
def test_surgery_by_hand(surgery, strength, wanted):
    away, spare = torch.tensor([3.0, -4.0]), torch.tensor([0.0, 2.0])
    torch.testing.assert_close(surgical_gradient(away, spare, surgery, strength, 0.1), torch.tensor(wanted))


@pytest.mark.parametrize("surgery", ["projection", "cosine"])
def test_gradients_that_agree_are_left_alone(surgery):
    away = torch.tensor([3.0, -4.0])
    assert torch.equal(surgical_gradient(away, torch.tensor([1.0, 0.5]), surgery, 1.0, 0.1), away)
    assert torch.equal(surgical_gradient(away, torch.zeros(2), surgery, 1.0, 0.1), away)


def test_gradients_are_scaled_down_together():
    first, second = clipped([torch.tensor([3.0]), torch.tensor([-4.0])], 1.0)
    assert (float(first), float(second)) == (pytest.approx(0.6), pytest.approx(-0.8))
    first, second = clipped([torch.tensor([3.0]), torch.tensor([-4.0])], 10.0)
    assert (float(first), float(second)) == (3.0, -4.0)


@pytest.mark.parametrize(("side", "convolutions", "patches"), [(8, 2, 3), (16, 3, 3), (64, 5, 3), (96, 5, 5)])
def test_the_discriminator_has_as_many_halvings_as_fit(side, convolutions, patches):
    judge = discriminator(4, side)
    assert sum(isinstance(layer, nn.Conv2d) for layer in judge) == convolutions
    assert judge(torch.zeros(2, 4, side, side)).shape == (2, 1, patches, patches)


def test_a_judge_without_opinion_loses_ln_2_either_way():
    nothing = nn.Conv2d(4, 1, 1)
    nn.init.zeros_(nothing.weight), nn.init.constant_(nothing.bias, 0.0)
    clean = torch.ones(2, 4, 3, 3)
    assert float(discriminator_loss(nothing, clean, 0.0)) == pytest.approx(math.log(2))
    nn.init.constant_(nothing.bias, 1.0)  # the logit of "concept"
    assert float(discriminator_loss(nothing, clean, 1.0)) == pytest.approx(math.log(1 + math.exp(-1)))
    assert float(discriminator_loss(nothing, clean, 0.0)) == pytest.approx(math.log(1 + math.exp(1)))


def test_the_discriminator_learns_that_the_anchor_is_0_and_the_concept_1():
    torch.manual_seed(0)
    judge = discriminator(4, 8)
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3)
    anchor, concept = torch.full((4, 4, 8, 8), -1.0), torch.full((4, 4, 8, 8), 1.0)
    first = float(_train_discriminator(judge, optimizer, anchor, concept))
    for _ in range(20):
        last = float(_train_discriminator(judge, optimizer, anchor, concept))
    assert last < first / 2
    assert judge(anchor).mean() < 0 < judge(concept).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_the_warm_up_looks_at_what_the_frozen_model_says_of_the_same_latents(drawers, kind):
    run = Run(pictures.task(drawers[kind]), toy.Memory(), 0)
    places = pool(run, "anchor", run.task.asking.anchor_prompts, 3, 2, 3.0)
    anchor = encode_prompts(run, run.original, run.task.asking.anchor_prompts)
    torch.testing.assert_close(_forget_predictions(run, places, anchor), places.conditional, rtol=1e-4, atol=1e-5)
    concept = _forget_predictions(run, places, encode_prompts(run, run.original, run.task.asking.forget_prompts))
    assert not torch.allclose(concept, places.conditional, atol=1e-5)


def test_no_weight_moves_while_only_the_discriminator_learns(drawers):
    seen = []

    class InspectContext(toy.Memory):
        def sample(self, phase, step, of, name, model):
            seen.append((name, [p.detach().clone() for p in model.parameters()]))

    run = done(drawers["v_prediction"], keeper=InspectContext())
    before = list(run.original.parameters())
    warm = [weights for name, weights in seen if name == "the discriminator learns"]
    assert warm
    assert all(torch.equal(one, other) for weights in warm for one, other in zip(weights, before, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_job_ends_as_an_uninterrupted_one(drawers, kind):
    whole = done(drawers[kind])
    assert pictures.changed(whole)
    assert all(".attn2.to_k." in name or ".attn2.to_v." in name for name in pictures.changed(whole))
    for at, phase in ((5, "the discriminator learns"), (7, "the concept meets its anchor")):
        cut = toy.Memory(checkpoint_at=at)  # after four things that are made once, at the second step of either phase
        with pytest.raises(Cancelled):
            done(drawers[kind], keeper=cut)
        assert (cut.saved["at"]["phase"], cut.saved["at"]["step"]) == (phase, 1)
        rest = done(drawers[kind], resume=cut.saved)
        for name, tensor in whole.model.state_dict().items():
            assert torch.equal(tensor, rest.model.state_dict()[name]), name


def test_an_empty_anchor_and_either_surgery(drawers):
    task = pictures.task(drawers["v_prediction"])
    task.asking.anchor_prompts = [""] * len(task.asking.forget_prompts)
    made = []
    for surgery in ("projection", "cosine", "none"):
        run = Run(task, toy.Memory(), 0)
        doco(run, DoCo(**SMALL | {"surgery": surgery}))
        assert 0 <= run._values["against"] <= 1
        made.append(torch.cat([p.detach().flatten() for p in run.model.parameters()]))
    assert not torch.equal(made[0], made[2])
