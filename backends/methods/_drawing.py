"""What the methods for text-to-image models share: which weights move, pools of drawn latents, and comparing predictions.

A pool holds pictures on their way from noise, drawn once by the frozen model, so that a training step asks the frozen
model nothing: what it predicted at each stop of the way was needed to draw it, and is kept.
"""

import re
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.optim import Adam

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


class SpaceParams(DrawingParams):
    """As well for methods that compare predictions."""

    space: Space = Field(
        default="as predicted",
        description=(
            "Where predictions are compared. noise: as the paper writes it. as predicted: in what the model predicts; the "
            "same for a model that predicts noise, and for one that predicts v the noisiest steps count as much as the others."
        ),
    )


def chosen(model: nn.Module, weights: Weights) -> dict[str, nn.Parameter]:
    """The U-Net's parameters of that kind, by name within the model; all others are frozen."""
    model.requires_grad_(False)
    found = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.startswith("unet.") and re.search(PATTERNS[weights], name)
    }
    for parameter in found.values():
        parameter.requires_grad_(True)
    return found


def adam(parameters: Sequence[nn.Parameter], learning_rate: float) -> Adam:
    """Adam with the usual decay rates, as all these methods use."""
    return Adam(parameters, lr=learning_rate)


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


def pool(run: Run, name: str, prompts: Sequence[str], count: int, steps: int, guidance: float) -> Pool:
    """Draw `count` pictures of the prompts in turn with the frozen model, keeping every stop; made once in a job."""
    task = run.task

    def make() -> dict[str, Tensor]:
        kept: dict[str, list[Tensor]] = {"x": [], "said": [], "free": []}

        def seen(_: int, x: Tensor, said: Tensor, free: Tensor | None) -> None:
            for key, value in (("x", x), ("said", said), ("free", said if free is None else free)):
                kept[key].append(value)

        pipe: Pipeline = task.pipe  # type: ignore[attr-defined]
        which = torch.arange(count) % len(prompts)
        with torch.no_grad():
            words = pipe.words(run.original, list(prompts))[which]
            seeds = torch.randint(2**31 - 1, (count,)).tolist()
            clean = pipe.draw(run.original, words, pipe.start(seeds), steps, guidance, seen=seen)
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
