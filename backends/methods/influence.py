"""Influence unlearning (IU): one step that undoes, to first order, the effect of the forget set on the weights."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask

BATCH = 256  # images in one backward pass; the sum does not depend on it


class Influence(Params):
    """One step, and the curvature it is divided by."""

    alpha: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Length of the step; searched for in the paper. Empty: 7 for classes, 10 for anything else.",
    )
    samples: int = Field(
        default=1000, ge=2, le=20_000, description="Single images that the curvature is estimated from."
    )


@method(
    id="influence",
    title="Influence unlearning (IU)",
    short="IU",
    summary="Estimates how the forget set pulled at the weights, and takes that back in one step.",
    school="Work out which way one lesson pushed your thoughts, and take one step the other way.",
    student=(
        "Influence functions say how the weights would change if the forget set had not counted: H^-1 v, with v the "
        "weighted difference of the summed gradients of the forget and the retain set, and H the curvature of the loss. "
        "WoodFisher builds H^-1 v from single gradients, one rank-one correction each. The step has a plus sign: it goes up "
        "the loss of the forget set. It is right only near the trained weights, so a long step breaks the model."
    ),
    source={
        "title": "Koh and Liang, ICML 2017; as in Jia et al., Model Sparsity Can Simplify Machine Unlearning, NeurIPS 2023",
        "url": "https://arxiv.org/abs/2304.04934",
        "code": "https://github.com/OPTML-Group/Unlearn-Sparse",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures=(
        "The released recursion over N single images keeps one direction, the first gradient: what it inverts is I + g1 * "
        "(sum of the other gradients)^T / N. That is far from the full curvature, so the step is close to plain gradient "
        "ascent. It is kept as released and computed in closed form (a test compares both). Nothing but g1 is drawn: where that "
        "image is one the model is sure of, its gradient is nearly zero and the step is v, so two seeds can come to the same "
        "numbers. alpha is tuned on the embedded models."
    ),
    needs=("classes",),
    order=42,
)
def influence(run: Run[ClassifierTask], params: Influence) -> None:
    """theta <- theta + alpha * H^-1 v, v = g_f/(|Df|+|Dr|) - g_r |Df|/((|Df|+|Dr|)|Dr|), from sums of gradients in eval mode."""
    alpha = params.alpha or (7.0 if run.task.forgotten_classes else 10.0)

    def step() -> float:
        forget, keep = run.size("forget"), run.size("keep")
        vector = gradient_sum(run, "forget") / (forget + keep)
        vector -= gradient_sum(run, "keep") * forget / ((forget + keep) * keep)
        count = min(params.samples, keep)
        first = gradient_sum(run, "keep", 1)
        others = gradient_sum(run, "keep", count) - first
        change = alpha * woodfisher(vector, first, others, count)
        at = 0
        with torch.no_grad():
            for parameter in run.model.parameters():
                parameter.add_(change[at : at + parameter.numel()].view(parameter.shape))
                at += parameter.numel()
        return float(change.norm())

    run.log(step_length=run.cached("influence", step))


def woodfisher(vector: Tensor, first: Tensor, others: Tensor, count: int) -> Tensor:
    """H^-1 v by the recursion of Unlearn-Sparse over N = `count` single gradients, in closed form; all vectors [d].

    The recursion: o <- g1, k <- v; then for each further g, with s = o.g, k <- k - (k.g / (N+s)) o and
    o <- o - (s / (N+s)) o. As o only changes its length, that is v times the inverse of I + g1 (g2 + ... + gN)^T / N, which
    needs the sum of the gradients alone and not one backward pass for each (Sherman and Morrison).

    Args:
        vector: v.
        first: g1.
        others: g2 + ... + gN.
        count: N.
    """
    return vector - (others @ vector) / (count + others @ first) * first


def gradient_sum(run: Run[ClassifierTask], part: str, limit: int | None = None) -> Tensor:
    """Sum of the gradients of the cross-entropy of a part's items (of `limit` of them, drawn by the seed), one vector [d]."""
    total = torch.zeros(sum(parameter.numel() for parameter in run.model.parameters()), device=run.device)
    for batch in run.batches(part, BATCH, limit=limit):
        loss = F.cross_entropy(run.forward(run.model, batch.x), batch.y, reduction="sum")
        gradients = torch.autograd.grad(loss, list(run.model.parameters()), allow_unused=True, materialize_grads=True)
        total += torch.cat([gradient.reshape(-1) for gradient in gradients])
    return total
