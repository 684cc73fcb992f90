"""Selective synaptic dampening (SSD): shrink the weights that matter much more to the forget set than to all data."""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask


class Ssd(Params):
    """Which weights to dampen, and how far."""

    alpha: float | None = Field(
        default=None,
        gt=0,
        le=1e6,
        description="A weight is dampened where it matters this many times more. Empty: 10 for classes, 2 for anything else.",
    )
    dampening: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="Lambda: how much of the ratio of importances is left; smaller is stronger.",
    )
    compare_with: Literal["all", "keep"] = Field(
        default="all",
        description="The data that importance is compared with: all of it (paper) or what is kept (code).",
    )
    batch_size: int = Field(
        default=128, ge=1, le=1024, description="Images averaged before a gradient is squared; the same on both sides."
    )
    most_batches: int = Field(
        default=400, ge=1, le=100_000, description="Look at no more batches than this of the data compared with."
    )


@method(
    id="ssd",
    title="Selective Synaptic Dampening (SSD)",
    short="SSD",
    summary="Shrinks the weights that matter much more to the forget set; nothing is trained.",
    school="Find the strings that only this one memory pulls, and loosen them.",
    student=(
        "The importance of a weight is the mean square of its gradient over minibatches (a rough diagonal Fisher "
        "information). It is measured on the forget set and on all data. Where the first is more than alpha times the "
        "second, the weight is multiplied by lambda * second / first, at most 1. There is no training step, so it takes as "
        "long as one pass of gradients."
    ),
    source={
        "title": "Foster et al., Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening, AAAI 2024",
        "url": "https://arxiv.org/abs/2308.07707",
        "code": "https://github.com/if-loops/selective-synaptic-dampening",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures=(
        "Importance is compared with all data, as in the paper; the code of the corrective benchmark compares with the "
        "retain set, which compare_with=keep does. Both sides use batches of the same size even for a small forget set."
    ),
    needs=("classes",),
    order=48,
)
def ssd(run: Run[ClassifierTask], params: Ssd) -> None:
    """theta <- theta * min(lambda * I_D / I_f, 1) where I_f > alpha * I_D; in the paper alpha 10 and lambda 1."""

    alpha = params.alpha or (10.0 if run.task.forgotten_classes else 2.0)

    def change() -> float:
        # The run splits a part evenly; with the size that gives, both sides square gradients of equally many images.
        count = run.size("forget")
        size = math.ceil(count / math.ceil(count / params.batch_size))
        forget = importance(run, "forget", size)
        everything = importance(run, "train" if params.compare_with == "all" else "keep", size, params.most_batches)
        return dampen(run.model, everything, forget, alpha, params.dampening)

    run.log(dampened_share=run.cached("dampen", change))


def importance(run: Run[ClassifierTask], part: str, size: int, most: int | None = None) -> dict[str, Tensor]:
    """Mean over minibatches of the squared gradient of the mean cross-entropy, by parameter name; model in eval mode."""
    parameters = dict(run.model.named_parameters())
    total = {name: torch.zeros_like(parameter) for name, parameter in parameters.items()}
    limit = None if most is None or run.size(part) <= most * size else most * size
    batches = 0
    for batch in run.batches(part, size, limit=limit):
        loss = F.cross_entropy(run.forward(run.model, batch.x), batch.y)
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            total[name] += gradient.square()
        batches += 1
    return {name: value / batches for name, value in total.items()}


@torch.no_grad()
def dampen(
    model: nn.Module, everything: dict[str, Tensor], forget: dict[str, Tensor], alpha: float, dampening: float
) -> float:
    """Shrink the selected weights in place and return which share of all weights that was."""
    selected = count = 0
    for name, parameter in model.named_parameters():
        chosen = forget[name] > alpha * everything[name]
        factor = (dampening * everything[name] / forget[name]).clamp(max=1)
        parameter.copy_(torch.where(chosen, parameter * factor, parameter))
        selected += int(chosen.sum())
        count += parameter.numel()
    return selected / count
