"""Shared by the methods for text-to-image models: trainable weights, pools of sampled latents, the loss between predictions.

A pool holds denoising trajectories sampled once by the frozen model. Sampling needs its predictions at every stop anyway,
so they are stored, and a training step does not run the frozen model again.
"""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Adam, AdamW

from ..core.registry import Params
from ..core.run import Run
from ..families.text_to_image.pipeline import Pipeline, Words
from ..families.text_to_image.task import TextToImage

Weights = Literal[
    "cross-attention", "cross-attention keys and values", "not cross-attention", "self-attention", "whole U-Net"
]
PATTERNS: dict[Weights, str] = {
    "cross-attention": r"\.attn2\.",
    "cross-attention keys and values": r"\.attn2\.to_[kv]\.",
    "not cross-attention": r"^(?!.*\.attn2\.)",
    "self-attention": r"\.attn1\.",
    "whole U-Net": r"",
}
Space = Literal["as predicted", "noise"]


class DrawingParams(Params):
    """Settings of every method that trains a text-to-image model."""

    steps: int = Field(default=100, ge=1, le=5000, description="Training steps.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(default=8, ge=1, le=64, description="Pictures in one step.")


class PicturesParams(DrawingParams):
    """Settings of the methods that train on finished pictures, noised again."""

    pool: int = Field(
        default=16,
        ge=2,
        le=1024,
        description="Pictures that the frozen model draws to train on, of what is to be forgotten or what stands in for it; "
        "where a method also trains on what is kept, as many of that.",
    )
    pool_steps: int = Field(default=6, ge=1, le=100, description="Steps in which they are drawn.")
    start_guidance: float | None = Field(
        default=None, ge=1, le=15, description="Guidance they are drawn with; none for the model's own."
    )


class SpaceParams(DrawingParams):
    """Settings of the methods that compare noise predictions."""

    space: Space = Field(
        default="as predicted",
        description=(
            "Where predictions are compared. noise: as the paper writes it. as predicted: in what the model predicts; the "
            "same for a model that predicts noise, and for one that predicts v the noisiest steps count as much as the others."
        ),
    )


def trainable_parameters(
    model: nn.Module, weights: Weights, layers: tuple[type[nn.Module], ...] = (nn.Module,)
) -> dict[str, nn.Parameter]:
    """Choose the U-Net's parameters to train, by name within the model, and freeze all others.

    Args:
        model: the whole pipeline; its U-Net is `model.unet`.
        weights: the part of the U-Net that trains.
        layers: types of layers that train, as (nn.Linear, nn.Conv2d).
    """
    model.requires_grad_(False)
    parameters = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.startswith("unet.")
        and re.search(PATTERNS[weights], name)
        and isinstance(model.get_submodule(name.rpartition(".")[0]), layers)
    }
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    return parameters


def adam(parameters: Sequence[nn.Parameter], learning_rate: float) -> Adam:
    """The optimiser of ESD, AdvUnlearn and SalUn: Adam with the usual decay rates and no weight decay."""
    return Adam(parameters, lr=learning_rate)


def adamw(parameters: Sequence[nn.Parameter], learning_rate: float) -> AdamW:
    """The optimiser of Concept Ablation and Forget-Me-Not: AdamW with weight decay 0.01."""
    return AdamW(parameters, lr=learning_rate, weight_decay=0.01)


def clipped_step(optimizer: AdamW, parameters: Iterable[nn.Parameter], loss: Tensor) -> None:
    """One step down `loss`, its gradient scaled to a norm of at most 1 over all the parameters, as Concept Ablation does."""
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(parameters, 1.0)
    optimizer.step()


def prediction_loss(pipe: Pipeline, prediction: Tensor, target: Tensor, t: Tensor, space: Space) -> Tensor:
    """Mean squared error of a prediction against its target, both at x_t.

    As noise, the difference of two v-predictions counts alpha times (x_t drops out), so nothing is learned where alpha is 0.
    """
    difference = prediction - target
    if space == "noise" and pipe.kind == "v_prediction":
        difference = pipe.scale(t)[0] * difference
    return difference.square().mean()


