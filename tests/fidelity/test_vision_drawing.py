"""Every method for drawing models comes to the weights that its paper's formulas give, step by step, from the same draws."""

from contextlib import contextmanager

import numpy as np
import pictures
import planted_prompts
import pytest
import torch
from fidelity.vision import RECORDED, Dealt, Drawer, Drawing, agrees, doubles, drawn_by, same, tensor
from scipy.optimize import brentq
from torch import nn

from backends.core import registry
from backends.families.text_to_image.pipeline import Diffusion
from backends.methods import (
    adv_unlearn,
    concept_ablation,
    doco,
    esd,
    forget_me_not,
    salun_diffusion,
    sfd,
    uce,
    worst_case_prompts,
)
from backends.methods._drawing import trainable_parameters

METHODS = registry.entries("methods")
KV = RECORDED["kv"]
__all__ = ["doubles"]  # the fixture
exact = pytest.mark.usefixtures("doubles")


@agrees("methods", "esd")
@exact
@pytest.mark.parametrize(("formula", "value"), [("original", "esd"), ("from concept", "esd_from_concept")])
def test_esd(monkeypatch, formula, value):
    monkeypatch.setattr(esd, "pool", lambda *given: Dealt("x_t", "said", "free", "which"))
    made = drawn_by(METHODS["esd"], steps=2, learning_rate=0.01, strength=1.5, formula=formula, variant="x strict")
    same(made.kv, value, KV)


@pytest.mark.parametrize("variant", esd.VARIANTS)
def test_esd_moves_the_layers_of_the_authors_list(tmp_path, variant):
    """Linear layers and convolutions of the U-Net, by whether their name holds attn2 (attn1, attn2.to_k or attn2.to_v)."""
    unet = pictures.task(pictures.make(tmp_path)).load().unet
    listed = set()
    for name, module in unet.named_modules():
        wanted = {
            "x": "attn2" in name,
            "x strict": "attn2.to_k" in name or "attn2.to_v" in name,
            "u": "attn2" not in name,
            "self-attention": "attn1" in name,
            "full": True,
        }[variant]
        if module.__class__.__name__ in ("Linear", "Conv2d") and wanted:
            listed |= {f"unet.{name}.{part}" for part, _ in module.named_parameters()}
    found = trainable_parameters(Diffusion(unet, nn.Linear(2, 2)), esd.VARIANTS[variant], esd.LAYERS)
    assert set(found) == listed and listed


@agrees("methods", "worst_case_prompts")
@exact
def test_worst_case_prompts(monkeypatch):
    """Two rounds by hand. Below, two steps of r by the sign on W, each of which moves a prediction by r g; above, w - rate (loss / its deviation + 2 gamma w) on
    the capped simplex, whose shift is found by another solver."""
    gains, rate, pull, eta, r = np.array([0.5, 0.1, 0.9, 0.3]), 0.1, 0.5, 1.5, 0.05
    start = torch.tensor([[1.0, 2, -2], [-1, 1, 1], [3, 0.5, 1], [1, -1, 4]])
    params = worst_case_prompts.WorstCasePrompts(
        loss="prediction", share=0.5, rounds=2, steps=2, learning_rate=r, weight_rate=rate, gamma=pull, strength=eta
    )
    found = planted_prompts.searched(monkeypatch, gains, params, start, every=True)
    far = (2 * r * gains) ** 2
    np.testing.assert_allclose(found.losses, [far, far], rtol=1e-5)
    weights = np.full(4, 0.5)
    for row in found.weights[1:]:
        moved = weights - rate * (far / far.std() + 2 * pull * weights)
        shift = brentq(lambda mu, moved=moved: np.clip(moved - mu, 0, 1).sum() - 2, -10, 10, xtol=1e-14)
        weights = np.clip(moved - shift, 0, 1)
        np.testing.assert_allclose(row, weights, rtol=1e-5)
    assert found.chosen.tolist() == (np.argsort(np.argsort(-weights)) < 2).tolist()


