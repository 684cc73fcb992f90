"""DoCo: match the concept's pictures to its anchor's adversarially, with gradient surgery for the retain set."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from ..core.registry import method
from ..core.run import Run, Stateful
from ..families.text_to_image.pipeline import Words
from ..families.text_to_image.task import TextToImage
from ._drawing import DrawingParams, LatentImages, Pool, adam, encode_prompts, pool, trainable_parameters

Surgery = Literal["projection", "cosine", "none"]


class DoCo(DrawingParams):
    """Domain correction with a gradient that preserves other concepts."""

    steps: int = Field(default=40, ge=1, le=5000, description="Training steps of model and discriminator together.")
    batch_size: int = Field(
        default=4, ge=1, le=64, description="Pictures in one step, of the concept and of what is kept."
    )
    warm_up: int = Field(
        default=200, ge=0, le=5000, description="Steps before, in which only the discriminator learns."
    )
    warm_up_batch: int = Field(default=16, ge=1, le=256, description="Pictures in one of those.")
    discriminator_rate: float = Field(
        default=5e-4,
        gt=0,
        le=0.1,
        description="Step size of the discriminator; in the paper 0.0005 for styles, 0.0001 for objects.",
    )
    weights: Literal["cross-attention keys and values", "cross-attention", "whole U-Net"] = Field(
        default="cross-attention keys and values", description="Which weights may move."
    )
    surgery: Surgery = Field(
        default="projection",
        description="Where the step would hurt what is kept. projection: its part along that gradient is taken out. cosine: as "
        "the authors' code does, the cosine times that gradient's direction. none: both losses are added.",
    )
    surgery_strength: float = Field(default=1.0, ge=0, le=10, description="How much of it is taken out (lambda).")
    prior_weight: float = Field(default=0.1, ge=0, le=100, description="Weight of what is kept, without surgery.")
    clip: float = Field(default=1.0, gt=0, le=1000, description="Greatest norm of either gradient.")
    start_guidance: float = Field(
        default=3.0, ge=1, le=15, description="Guidance of the pictures that are drawn to train on."
    )
    pool: int = Field(default=16, ge=4, le=512, description="Pictures of the anchor drawn to train on.")
    keep_pool: int = Field(default=24, ge=4, le=512, description="Pictures of what is kept.")
    pool_steps: int = Field(default=8, ge=2, le=50, description="Steps in which they are drawn.")


@method(
    id="doco",
    title="Domain Correction (DoCo)",
    short="DoCo",
    summary="Makes its pictures of the concept, as a whole, indistinguishable from those of an anchor.",
    school="A judge guesses which drawing was asked for by which word, and you practise until the judge must toss a coin.",
    student=(
        "On the same noisy latents the trained model is asked for the concept and the frozen one for its anchor; both answers "
        "become predictions of the clean picture. A PatchGAN discriminator learns to tell them apart, the model to pass its "
        "own off as the anchor's: distributions are matched, not single predictions. Before each step the gradient is "
        "compared, tensor by tensor, with that of a loss on pictures to keep; where the two point against each other, the part "
        "that fights is taken out."
    ),
    source={
        "title": "Wu et al., Unlearning Concepts in Diffusion Model via Concept Domain Correction and Concept Preserving "
        "Gradient, AAAI 2025",
        "url": "https://arxiv.org/abs/2405.15304",
        "code": "https://github.com/yongliang-wu/DoCo",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "The noisy latents are places on the way to pictures of the anchor, drawn once by the frozen model, so what it says "
        "of them is known; pictures to keep are drawn by it too; the projection is the textbook's unless cosine is "
        "chosen; the discriminator has as many layers as the latents have room for and learns before the model does in each step, "
        "while the authors' model is judged by that of the step before; Adam without weight decay; fewer and larger steps, of "
        "the embedded model."
    ),
    needs=("pictures",),
    order=70,
)
def doco(run: Run[TextToImage], params: DoCo) -> None:
    """min over the model of BCE(D(x0 of the concept), anchor), its gradient cleared of what raises the retain loss."""
    pipe, asking = run.task.pipe, run.task.asking
    sampling = (params.pool_steps, params.start_guidance)
    anchor_pool = pool(run, "drawings of the anchor", asking.anchor_prompts, params.pool, *sampling)
    retain_pool = pool(run, "drawings to keep", asking.keep_prompts, params.keep_pool, *sampling)
    retain_images = LatentImages(pipe, retain_pool.clean, retain_pool.which)
    forget_embeddings, retain_embeddings = (
        encode_prompts(run, run.original, asking.forget_prompts),
        encode_prompts(run, run.original, asking.keep_prompts),
    )
    forget_predictions = run.cached(
        "the concept before", lambda: _forget_predictions(run, anchor_pool, forget_embeddings)
    ).to(run.device)
    judge = discriminator(pipe.channels, min(pipe.cells))
    judge.load_state_dict(
        run.cached("discriminator", lambda: discriminator(pipe.channels, min(pipe.cells)).state_dict())
    )
    judge = judge.to(run.device)
    discriminator_optimizer = Adam(judge.parameters(), lr=params.discriminator_rate, betas=(0.5, 0.999))
    saved: dict[str, Stateful] = {"discriminator": judge, "discriminator optimizer": discriminator_optimizer}

    for _ in run.steps("the discriminator learns", params.warm_up, saved):
        stop = torch.randint(len(anchor_pool.t), (params.warm_up_batch,))
        row = torch.randint(anchor_pool.x.shape[1], (params.warm_up_batch,))
        at = (anchor_pool.x[stop, row], anchor_pool.t[stop])
        anchor, concept = (
            pipe.as_clean(predictions[stop, row], *at) for predictions in (anchor_pool.conditional, forget_predictions)
        )
        run.log(discriminator=_train_discriminator(judge, discriminator_optimizer, anchor, concept))

    weights = list(trainable_parameters(run.model, params.weights).values())
    optimizer = adam(weights, params.learning_rate)
    for _ in run.steps("the concept meets its anchor", params.steps, saved | {"optimizer": optimizer}):
        x, t, target, _, which = anchor_pool.sample(params.batch_size)
        concept = pipe.as_clean(pipe.predict(run.model, x, t, forget_embeddings[which]), x, t)
        judge_loss = _train_discriminator(judge, discriminator_optimizer, pipe.as_clean(target, x, t), concept.detach())
        loss = discriminator_loss(judge, concept, 0.0)
        forget_gradients = clipped(torch.autograd.grad(loss, weights), params.clip)
        prior = _retain_loss(run, retain_images, retain_embeddings, params.batch_size)
        retain_gradients = clipped(torch.autograd.grad(prior, weights), params.clip)
        for weight, one, other in zip(weights, forget_gradients, retain_gradients, strict=True):
            weight.grad = surgical_gradient(one, other, params.surgery, params.surgery_strength, params.prior_weight)
        optimizer.step()
        against = sum(
            float((one * other).sum()) < 0 for one, other in zip(forget_gradients, retain_gradients, strict=True)
        ) / len(weights)
        run.log(discriminator=judge_loss, loss=loss.detach(), keep=prior.detach(), against=against)


def discriminator(channels: int, side: int) -> nn.Sequential:
    """PatchGAN's: halvings of `side` down to four cells, at most four of them, then a logit for each patch.

    As released, which has four for latents of 64 x 64: kernels of 4, batch norm in all but the first, leaky ReLU of slope 0.2.
    """
    layers: list[nn.Module] = []
    for number in range(max(1, min(4, int(math.log2(side)) - 2))):
        wide = 64 * 2**number
        layers.append(nn.Conv2d(channels, wide, 4, stride=2, padding=1))
        layers += [nn.BatchNorm2d(wide)] if number else []
        layers.append(nn.LeakyReLU(0.2))
        channels = wide
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, padding=1))


def discriminator_loss(judge: nn.Module, clean: Tensor, label: float) -> Tensor:
    """Binary cross-entropy, mean over patches, of the judge's logits to one label: 0 anchor, 1 concept."""
    logits = judge(clean)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def clipped(gradients: Sequence[Tensor], limit: float) -> list[Tensor]:
    """Gradients scaled down together where their common norm is greater than `limit`."""
    copies = [gradient.clone() for gradient in gradients]
    scale = (limit / torch.stack([gradient.norm() for gradient in copies]).norm().clamp(min=1e-12)).clamp(max=1)
    return [scale * gradient for gradient in copies]


