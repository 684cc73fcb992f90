"""Saliency unlearning (SalUn): random labels, in only the weights with the largest gradient of the forget loss."""

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import RelabelParams, falling, largest, masked_step, relabelled, relabelled_loss, sgd


class SalUn(RelabelParams):
    """Random labels within a mask."""

    share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of all weights that may move: those the forget set pulls at most.",
        json_schema_extra={"mask": True},
    )


@method(
    id="salun",
    title="Saliency Unlearning (SalUn)",
    short="SalUn",
    summary="Changes only the weights that the forget set pulls at most, towards random labels.",
    school="Find the weights that react most to what is to be forgotten, and train only those to answer it at random.",
    student=(
        "One pass over the forget set gives the gradient of its loss; the half of all weights with the largest absolute "
        "gradient form the mask (one ranking over all layers). Then cross-entropy to random labels on the forget set and to "
        "the true labels on the retain set, where only weights in the mask move: gradients are masked, and after each step "
        "the other weights are put back, because weight decay and momentum would move them too."
    ),
    source={
        "title": "Fan et al., SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency, ICLR 2024",
        "url": "https://arxiv.org/abs/2310.12508",
        "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
    },
    label="same algorithm, smaller model",
    departures=(
        "Fewer epochs than the paper's 10; the forget set is shuffled into the rest, as the authors do for CIFAR-100; the step "
        "size falls to zero during the run and is tuned for the embedded models."
    ),
    needs=("classes",),
    order=10,
)
def salun(run: Run[ClassifierTask], params: SalUn) -> None:
    """theta = m * (theta_o + delta) + (1 - m) * theta_o; in the paper m keeps a half, 10 epochs at 0.013."""
    mask = run.cached("saliency", lambda: largest(saliency(run, params.batch_size), params.share))
    mask = {name: chosen.to(run.device) for name, chosen in mask.items()}
    original, moving = dict(run.original.named_parameters()), dict(run.model.named_parameters())
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch, labels in relabelled(run, params, {"optimizer": optimizer}):
        loss = relabelled_loss(run.forward(run.model, batch.x), labels, batch, params.alpha)
        falling(optimizer, params.learning_rate, batch)
        optimizer.zero_grad()
        loss.backward()
        masked_step(moving, optimizer, mask, original)
        run.log(loss=loss.detach())


def saliency(run: Run[ClassifierTask], batch_size: int) -> dict[str, Tensor]:
    """|gradient| of the forget loss by parameter name, model in eval mode.

    The signed gradients of -CE are summed over the batches and the absolute value is taken once, at the end, so batches
    that pull in opposite ways cancel. It is neither a sum of absolute values nor a Fisher information.
    """
    names, parameters = zip(*run.model.named_parameters(), strict=True)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    for batch in run.batches("forget", batch_size):
        loss = -F.cross_entropy(run.forward(run.model, batch.x), batch.y)
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        for summed, gradient in zip(total, gradients, strict=True):
            summed += gradient
    return {name: summed.abs() for name, summed in zip(names, total, strict=True)}
