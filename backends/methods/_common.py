"""Shared by the methods for classifiers: optimiser, schedule, random labels, masks; and by the searches for a worst case, their steps."""

import math
from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer

from ..core.registry import Params
from ..core.run import Run, Stateful
from ..core.task import Batch, ClassifierTask


class SgdParams(Params):
    """Settings of every method that trains by stochastic gradient descent."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over the data.")
    learning_rate: float = Field(default=0.01, gt=0, le=1, description="Step size.")
    batch_size: int = Field(default=128, ge=8, le=1024, description="Items in one step.")


def sgd(model: nn.Module, learning_rate: float, momentum: float = 0.9, weight_decay: float = 5e-4) -> SGD:
    """The optimiser of Unlearn-Sparse and Unlearn-Saliency: SGD, momentum 0.9, weight decay 5e-4."""
    return SGD(model.parameters(), lr=learning_rate, momentum=momentum, weight_decay=weight_decay)


def falling(optimizer: Optimizer, learning_rate: float, batch: Batch) -> None:
    """Set the learning rate of this step: half a cosine from `learning_rate` down to nearly zero at the last step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * (1 + math.cos(math.pi * batch.step / batch.of)) / 2


class RelabelParams(SgdParams):
    """Settings of the methods that learn random labels."""

    epochs: int = Field(
        default=2, ge=1, le=200, description="Passes over everything. Single images take some more than whole classes."
    )
    learning_rate: float = Field(default=0.05, gt=0, le=1, description="Step size.")
    schedule: Literal["in turn", "mixed"] = Field(
        default="mixed",
        description="in turn: a pass over what is forgotten, then one over the rest; mixed: both shuffled together.",
    )
    alpha: float = Field(
        default=1.0, gt=0, le=100, description="Weight of the rest against what is to be forgotten; 1 in the paper."
    )


def relabelled(
    run: Run[ClassifierTask], params: RelabelParams, saved: Mapping[str, Stateful]
) -> Iterator[tuple[Batch, Tensor]]:
    """Batches with the labels [n] to learn: uniform over all classes for the forget set, true for the retain set.

    As released for SalUn and its baseline RL. "in turn" (there for CIFAR-10): each epoch is a full pass over the forget
    set, with new random labels for every batch, and then one over the retain set. "mixed" (there for CIFAR-100): the forget
    set gets random labels once an epoch and is shuffled into the retain set. A random label may be the true one.
    """
    classes = len(run.task.names)
    if params.schedule == "in turn":
        parts = ["forget", "keep"] * params.epochs
        for batch in run.epochs("forget and keep", parts, params.batch_size, saved):
            random_labels = torch.randint(classes, (len(batch),)).to(run.device)
            yield batch, random_labels if batch.part == "forget" else batch.y
        return
    run.task.parts["both"] = np.union1d(run.task.parts["forget"], run.task.parts["keep"])
    for batch in run.epochs("forget and keep", ["both"] * params.epochs, params.batch_size, saved):
        table = np.random.default_rng([run.seed, batch.epoch]).integers(classes, size=run.size("train"))
        random_labels = torch.from_numpy(table[batch.index.cpu().numpy()]).to(run.device)
        yield batch, torch.where(batch.forget, random_labels, batch.y)


def relabelled_loss(logits: Tensor, labels: Tensor, batch: Batch, alpha: float) -> Tensor:
    """Mean cross-entropy of the batch to `labels`, in which items of the retain set count `alpha` times."""
    loss = F.cross_entropy(logits, labels, reduction="none")
    return torch.where(batch.forget, loss, alpha * loss).mean()


def largest(scores: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """True where a score is among the largest `share` of all of them: one ranking over every tensor, ties in their order.

    Args:
        scores: by parameter name, any shapes.
        share: from 0 to 1; floor(share * count) entries are True.
    """
    everything = torch.cat([score.reshape(-1) for score in scores.values()])
    order = torch.argsort(everything, descending=True, stable=True)
    chosen = torch.zeros(len(everything), dtype=torch.bool, device=everything.device)
    chosen[order[: int(share * len(everything))]] = True
    split = chosen.split([score.numel() for score in scores.values()])
    return {name: part.view(score.shape) for (name, score), part in zip(scores.items(), split, strict=True)}


def masked_step(
    parameters: Mapping[str, nn.Parameter],
    optimizer: Optimizer,
    mask: Mapping[str, Tensor],
    original: Mapping[str, Tensor],
) -> None:
    """One step of the optimiser in which only weights in the mask move; the others and their momentum are restored.

    Args:
        parameters: by name; others are not touched.
        optimizer: any whose state has, beside a count of its steps, tensors of a parameter's shape (momentum and the like).
        mask: bool, True where a weight may move.
        original: where the others stay.
    """
    for name, parameter in parameters.items():
        if parameter.grad is not None:
            parameter.grad *= mask[name]
    optimizer.step()
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.where(mask[name], parameter, original[name]))
            for key, value in optimizer.state[parameter].items():
                if key != "step" and isinstance(value, Tensor):
                    value *= mask[name]


@torch.no_grad()
def sign_step(model: nn.Module, rate: float) -> None:
    """theta <- theta - rate * sign(gradient); no momentum, no weight decay."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.sub_(rate * parameter.grad.sign())


def project(weights: Tensor, total: float) -> Tensor:
    """The nearest point with 0 <= w <= 1 and sum `total`: clip(w - mu, 0, 1), with mu found by bisection.

    Args:
        weights: [n], finite.
        total: from 0 to n.
    """
    wide = weights.double()
    low, high = wide.min() - 1, wide.max()
    for _ in range(100):
        middle = (low + high) / 2
        if (wide - middle).clamp(0, 1).sum() > total:
            low = middle
        else:
            high = middle
    return (wide - high).clamp(0, 1).to(weights.dtype)


def chosen(weights: Tensor, count: int) -> np.ndarray:
    """The set that weights stand for: True [n] at the `count` largest, ties in their order."""
    mask = np.zeros(len(weights), dtype=bool)
    mask[torch.argsort(weights, descending=True, stable=True)[:count].numpy()] = True
    return mask