class Pool:
    """Denoising trajectories sampled by the frozen model: latents `x` [stops, n, c, h, w], picture i with prompt `which[i]`.

    Attributes:
        t: time step of each stop, [stops].
        conditional, unconditional: the frozen model's prediction at each stop with the prompt, and without one.
        clean: the finished latents [n, c, h, w].
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.x, self.t, self.which = tensors["x"], tensors["t"], tensors["which"]
        self.conditional, self.unconditional, self.clean = tensors["said"], tensors["free"], tensors["clean"]

    def sample(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`count` random stops of random trajectories: x_t, t, conditional and unconditional prediction, index of the prompt."""
        row = torch.randint(self.x.shape[1], (count,))
        stop = torch.randint(len(self.t), (count,))
        conditional, unconditional = self.conditional[stop, row], self.unconditional[stop, row]
        return self.x[stop, row], self.t[stop], conditional, unconditional, self.which[row]


def prompt_indices(count: int, of: int) -> Tensor:
    """Index of the prompt, among `of`, that each of `count` pictures is sampled for, [count], ascending or in turn.

    All of them in turn; where there are more prompts than pictures, one at random of each of `count` stretches of the list,
    so that none of several concepts is passed over.
    """
    if count >= of:
        return torch.arange(count) % of
    return ((torch.arange(count) + torch.rand(count)) * of / count).long().clamp(max=of - 1)


def pool(run: Run[TextToImage], name: str, prompts: Sequence[str], count: int, steps: int, guidance: float) -> Pool:
    """Sample `count` pictures of the prompts (see `prompt_indices`) with the frozen model and store every stop, once in a job."""
    task = run.task

    def make() -> dict[str, Tensor]:
        stops: dict[str, list[Tensor]] = {"x": [], "said": [], "free": []}

        def record(number: int, x: Tensor, conditional: Tensor, unconditional: Tensor | None) -> None:
            run.report(name, number, steps)
            stops["x"].append(x)
            stops["said"].append(conditional)
            stops["free"].append(conditional if unconditional is None else unconditional)

        pipe: Pipeline = task.pipe
        which = prompt_indices(count, len(prompts))
        with torch.no_grad():
            embeddings = pipe.words(run.original, list(prompts))[which]
            seeds = torch.randint(2**31 - 1, (count,)).tolist()
            clean = pipe.draw(run.original, embeddings, pipe.start(seeds), steps, guidance, on_step=record)
        return {key: torch.stack(rows) for key, rows in stops.items()} | {
            "t": pipe.timeline(steps),
            "which": which,
            "clean": clean,
        }

    return Pool({key: value.to(run.device) for key, value in run.cached(name, make).items()})


def encode_prompts(run: Run[TextToImage], model: nn.Module, prompts: Sequence[str]) -> Words:
    """Embeddings of prompts by the model's text encoder, without gradient: for methods that do not train it."""
    with torch.no_grad():
        return run.task.pipe.words(model, list(prompts))


class LatentImages:
    """Finished latents `clean` [n, c, h, w] that the frozen model sampled, picture i for prompt `which[i]`."""

    def __init__(self, pipe: Pipeline, clean: Tensor, which: Tensor) -> None:
        self.pipe, self.clean, self.which = pipe, clean, which

    def noised(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The pictures of `rows` [n], each at a random time step: x_t, t, the true prediction target there, index of the prompt."""
        clean = self.clean[rows]
        t = torch.randint(self.pipe.times, (len(rows),)).to(clean.device)
        noise = torch.randn(clean.shape).to(clean.device)
        return self.pipe.noised(clean, noise, t), t, self.pipe.truth(clean, noise, t), self.which[rows]

    def sample(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noise `count` random pictures; returns what `noised` returns."""
        return self.noised(torch.randint(len(self.clean), (count,)))


def latent_images(run: Run[TextToImage], name: str, prompts: Sequence[str], params: PicturesParams) -> LatentImages:
    """Sample pictures of the prompts with the frozen model, as latents, once in a job."""

    def make() -> dict[str, Tensor]:
        which = prompt_indices(params.pool, len(prompts))
        seeds = torch.randint(2**31 - 1, (len(which),)).tolist()
        clean = run.task.draw_latents(
            run.original,
            [prompts[i] for i in which.tolist()],
            seeds,
            steps=params.pool_steps,
            guidance=math.nan if params.start_guidance is None else params.start_guidance,
        )
        return {"clean": clean, "which": which}

    tensors = {key: value.to(run.device) for key, value in run.cached(name, make).items()}
    return LatentImages(run.task.pipe, **tensors)


def end_positions(pipe: Pipeline, ids: Tensor) -> list[int]:
    """Position of the first <|endoftext|> of each prompt [n, tokens]; its words stand from 1 up to there."""
    positions: list[int] = (ids == pipe.tokenizers[0].eos_token_id).int().argmax(1).tolist()
    return positions
