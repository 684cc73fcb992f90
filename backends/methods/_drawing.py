"""What the methods for text-to-image models share: which weights move, pools of drawn latents, and comparing predictions.

A pool holds pictures on their way from noise, drawn once by the frozen model, so that a training step asks the frozen
model nothing: what it predicted at each stop of the way was needed to draw it, and is kept.
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

from ..engine.run import Run
from ..models.diffusion import Pipeline, Words
from ..registry import Params

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
    """What every method that trains a text-to-image model can be told."""

    steps: int = Field(default=100, ge=1, le=5000, description="Training steps.")
    learning_rate: float = Field(default=1e-4, gt=0, le=0.1, description="Step size.")
    batch_size: int = Field(default=8, ge=1, le=64, description="Pictures in one step.")


class PicturesParams(DrawingParams):
    """As well for methods that train on finished pictures, noised again."""

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
    """As well for methods that compare predictions."""

    space: Space = Field(
        default="as predicted",
        description=(
            "Where predictions are compared. noise: as the paper writes it. as predicted: in what the model predicts; the "
            "same for a model that predicts noise, and for one that predicts v the noisiest steps count as much as the others."
        ),
    )


def chosen(
    model: nn.Module, weights: Weights, layers: tuple[type[nn.Module], ...] = (nn.Module,)
) -> dict[str, nn.Parameter]:
    """The U-Net's parameters of that kind, by name within the model; all others are frozen.

    Args:
        model: of which the U-Net is a part.
        weights: which of them.
        layers: only those of such layers, as (nn.Linear, nn.Conv2d).
    """
    model.requires_grad_(False)
    found = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.startswith("unet.")
        and re.search(PATTERNS[weights], name)
        and isinstance(model.get_submodule(name.rpartition(".")[0]), layers)
    }
    for parameter in found.values():
        parameter.requires_grad_(True)
    return found


def adam(parameters: Sequence[nn.Parameter], learning_rate: float) -> Adam:
    """Adam with the usual decay rates and no weight decay, as ESD, AdvUnlearn and SalUn take it."""
    return Adam(parameters, lr=learning_rate)


def adamw(parameters: Sequence[nn.Parameter], learning_rate: float) -> AdamW:
    """AdamW with weight decay 0.01, as Concept Ablation and Forget-Me-Not take it."""
    return AdamW(parameters, lr=learning_rate, weight_decay=0.01)


def clipped_step(optimizer: AdamW, parameters: Iterable[nn.Parameter], loss: Tensor) -> None:
    """One step down `loss`, its gradient scaled to a norm of at most 1 over all the parameters, as Concept Ablation does."""
    optimizer.zero_grad()
    loss.backward()
    clip_grad_norm_(parameters, 1.0)
    optimizer.step()


def compared(pipe: Pipeline, said: Tensor, wanted: Tensor, t: Tensor, space: Space) -> Tensor:
    """Mean squared difference of two predictions at the same x_t.

    As noise, the difference of two v-predictions counts alpha times (x_t drops out), so nothing is learned where alpha is 0.
    """
    off = said - wanted
    if space == "noise" and pipe.kind == "v_prediction":
        off = pipe.scale(t)[0] * off
    return off.square().mean()


class Pool:
    """Latents on their way from noise to picture: `x` [stops, n, c, h, w], drawn with prompt `which` [n].

    Attributes:
        t: time step of each stop, [stops].
        said, free: what the frozen model predicted there with the prompt, and without.
        clean: the finished latents [n, c, h, w].
    """

    def __init__(self, kept: dict[str, Tensor]) -> None:
        self.x, self.t, self.which = kept["x"], kept["t"], kept["which"]
        self.said, self.free, self.clean = kept["said"], kept["free"], kept["clean"]

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """`count` random places of the pool: x_t, t, prediction with the prompt, without, and which prompt it was."""
        row = torch.randint(self.x.shape[1], (count,))
        stop = torch.randint(len(self.t), (count,))
        return self.x[stop, row], self.t[stop], self.said[stop, row], self.free[stop, row], self.which[row]


def spread(count: int, of: int) -> Tensor:
    """Which of `of` prompts each of `count` pictures is drawn for, [count], in their order.

    All of them in turn; where there are more prompts than pictures, one at random of each of `count` stretches of the list,
    so that none of several concepts is passed over.
    """
    if count >= of:
        return torch.arange(count) % of
    return ((torch.arange(count) + torch.rand(count)) * of / count).long().clamp(max=of - 1)


def pool(run: Run, name: str, prompts: Sequence[str], count: int, steps: int, guidance: float) -> Pool:
    """Draw `count` pictures of the prompts (see `spread`) with the frozen model, keeping every stop; made once in a job."""
    task = run.task

    def make() -> dict[str, Tensor]:
        kept: dict[str, list[Tensor]] = {"x": [], "said": [], "free": []}

        def seen(_: int, x: Tensor, said: Tensor, free: Tensor | None) -> None:
            for key, value in (("x", x), ("said", said), ("free", said if free is None else free)):
                kept[key].append(value)

        pipe: Pipeline = task.pipe  # type: ignore[attr-defined]
        which = spread(count, len(prompts))
        with torch.no_grad():
            words = pipe.words(run.original, list(prompts))[which]
            seeds = torch.randint(2**31 - 1, (count,)).tolist()
            clean = pipe.draw(run.original, words, pipe.start(seeds), steps, guidance, on_step=seen)
        return {key: torch.stack(rows) for key, rows in kept.items()} | {
            "t": pipe.timeline(steps),
            "which": which,
            "clean": clean,
        }

    return Pool({key: value.to(run.device) for key, value in run.once(name, make).items()})


def words(run: Run, model: nn.Module, prompts: Sequence[str]) -> Words:
    """Prompts as the model's text encoder reads them, without gradient: for methods that leave it as it is."""
    with torch.no_grad():
        return run.task.pipe.words(model, list(prompts))  # type: ignore[attr-defined,no-any-return]