def pairs(name):
    return {
        "drawing anchors": ("x_t", "truth", "which"),
        "drawing what is to be forgotten": ("x_t", "truth", "which"),
    }.get(name, ("x_keep", "truth_keep", "which_keep"))


@agrees("methods", "concept_ablation")
@exact
@pytest.mark.parametrize(
    ("variant", "value"), [("model-based", "concept_ablation"), ("noise-based", "concept_ablation_noise")]
)
def test_concept_ablation(monkeypatch, variant, value):
    monkeypatch.setattr(concept_ablation, "latent_images", lambda run, name, *given: Dealt(*pairs(name)))
    made = drawn_by(METHODS["concept_ablation"], steps=2, learning_rate=0.01, keep_weight=0.7, variant=variant)
    same(made.kv, value, KV)


@agrees("methods", "forget_me_not")
@exact
def test_forget_me_not(monkeypatch):
    looks = []

    @contextmanager
    def captured(unet):
        looks.clear()
        yield looks

    def predict(self, model, x, t, words):
        seen = model.unet["block"].attn2["to_k"](words.hidden.mean(1))  # [rows, places]: what each token is given
        looks.append(("layer", seen[:, None, :, None] * tensor("token_weights")))

    monkeypatch.setattr(forget_me_not, "captured", captured)
    monkeypatch.setattr(forget_me_not, "concept_tokens", lambda *given: tensor("token_mask"))
    monkeypatch.setattr(forget_me_not, "latent_images", lambda *given: Dealt("x_t", "truth", "which"))
    monkeypatch.setattr(type(Drawing().pipe), "predict", predict)
    made = drawn_by(METHODS["forget_me_not"], steps=2, learning_rate=0.01, weights="cross-attention keys and values")
    same(made.kv[0], "forget_me_not", KV[0])
    rows = tensor("which")[0]
    look = (tensor("h_forget")[rows] @ tensor("kv")[0].T)[:, None, :, None] * tensor("token_weights")
    same(forget_me_not.attention_norm([("layer", look)], tensor("token_mask")[rows]), "looked")


@agrees("methods", "salun_diffusion")
@exact
def test_salun_diffusion(monkeypatch):
    def noised(rows):
        which = tensor("which_clean")[rows]
        return tensor("x_clean")[rows], torch.zeros(len(rows), dtype=torch.long), tensor("truth_clean")[rows], which

    def made(run, name, *given):
        return Dealt(*pairs(name), clean=tensor("x_clean"), noised=noised)

    scores = []

    def largest(found, share):
        scores.append(torch.stack(list(found.values())))
        return ranked(found, share)

    ranked = salun_diffusion.largest
    monkeypatch.setattr(salun_diffusion, "latent_images", made)
    monkeypatch.setattr(salun_diffusion, "largest", largest)
    params = {"steps": 2, "learning_rate": 0.01, "batch_size": 3, "alpha": 0.5, "share": 0.5, "mask_guidance": 7.5}
    after = drawn_by(METHODS["salun_diffusion"], weights="cross-attention keys and values", **params).kv
    same(after, "salun_diffusion", KV)
    assert (after == tensor("kv")).sum() == KV.size / 2
    same(scores[0], "salun_scores")


@agrees("methods", "adv_unlearn")
@exact
def test_adv_unlearn(monkeypatch):
    pools = {
        "drawings of the concept": lambda: Dealt("x_t", "said", "free", "which"),
        "drawings to keep": lambda: Dealt("x_keep", "truth_keep", "truth_keep", "which_keep"),
    }
    attacks = Dealt("x_attack", "said_attack")

    def prefixed(pipe, model, prompts, soft):
        return pipe.read(model, torch.cat([soft[0], pipe.embedded(prompts)], 1))

    monkeypatch.setattr(adv_unlearn, "pool", lambda run, name, *given: pools[name]())
    monkeypatch.setattr(adv_unlearn, "random_stops", lambda concept, which: attacks.sample(len(which)))
    monkeypatch.setattr(adv_unlearn, "drawn_words", lambda model, rows, count: [tensor("soft")])
    monkeypatch.setattr(adv_unlearn, "prefixed", prefixed)
    made = drawn_by(
        METHODS["adv_unlearn"], steps=2, warm_up=1, attack_steps=2, attack_rate=0.05, attack_start="latest",
        learning_rate=0.01, strength=1.5, retain_weight=0.3,
    )  # fmt: skip
    same(made.text_encoder.weight, "adv_unlearn", RECORDED["encoder"])


