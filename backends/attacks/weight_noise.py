"""Weight noise: shakes the weights, more and more."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ._weights import states

SHARES = (0.0, 0.01, 0.03, 0.1)  # of each weight's own deviation


class WeightNoise(Params):
    """How often."""

    draws: int = Field(default=3, ge=1, le=10, description="How often, each time with other noise.")


@attack(
    id="weight_noise",
    title="Weight noise: shakes the weights",
    summary="Adds random noise to the weights of every model: what only holds by a narrow margin falls over.",
    source={
        "title": "Tice et al., Noise Injection Reveals Hidden Capabilities of Sandbagging Language Models, 2024",
        "url": "https://arxiv.org/abs/2412.01784",
    },
    needs=("exam", "weights"),
    test="weights",
    group="there",
    order=42,
)
def weight_noise(look: AttackContext[Any], params: WeightNoise) -> Result:
    """w + s std(w) N(0, 1) for s of 0, .01, .03, .1, of linear and convolution weights; [draws, places, items]. Judged at the last."""

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        return states(model, [partial(_shaken, share=share, seed=seed) for share in SHARES])

    tried = look.try_on_each(way, len(SHARES), "shaking and asking", seeds=range(params.draws))
    attacked = look.attacked(
        attack="weight_noise", kind="weights", x=list(SHARES), x_title="noise, shares of a weight's deviation", recalled=tried.recalled,
        kept=tried.kept, budget={"draws": params.draws},
    )  # fmt: skip
    return Result(attacked, [curves(attacked, "With noise in the weights")])


def _shaken(name: str, weight: Tensor, share: float, seed: int) -> Tensor:
    """A weight with noise that depends on its name and the seed alone."""
    generator = torch.Generator().manual_seed(1000 * seed + sum(name.encode()) % 1000)
    noise = torch.randn(weight.shape, generator=generator).to(weight)
    return weight + share * weight.std() * noise