def surgical_gradient(
    forget_gradient: Tensor, retain_gradient: Tensor, surgery: Surgery, strength: float, weight: float
) -> Tensor:
    """The gradient to step with, of one tensor, from that of the forget loss f and that of the retain loss r.

    projection: f - strength <f, r> / |r|^2 r, where <f, r> is below 0. cosine: the authors' code subtracts
    strength cos(f, r) r / |r| there, whatever the length of f. none: f + weight r.
    """
    if surgery == "none":
        return forget_gradient + weight * retain_gradient
    dot = (forget_gradient * retain_gradient).sum()
    if dot >= 0:
        return forget_gradient
    long: Tensor | float = forget_gradient.norm() if surgery == "cosine" else 1.0
    norm: Tensor = retain_gradient.norm()
    return forget_gradient - strength * dot / (long * norm) * retain_gradient / norm


def _forget_predictions(run: Run[TextToImage], anchor_pool: Pool, forget_embeddings: Words) -> Tensor:
    """The frozen model's predictions for the concept at every stop of the anchor's trajectories [stops, n, c, h, w]."""
    pipe = run.task.pipe
    predictions = torch.empty_like(anchor_pool.x)
    with torch.no_grad():
        for stop, t in enumerate(anchor_pool.t):
            for rows in torch.arange(anchor_pool.x.shape[1], device=t.device).split(pipe.rows):
                x = anchor_pool.x[stop, rows]
                predictions[stop, rows] = pipe.predict(
                    run.original, x, t.expand(len(x)), forget_embeddings[anchor_pool.which[rows]]
                )
    return predictions


def _retain_loss(run: Run[TextToImage], retain_images: LatentImages, embeddings: Words, count: int) -> Tensor:
    """The diffusion loss, mean over pixels, on noised retain pictures."""
    x, t, target, which = retain_images.sample(count)
    return F.mse_loss(run.task.pipe.predict(run.model, x, t, embeddings[which]), target)


def _train_discriminator(judge: nn.Module, optimizer: Adam, anchor: Tensor, concept: Tensor) -> Tensor:
    """Train the discriminator for one step, anchor 0 and concept 1; returns its loss."""
    loss = discriminator_loss(judge, anchor, 0.0) + discriminator_loss(judge, concept, 1.0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()
