"""SalUn for models that draw: its mask against the formula written in noise, and what stays outside it."""

import pictures
import pytest
import torch
import toy
from torch.nn import functional as F

from backends.api import catalog
from backends.core import registry
from backends.core.run import Run
from backends.methods._common import masked_step
from backends.methods._drawing import latent_images as drawn
from backends.methods._drawing import trainable_parameters
from backends.methods.salun_diffusion import SalUnDiffusion, saliency, salun_diffusion

SMALL = {"pool": 4, "pool_steps": 2, "batch_size": 2}
DRAWING = "drawing what is to be forgotten"


def job(task, **params):
    run = Run(task, toy.Memory(), 0)
    settings = SalUnDiffusion(**SMALL | params)
    salun_diffusion(run, settings)
    return run, settings


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_saliency_is_the_gradient_of_the_guided_noise_loss_summed_over_batches(drawers, kind):
    task = pictures.task(drawers[kind])
    run, settings = Run(task, toy.Memory(), 0), SalUnDiffusion(**SMALL, space="noise", mask_guidance=7.5)
    pipe, prompts = task.pipe, task.asking.forget_prompts
    clean = drawn(run, DRAWING, prompts, settings)
    with torch.no_grad():
        asked, empty = pipe.words(run.original, prompts), pipe.words(run.original, [""])
    moving = trainable_parameters(run.model, "cross-attention")
    torch.manual_seed(3)
    scores = saliency(run, settings, clean, asked, empty)

    torch.manual_seed(3)
    total = 0.0
    for rows in (torch.tensor([0, 1]), torch.tensor([2, 3])):
        t, noise = torch.randint(1000, (2,)), torch.randn(clean.clean[rows].shape)
        x = pipe.noised(clean.clean[rows], noise, t)
        said = pipe.noise(run.model, x, t, asked[clean.which[rows]])
        free = pipe.noise(run.model, x, t, empty[[0, 0]])
        total = total - F.mse_loss(8.5 * said - 7.5 * free, noise)
    gradients = torch.autograd.grad(total, list(moving.values()))
    assert scores.keys() == moving.keys()
    for (name, score), gradient in zip(scores.items(), gradients, strict=True):
        torch.testing.assert_close(score, gradient.abs(), rtol=2e-3, atol=1e-5 * float(gradient.abs().max()), msg=name)


@pytest.mark.parametrize("weights", ["whole U-Net", "cross-attention"])
def test_what_is_outside_the_mask_ends_where_it_began(drawers, weights):
    run, _ = job(pictures.task(drawers["v_prediction"]), steps=4, share=0.3, weights=weights)
    mask = run.cached("saliency", dict)
    before = dict(run.original.named_parameters())
    total = moved = 0
    for name, parameter in run.model.named_parameters():
        changed = parameter != before[name]
        assert not (changed & ~mask[name]).any() if name in mask else not changed.any(), name
        moved += int(changed.sum())
        total += parameter.numel() if name in mask else 0
    assert all(name.startswith("unet.") for name in mask)
    assert sum(int(kept.sum()) for kept in mask.values()) == int(0.3 * total)
    assert 0.25 * total < moved <= 0.3 * total


def test_the_hard_restore_holds_for_an_optimiser_that_moves_without_a_gradient():
    """AdamW shrinks every weight by itself; what is outside the mask, and what is remembered of it, stay."""
    weights = {"in": torch.nn.Parameter(torch.ones(3)), "out": torch.nn.Parameter(torch.ones(3))}
    original = {name: weight.detach().clone() for name, weight in weights.items()}
    mask = {"in": torch.tensor([True, True, False]), "out": torch.zeros(3, dtype=torch.bool)}
    optimizer = torch.optim.AdamW(weights.values(), lr=0.1, weight_decay=0.5)
    for _ in range(3):
        for weight in weights.values():
            weight.grad = torch.ones(3)
        masked_step(weights, optimizer, mask, original)
        for name, weight in weights.items():
            assert torch.equal(weight[~mask[name]], original[name][~mask[name]])
            state = optimizer.state[weight]
            assert all(not state[key][~mask[name]].any() for key in ("exp_avg", "exp_avg_sq"))
            assert float(state["step"]) > 0
    assert (weights["in"][:2] < 0.9).all()


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("alpha", [0, 0.7])
def test_the_first_step_goes_down_the_gradient_written_out(drawers, kind, alpha):
    """Both losses are means over everything; the other concept's prediction gives no gradient."""
    run, settings = job(pictures.task(drawers[kind]), steps=1, learning_rate=1e-3, share=1.0, alpha=alpha)
    model, pipe, asking = run.task.load(), run.task.pipe, run.task.asking

    def said(prompts, x, t, which):
        return pipe.predict(model, x, t, pipe.words(model, [prompts[i] for i in which]).detach())

    forget = drawn(run, DRAWING, asking.forget_prompts, settings)
    keep = drawn(run, "drawing what is kept", asking.keep_prompts, settings)
    torch.manual_seed(run._derived_seed("forget and keep", 0))
    x, t, _, which = forget.sample(settings.batch_size)
    wanted = said(asking.anchor_prompts, x, t, which).detach()
    loss = (said(asking.forget_prompts, x, t, which) - wanted).square().sum() / x.numel()
    if alpha:
        x, t, truth, which = keep.sample(settings.batch_size)
        loss = loss + alpha * (said(asking.keep_prompts, x, t, which) - truth).square().sum() / x.numel()
    loss.backward()
    before = dict(run.original.named_parameters())
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if name.startswith("unet.")}
    largest = max(float(gradient.abs().max()) for gradient in gradients.values())
    for name, parameter in run.model.named_parameters():
        if name in gradients:
            clear = gradients[name].abs() > 1e-4 * largest
            step = (parameter - before[name])[clear]
            torch.testing.assert_close(step, -1e-3 * gradients[name][clear].sign(), rtol=0, atol=2e-4, msg=name)


def test_asked_for_the_concepts_it_comes_to_predict_what_it_does_for_others(drawers):
    run, settings = job(
        pictures.task(drawers["v_prediction"], ("cat", "noto style")), steps=40, learning_rate=3e-3, alpha=0
    )
    pipe, asking = run.task.pipe, run.task.asking
    x, t, _, which = drawn(run, DRAWING, asking.forget_prompts, settings).noised(torch.arange(4))
    with torch.no_grad():
        asked, anchors = (
            pipe.words(run.original, prompts)[which] for prompts in (asking.forget_prompts, asking.anchor_prompts)
        )
        before, after = (
            F.mse_loss(pipe.predict(model, x, t, asked), pipe.predict(model, x, t, anchors))
            for model in (run.original, run.model)
        )
    assert after < before / 2


def test_whoever_names_salun_for_a_model_that_draws_means_this():
    entry: catalog.Method = registry.get("methods", "salun_diffusion").entry
    works = [family for family, answer in entry.works_with.items() if answer is True]
    assert (entry.variant_of, works) == ("salun", ["text-to-image"])
