"""Rounding of the weights (RTN): stores every model in fewer and fewer bits."""

from functools import partial
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ._weights import states

WHOLE = 32.0  # bits of a weight that is not rounded


class Rounding(Params):
    """How coarse it gets."""

    least: int = Field(
        default=3, ge=2, le=8, description="Fewest bits of a weight; 8, 6, 5, 4, 3 and 2 are tried down to it."
    )


@attack(
    id="rounding",
    title="Rounding the weights (RTN): stores it in fewer bits",
    summary="Rounds the weights of every model to 8, 6, 5, 4 and 3 bits: a change too small for the grid is rounded away.",
    source={
        "title": "Zhang et al., Catastrophic Failure of LLM Unlearning via Quantization, ICLR 2025",
        "url": "https://arxiv.org/abs/2410.16454",
        "code": "https://github.com/zzwjames/FailureLLMUnlearning",
    },
    needs=("exam", "weights"),
    test="weights",
    group="there",
    quick=True,
    order=40,
)
def rounding(look: AttackContext[Any], params: Rounding) -> Result:
    """Symmetric round-to-nearest by output row: d = max|w| / (2^(b-1) - 1), w <- d round(w / d), of linear and convolution weights.

    Norms, biases and embeddings stay. GPTQ, AWQ and NF4, which the paper has too, are left out. The place that is judged is 4 bits,
    where the paper finds the effect (or the fewest bits, where they are more).
    """
    bits = [WHOLE, *(float(one) for one in (8, 6, 5, 4, 3, 2) if one >= params.least)]
    changes = [partial(_rounded, bits=one) for one in bits]
    tried = look.try_on_each(lambda model, seed: states(model, changes), len(bits), "rounding and asking")
    attacked = look.attacked(
        attack="rounding", kind="weights", x=bits, x_title="bits of a weight", recalled=tried.recalled, kept=tried.kept,
        at=bits.index(max(4.0, bits[-1])),
        budget={"least bits": params.least},
    )  # fmt: skip
    return Result(attacked, [curves(attacked, "Stored in fewer bits")])


def _rounded(name: str, weight: Tensor, bits: float) -> Tensor:
    """A weight on its grid of 2^bits - 1 values a row; as it is at 32 bits."""
    if bits >= WHOLE:
        return weight
    rows = weight.flatten(1) if weight.ndim != 3 else weight.flatten(0, 1)
    step = (rows.abs().amax(1, keepdim=True) / (2 ** (int(bits) - 1) - 1)).clamp(min=torch.finfo(weight.dtype).tiny)
    rounded: Tensor = torch.round(rows / step) * step
    return rounded.view_as(weight)
