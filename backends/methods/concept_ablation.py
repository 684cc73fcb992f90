"""Concept Ablation (CA): asked for the concept, predict what the model predicts for its anchor."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ..core.registry import method
from ..core.run import Run
from ..families.text_to_image.task import TextToImage
from ._drawing import (
    PicturesParams,
    SpaceParams,
    Weights,
    adamw,
    clipped_step,
    encode_prompts,
    latent_images,
    prediction_loss,
    trainable_parameters,
)


class ConceptAblation(SpaceParams, PicturesParams):
    """Concept Ablation."""

    steps: int = Field(default=30, ge=1, le=5000, description="Training steps.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(
        default=6, ge=1, le=64, description="Pictures in one step; of what is kept, where that counts, as many again."
    )
    variant: Literal["model-based", "noise-based"] = Field(
        default="model-based",
        description="What is learned for the concept. model-based: what the model itself, as it is by now, predicts for the "
        "anchor. noise-based: the noise that is in the anchor's pictures.",
    )
    weights: Weights = Field(default="cross-attention keys and values", description="Which weights may move.")
    keep_on: Literal["keep prompts", "anchor prompts"] = Field(
        default="keep prompts", description="Whose pictures the model also goes on learning from, as it once did."
    )
    keep_weight: float = Field(
        default=1.0,
        ge=0,
        le=100,
        description="Weight of that, a mean over all entries, against the ablation, a sum over channels; 0 leaves it out.",
    )


@method(
    id="concept_ablation",
    title="Concept Ablation (CA)",
    short="CA",
    summary="Learns to draw a neighbour where the concept is asked for.",
    school="Practise until, asked for a cat, you draw a dog without thinking.",
    student=(
        "The frozen model draws pictures of an anchor concept. Noise is added to them, and the prediction with the target's "
        "prompt learns to equal the prediction with the anchor's prompt, which the same network makes at that moment without "
        "gradient. So the distribution of pictures under the target's name becomes the anchor's. Only the key and value "
        "matrices of cross-attention move by default; the usual loss on pictures of what is kept holds the rest."
    ),
    source={
        "title": "Kumari et al., Ablating Concepts in Text-to-Image Diffusion Models, ICCV 2023",
        "url": "https://arxiv.org/abs/2303.13516",
        "code": "https://github.com/nupurkmr9/concept-ablation",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "Every way to ask for the concept is paired with the same way to ask for the anchor; the anchor is the nearest "
        "concept unless one is named, or the empty prompt where none is known. Pictures are not mirrored, training the "
        "token embedding alone is left out, and the regularisation, optional there with weight 0.2 or 1, is by default on "
        "pictures of everything kept. Fewer and larger steps, for the embedded model."
    ),
    needs=("pictures",),
    order=35,
)
def concept_ablation(run: Run[TextToImage], params: ConceptAblation) -> None:
    """min |e(x_t, target) - sg[e(x_t, anchor)]|^2 + keep_weight |e(x_t, c) - noise|^2, the first on x_t of the anchor's
    pictures; in the paper 100 to 200 steps at 2e-6 times GPUs times batch.

    As released, the first term is summed over the channels of the latents and a mean over places and pictures (its mask
    has one channel), the second a mean over all.
    """
    pipe, asking = run.task.pipe, run.task.asking
    anchor_images = latent_images(run, "drawing anchors", asking.anchor_prompts, params)
    forget_embeddings, anchor_embeddings = (
        encode_prompts(run, run.original, prompts) for prompts in (asking.forget_prompts, asking.anchor_prompts)
    )
    retain_images, retain_embeddings = anchor_images, anchor_embeddings
    if params.keep_weight and params.keep_on == "keep prompts":
        retain_images = latent_images(run, "drawing what is kept", asking.keep_prompts, params)
        retain_embeddings = encode_prompts(run, run.original, asking.keep_prompts)

    def ablation_loss(x: Tensor, t: Tensor, noise: Tensor, which: Tensor) -> Tensor:
        if params.variant == "noise-based":
            target = noise
        else:
            with torch.no_grad():
                target = pipe.predict(run.model, x, t, anchor_embeddings[which])
        return x.shape[1] * prediction_loss(
            pipe, pipe.predict(run.model, x, t, forget_embeddings[which]), target, t, params.space
        )

    def retain_loss(x: Tensor, t: Tensor, noise: Tensor, which: Tensor) -> Tensor:
        return prediction_loss(pipe, pipe.predict(run.model, x, t, retain_embeddings[which]), noise, t, params.space)

    parameters = list(trainable_parameters(run.model, params.weights).values())
    optimizer = adamw(parameters, params.learning_rate)
    for _ in run.steps("ablate", params.steps, {"optimizer": optimizer}):
        loss = ablation_loss(*anchor_images.sample(params.batch_size))
        if params.keep_weight:
            loss = loss + params.keep_weight * retain_loss(*retain_images.sample(params.batch_size))
        clipped_step(optimizer, parameters, loss)
        run.log(loss=loss.detach())
