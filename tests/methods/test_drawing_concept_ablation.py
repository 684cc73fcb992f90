"""Concept Ablation: one step against the gradient written out, what it learns, and what it leaves alone."""

import pictures
import pytest
import torch
import toy
from torch.nn import functional as F

from backends.core.run import Run
from backends.methods._drawing import PATTERNS
from backends.methods._drawing import latent_images as drawn
from backends.methods.concept_ablation import ConceptAblation, concept_ablation

SMALL = {"pool": 4, "pool_steps": 2, "batch_size": 3}


def job(task, **params):
    run = Run(task, toy.Memory(), 0)
    settings = ConceptAblation(**SMALL | params)
    concept_ablation(run, settings)
    return run, settings


def by_hand(run, settings):
    """Gradient of the first step's loss at the model before, by name, with the draws of that step."""
    model, pipe, asking = run.task.load(), run.task.pipe, run.task.asking
    pairs = drawn(run, "drawing anchors", asking.anchor_prompts, settings)
    torch.manual_seed(run._derived_seed("ablate", 0))
    x, t, truth, which = pairs.sample(settings.batch_size)

    def said(prompts, x, t, which):
        return pipe.predict(model, x, t, pipe.words(model, [prompts[i] for i in which]).detach())

    wanted = truth if settings.variant == "noise-based" else said(asking.anchor_prompts, x, t, which).detach()
    loss = (said(asking.forget_prompts, x, t, which) - wanted).square().sum(1).mean()  # over the channels a sum
    if settings.keep_weight:
        prompts = asking.anchor_prompts if settings.keep_on == "anchor prompts" else asking.keep_prompts
        if settings.keep_on == "keep prompts":
            pairs = drawn(run, "drawing what is kept", prompts, settings)
        x, t, truth, which = pairs.sample(settings.batch_size)
        loss = loss + settings.keep_weight * F.mse_loss(said(prompts, x, t, which), truth)
    loss.backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize(
    "params",
    [
        {"keep_weight": 0},
        {"keep_weight": 0, "variant": "noise-based"},
        {"keep_weight": 0.5},
        {"keep_weight": 2.0, "keep_on": "anchor prompts"},
    ],
    ids=["model-based", "noise-based", "kept", "anchors kept"],
)
def test_the_first_step_goes_down_the_gradient_written_out(drawers, kind, params):
    """AdamW's first step is the learning rate against the gradient's sign (its decay is far below); the target gives none."""
    run, settings = job(pictures.task(drawers[kind]), steps=1, learning_rate=1e-3, **params)
    gradients = by_hand(run, settings)
    before = dict(run.original.named_parameters())
    seen = 0
    for name, parameter in run.model.named_parameters():
        if ".attn2.to_k." in name or ".attn2.to_v." in name:
            clear = gradients[name].abs() > 1e-6
            seen += int(clear.sum())
            step = (parameter - before[name])[clear]
            torch.testing.assert_close(step, -1e-3 * gradients[name][clear].sign(), rtol=0, atol=2e-5)
    assert seen > 100


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_asked_for_the_concept_it_comes_to_predict_what_it_does_for_the_anchor(drawers, kind):
    run, settings = job(
        pictures.task(drawers[kind], ("cat", "noto style -> flat style")), steps=40, learning_rate=5e-3, keep_weight=0
    )
    pipe, asking = run.task.pipe, run.task.asking
    x, t, _, which = drawn(run, "drawing anchors", asking.anchor_prompts, settings).noised(torch.arange(4))
    with torch.no_grad():
        targets, anchors = (
            pipe.words(run.original, prompts)[which] for prompts in (asking.forget_prompts, asking.anchor_prompts)
        )
        before, after = (
            F.mse_loss(pipe.predict(model, x, t, targets), pipe.predict(model, x, t, anchors))
            for model in (run.original, run.model)
        )
    assert after < before / 2


def test_without_an_anchor_the_empty_prompt_stands_in(tmp_path):
    task = pictures.task(pictures.make(tmp_path, card=False), ("grumpy cat",))
    assert set(task.asking.anchor_prompts) == {""}
    run, _ = job(task, steps=40, learning_rate=5e-3, keep_weight=0)
    x, t = task.pipe.start(range(4)), torch.tensor([100, 300, 500, 900])
    with torch.no_grad():
        asked, empty = (task.pipe.words(run.original, [prompt] * 4) for prompt in ("a photo of grumpy cat", ""))
        before, after = (
            F.mse_loss(task.pipe.predict(model, x, t, asked), task.pipe.predict(model, x, t, empty))
            for model in (run.original, run.model)
        )
    assert after < before / 2


@pytest.mark.parametrize("weights", PATTERNS)
def test_only_the_chosen_weights_move(drawers, weights):
    run, _ = job(pictures.task(drawers["epsilon"]), steps=2, weights=weights)
    before = dict(run.original.named_parameters())
    moved = {name for name, parameter in run.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert all(name.startswith("unet.") for name in moved)
    cross = {name for name in before if ".attn2." in name}
    wanted = {
        "cross-attention": moved <= cross,
        "cross-attention keys and values": {name.split(".")[-2] for name in moved} == {"to_k", "to_v"}
        and moved <= cross,
        "not cross-attention": not moved & cross,
        "self-attention": all(".attn1." in name for name in moved),
        "whole U-Net": len(moved) > 0.9 * sum(name.startswith("unet.") for name in before),
    }
    assert moved and wanted[weights]


def test_pictures_of_what_is_kept_are_drawn_only_where_they_count(drawers):
    phases = [
        {beat[0] for beat in job(pictures.task(drawers["epsilon"]), steps=1, **params)[0]._keeper.beats}
        for params in ({}, {"keep_weight": 0}, {"keep_on": "anchor prompts"})
    ]
    assert [("drawing what is kept" in seen) for seen in phases] == [True, False, False]
