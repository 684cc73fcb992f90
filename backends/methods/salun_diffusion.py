"""Saliency unlearning (SalUn) for diffusion models: relabel the concept, in only the weights with the largest gradient on it."""

import torch
from pydantic import Field
from torch import Tensor

from ..core.registry import method
from ..core.run import Run
from ..families.text_to_image.pipeline import Words, join
from ..families.text_to_image.task import TextToImage
from ._common import largest, masked_step
from ._drawing import (
    LatentImages,
    PicturesParams,
    SpaceParams,
    Weights,
    adam,
    encode_prompts,
    latent_images,
    prediction_loss,
    trainable_parameters,
)


class SalUnDiffusion(SpaceParams, PicturesParams):
    """Another concept within a mask."""

    steps: int = Field(default=24, ge=1, le=5000, description="Training steps.")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(
        default=6,
        ge=1,
        le=64,
        description="Pictures of what is to be forgotten in one step, and as many of what is kept.",
    )
    share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of the chosen weights that may move: those the concept pulls at most.",
        json_schema_extra={"mask": True},
    )
    weights: Weights = Field(default="whole U-Net", description="Which weights the mask is chosen from.")
    alpha: float = Field(
        default=0.5, ge=0, le=100, description="Weight of what is kept against what is to be forgotten; both are means."
    )
    mask_guidance: float = Field(
        default=7.5, ge=0, le=20, description="Guidance of the predictions whose gradient makes the mask."
    )


@method(
    id="salun_diffusion",
    title="Saliency Unlearning (SalUn)",
    short="SalUn",
    summary="Changes only the weights that the concept pulls at most, towards another concept.",
    school="Find the weights that react most to the concept, and teach only those to draw something else.",
    student=(
        "One pass over pictures of the concept gives the gradient of the guided denoising loss; the half of the weights with "
        "the largest absolute gradient form the mask. Then, on those pictures with noise, the prediction with the concept's "
        "prompt learns to equal the current prediction with another concept's prompt, while the usual loss on pictures of "
        "other concepts keeps the rest. Only weights in the mask move: gradients are masked, and after each step the other "
        "weights are put back."
    ),
    source={
        "title": "Fan et al., SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency, ICLR 2024",
        "url": "https://arxiv.org/abs/2310.12508",
        "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "Both losses are means over pictures, channels and pixels, and alpha weighs them so (the authors' code for small "
        "diffusion models sums the second). Another concept is the anchor, the nearest one unless one is named, instead of "
        "the next class; pictures of both sides are drawn by the frozen model. Fewer and larger steps, for the embedded model."
    ),
    needs=("pictures",),
    variant_of="salun",
    order=10,
)
def salun_diffusion(run: Run[TextToImage], params: SalUnDiffusion) -> None:
    """min |e(x_t, c_f) - sg[e(x_t, c')]|^2 + alpha |e(x_t, c_r) - noise|^2 within the mask; in the README 5 epochs at 1e-5."""
    pipe, asking = run.task.pipe, run.task.asking
    forget_images = latent_images(run, "drawing what is to be forgotten", asking.forget_prompts, params)
    retain_images = latent_images(run, "drawing what is kept", asking.keep_prompts, params)
    forget_embeddings, anchor_embeddings, retain_embeddings, empty_embedding = (
        encode_prompts(run, run.original, prompts)
        for prompts in (asking.forget_prompts, asking.anchor_prompts, asking.keep_prompts, [""])
    )
    parameters = trainable_parameters(run.model, params.weights)
    mask = run.cached(
        "saliency",
        lambda: largest(saliency(run, params, forget_images, forget_embeddings, empty_embedding), params.share),
    )
    mask = {name: salient.to(run.device) for name, salient in mask.items()}
    original = {name: weight.detach() for name, weight in run.original.named_parameters() if name in parameters}
    optimizer = adam(list(parameters.values()), params.learning_rate)
    for _ in run.steps("forget and keep", params.steps, {"optimizer": optimizer}):
        x, t, _, which = forget_images.sample(params.batch_size)
        with torch.no_grad():
            target = pipe.predict(run.model, x, t, anchor_embeddings[which])
        loss = prediction_loss(pipe, pipe.predict(run.model, x, t, forget_embeddings[which]), target, t, params.space)
        if params.alpha:
            x, t, noise, which = retain_images.sample(params.batch_size)
            retain_prediction = pipe.predict(run.model, x, t, retain_embeddings[which])
            loss = loss + params.alpha * prediction_loss(pipe, retain_prediction, noise, t, params.space)
        optimizer.zero_grad()
        loss.backward()
        masked_step(parameters, optimizer, mask, original)
        run.log(loss=loss.detach())


def saliency(
    run: Run[TextToImage],
    params: SalUnDiffusion,
    forget_images: LatentImages,
    forget_embeddings: Words,
    empty_embedding: Words,
) -> dict[str, Tensor]:
    """|gradient| of -|(1 + g) e(x_t, c) - g e(x_t, c0) - noise|^2 by parameter name, for those that take gradients.

    One pass over the pictures, each at one random time step; the signed gradients of the batches are summed and the absolute
    value is taken once, at the end.
    """
    pipe, weight = run.task.pipe, params.mask_guidance
    parameters = {name: parameter for name, parameter in run.model.named_parameters() if parameter.requires_grad}
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    for rows in torch.arange(len(forget_images.clean)).split(params.batch_size):
        x, t, truth, which = forget_images.noised(rows)
        pairs = join([forget_embeddings[which], empty_embedding[[0] * len(rows)]])
        conditional, unconditional = pipe.predict(run.model, torch.cat([x, x]), torch.cat([t, t]), pairs).chunk(2)
        loss = -prediction_loss(pipe, (1 + weight) * conditional - weight * unconditional, truth, t, params.space)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            total[name] += gradient
    return {name: summed.abs() for name, summed in total.items()}