class Pictures:
    """Finished latents `clean` [n, c, h, w], drawn by the frozen model for prompt `which` [n]."""

    def __init__(self, pipe: Pipeline, clean: Tensor, which: Tensor) -> None:
        self.pipe, self.clean, self.which = pipe, clean, which

    def noised(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Some of them [n], each at a random time step: x_t, t, what a perfect model would predict there, and which prompt."""
        clean = self.clean[rows]
        t = torch.randint(self.pipe.times, (len(rows),)).to(clean.device)
        noise = torch.randn(clean.shape).to(clean.device)
        return self.pipe.noised(clean, noise, t), t, self.pipe.truth(clean, noise, t), self.which[rows]

    def draw(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `noised`, of `count` random ones."""
        return self.noised(torch.randint(len(self.clean), (count,)))


def pictures(run: Run, name: str, prompts: Sequence[str], params: PicturesParams) -> Pictures:
    """Pictures of the prompts by the frozen model, as latents; made once in a job."""

    def make() -> dict[str, Tensor]:
        which = spread(params.pool, len(prompts))
        seeds = torch.randint(2**31 - 1, (len(which),)).tolist()
        clean = run.task.draw_latents(  # type: ignore[attr-defined]
            run.original,
            [prompts[i] for i in which.tolist()],
            seeds,
            steps=params.pool_steps,
            guidance=math.nan if params.start_guidance is None else params.start_guidance,
        )
        return {"clean": clean, "which": which}

    kept = {key: value.to(run.device) for key, value in run.once(name, make).items()}
    return Pictures(run.task.pipe, **kept)  # type: ignore[attr-defined]


def ends(pipe: Pipeline, ids: Tensor) -> list[int]:
    """Where each prompt [n, tokens] ends: the place of its first <|endoftext|>; the words stand at 1 to there, without it."""
    return (ids == pipe.tokenizers[0].eos_token_id).int().argmax(1).tolist()  # type: ignore[no-any-return]