def judge():
    """A discriminator of one weight a channel."""
    made = nn.Sequential(nn.Conv2d(2, 1, 1))
    with torch.no_grad():
        made[0].weight.copy_(tensor("judge")[:2].view(1, 2, 1, 1))
        made[0].bias.copy_(tensor("judge")[2:])
    return made


@agrees("methods", "doco")
@exact
def test_doco(monkeypatch):
    judges = []
    pools = {
        "drawings of the anchor": lambda: Dealt("x_t", "said", "free", "which"),
        "drawings to keep": lambda: Dealt("x_keep", clean=None, which=None),
    }

    def discriminator(channels, side):
        judges.append(judge())
        return judges[-1]

    monkeypatch.setattr(doco, "pool", lambda run, name, *given: pools[name]())
    monkeypatch.setattr(doco, "LatentImages", lambda *given: Dealt("x_keep", "truth_keep", "which_keep"))
    monkeypatch.setattr(doco, "_forget_predictions", lambda *given: torch.zeros(1))
    monkeypatch.setattr(doco, "discriminator", discriminator)
    rates = {"learning_rate": 0.01, "discriminator_rate": 0.05, "clip": 0.02}
    made = drawn_by(METHODS["doco"], steps=2, warm_up=0, surgery="projection", surgery_strength=1.0, **rates)
    learnt = torch.cat([parameter.flatten() for parameter in judges[0].parameters()])
    start = np.concatenate([KV.ravel(), RECORDED["judge"]])
    same(torch.cat([made.kv.flatten(), learnt]), "doco", start)


@exact
def test_docos_surgery_and_discriminator():
    away, spare = tensor("away"), tensor("spare")
    kinds = (("projection", 0.8), ("cosine", 0.8), ("none", 0.8))
    same(torch.stack([doco.surgical_gradient(away, spare, kind, strength, 0.1) for kind, strength in kinds]), "surgery")
    losses = [doco.discriminator_loss(judge(), tensor("x_t")[0], label) for label in (0.0, 1.0)]
    same(torch.stack(losses), "discriminator_loss")
    found = [
        (layer.in_channels, layer.out_channels, layer.kernel_size[0], layer.stride[0], layer.padding[0])
        for layer in doco.discriminator(4, 64)
        if isinstance(layer, nn.Conv2d)
    ]  # as released for latents of 64 x 64
    halving = [(4, 64), (64, 128), (128, 256), (256, 512)]
    assert found == [(*one, 4, 2, 1) for one in halving] + [(512, 1, 4, 1, 1)]


@agrees("methods", "uce")
@exact
def test_uce():
    given = (tensor(f"uce_{name}") for name in ("asked", "guides", "kept"))
    edit = uce.solve_edit(*given, erase=2.0, preserve=0.3, closeness=0.5)
    same(tensor("uce_w") @ edit, "uce", RECORDED["uce_w"])
    model = Drawer()
    matrix = torch.linalg.qr(tensor("encoder")).Q
    run = type("Job", (), {"model": model})
    uce.apply(run, matrix)  # every key and value matrix is multiplied from the right
    torch.testing.assert_close(model.kv, tensor("kv") @ matrix, rtol=1e-5, atol=1e-9)


@agrees("methods", "sfd")
@exact
def test_sfd():
    losses = sfd.sid(tensor("sid_real"), tensor("sid_fake"), tensor("sid_drawn"), 1.2)
    same(torch.cat([losses, sfd.weighted(losses, 0.4)[None]]), "sfd")
