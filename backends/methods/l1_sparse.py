"""l1-sparse: unlearn in a sparse model, by a penalty that fades out, or by pruning first."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.errors import BadInput
from ..core import registry
from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import SgdParams, falling, largest, sgd


class L1Sparse(SgdParams):
    """Fine-tuning with a penalty on the weights, or pruning and then any method."""

    epochs: int = Field(default=4, ge=1, le=200, description="Passes over what is kept.")
    learning_rate: float = Field(default=0.01, gt=0, le=1, description="Step size.")
    alpha: float = Field(
        default=5e-4, ge=0, le=1, description="Weight of the penalty at the start; it falls to zero in equal steps."
    )
    epochs_without: int = Field(default=0, ge=0, le=200, description="Last passes that have no penalty.")
    prune: float = Field(
        default=0.0, ge=0, le=0.99, description="Share of the weights set to zero first, the smallest of all layers."
    )
    then: str = Field(
        default="",
        max_length=60,
        description="Id of another method, run with its own defaults inside the pruned model; empty: the penalty.",
        json_schema_extra={"catalog": "methods"},
    )


@method(
    id="l1_sparse",
    title="l1-sparse",
    short="l1-sparse",
    summary="Trains on the rest while a penalty pushes weights to zero; or prunes first, then unlearns.",
    school="Keep a small notebook: what you do not look up again has to make room.",
    student=(
        "Cross-entropy on the retain set plus a_t times the sum of all absolute weights, with a_t falling to zero during the "
        "run. The forget set is never touched: weights that nothing on the retain set defends shrink. The paper's other way "
        "is to prune first: the error of an approximate method is bounded by a term that the mask multiplies, so the sparser "
        "the model the smaller it is. With `prune` the smallest weights are set to zero, and `then` runs any other method "
        "while they stay zero."
    ),
    source={
        "title": "Jia et al., Model Sparsity Can Simplify Machine Unlearning, NeurIPS 2023",
        "url": "https://arxiv.org/abs/2304.04934",
        "code": "https://github.com/OPTML-Group/Unlearn-Sparse",
    },
    label="same algorithm, smaller model",
    kind="retain",
    departures=(
        "The penalty is as released; its weight and the step size are tuned for the embedded models. Fewer epochs than the "
        "authors' 10, and the learning rate falls to zero along half a cosine instead of by steps. `prune` departs from the "
        "paper: one-shot magnitude pruning of the trained model, without rewinding to early weights and training the sparse "
        "model again (OMP), so a high share hurts more than there."
    ),
    needs=("classes",),
    order=25,
)
def l1_sparse(run: Run[ClassifierTask], params: L1Sparse) -> None:
    """Minimise CE + a_t * |theta|_1 on the retain set, a_t = alpha * (1 - epoch / (epochs - epochs_without)), then 0.

    Raises:
        BadInput: `then` names no method that can follow.
    """
    other = following_method(params.then)
    mask = run.cached("prune", lambda: prune(run, params.prune)) if params.prune else {}
    with pruned(run, {name: part.to(run.device) for name, part in mask.items()}):
        if other is not None:
            other.function(run, other.parse({}))
        else:
            fine_tune_sparsely(run, params)


def following_method(then: str) -> registry.Registered | None:
    """The method named by `then`, or None for the penalty.

    Raises:
        BadInput: it is unknown, or it looks for a forget set or prunes itself.
    """
    if not then:
        return None
    other = registry.get("methods", then)
    if other.entry.finds or other.id == "l1_sparse":
        raise BadInput(f"l1_sparse: then was {then!r}, which cannot follow pruning; name a method that only forgets.")
    return other


def fine_tune_sparsely(run: Run[ClassifierTask], params: L1Sparse) -> None:
    """Train on the retain set with the sparsity penalty."""
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch in run.epochs("sparse", ["keep"] * params.epochs, params.batch_size, {"optimizer": optimizer}):
        strength = penalty(params.alpha, batch.epoch, params.epochs, params.epochs_without)
        loss = F.cross_entropy(run.forward(run.model, batch.x), batch.y)
        total = sum((parameter.abs().sum() for parameter in run.model.parameters()), torch.zeros((), device=run.device))
        falling(optimizer, params.learning_rate, batch)
        optimizer.zero_grad()
        (loss + strength * total).backward()
        optimizer.step()
        run.log(loss=loss.detach(), penalty=strength * total.detach())


def penalty(alpha: float, epoch: int, epochs: int, without: int) -> float:
    """a_t of an epoch from 0: falls in equal steps, and is zero in the last `without` epochs."""
    with_it = epochs - without
    return alpha * (1 - epoch / with_it) if epoch < with_it else 0.0


def prune(run: Run[ClassifierTask], share: float) -> dict[str, Tensor]:
    """Set the smallest weights of all convolutions and linear layers to zero; True where a weight stays, by name."""
    scores = {
        f"{name}.weight": layer.weight.detach().abs()
        for name, layer in run.model.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    }
    mask = largest(scores, 1 - share)
    with torch.no_grad():
        for name, part in mask.items():
            run.model.get_parameter(name).mul_(part)
    return mask


@contextmanager
def pruned(run: Run[ClassifierTask], mask: dict[str, Tensor]) -> Iterator[None]:
    """Keep pruned weights at zero: before every forward pass of the model, and at the end.

    Meanwhile the frozen copy is pruned too, because it is the model that the other method starts from.
    """
    dense = {name: run.original.get_parameter(name).clone() for name in mask}

    def apply(model: nn.Module) -> None:
        for name, part in mask.items():
            model.get_parameter(name).data.mul_(part)

    hook = run.model.register_forward_pre_hook(lambda model, _: apply(model))
    apply(run.original)
    try:
        yield
    finally:
        hook.remove()
        apply(run.model)
        for name, weight in dense.items():
            run.original.get_parameter(name).data.copy_(weight)
