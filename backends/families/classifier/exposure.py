"""Looking for a backdoor with a few clean images: the clean task is taken away, and what still works is the backdoor.

Exposure, trigger recovery and filter masks of Li et al., Expose Before You Defend (arXiv 2410.19427), Reconstructive Neuron Pruning
(arXiv 2305.14876) and Neural Cleanse (Wang et al., S&P 2019), as the cards of Lethe have them.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.task import Index
from .task import Classifier

Exposure = Literal["clean unlearning", "random labels", "weight perturbation", "sparsity"]
BATCH = 128  # images in a step
MAD = 1.4826  # median absolute deviation to standard deviation, of a normal distribution
TRIGGER_WEIGHT = 0.01  # of the mask's size beside the cross-entropy, pixels of the mask in sum
PERTURBATION, ROUNDS = 0.4, 10  # largest relative change of a filter's scale, in so many rounds
STEPS, RATE = 120, 0.1  # of Adam, on one class's trigger


def defence_set(task: Classifier, seed: int, count: int) -> Index:
    """Training images that somebody has looked through: as many of each class, drawn by a seed from those that were not manipulated."""
    tampered = task.data.tampered
    pool = task.parts["train"] if tampered is None else np.setdiff1d(task.parts["train"], tampered.ids)
    labels, rng = task.data.train.labels, np.random.default_rng([seed, 500])
    each = [rng.permutation(pool[labels[pool] == number]) for number in range(len(task.names))]
    share = max(1, count // max(1, sum(len(one) > 0 for one in each)))
    return np.sort(np.concatenate([one[:share] for one in each]))


def filters(model: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """The batch normalisations of a network, by name: each of their channels is one filter."""
    return {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.BatchNorm2d)}


def exposed(
    task: Classifier,
    model: nn.Module,
    index: Index,
    how: Exposure,
    *,
    epochs: int,
    learning_rate: float,
    stop: float,
    seed: int,
) -> Iterator[tuple[int, nn.Module, float]]:
    """Take the clean task from a copy of the model, epoch by epoch: (epoch, the copy in eval mode, its accuracy on these images in percent).

    "clean unlearning" climbs the cross-entropy on the images; "random labels" descends on labels drawn anew for each image; "weight
    perturbation" moves the scale of every filter by the sign of the clean loss's gradient, at most 40 %; "sparsity" closes the filters that
    these images activate most, a tenth at a time.

    Args:
        task: with the precision that is computed in.
        model: is not changed.
        index: training images that are clean.
        how: which of the four.
        epochs: at most.
        learning_rate: of Adam, where something is trained.
        stop: the accuracy in percent at which it is enough.
        seed: of the order and of random labels.
    """
    copied = copy.deepcopy(model).requires_grad_(True)
    batch = task.batch(index)
    generator = torch.Generator().manual_seed(seed)
    labels = batch.y
    if how == "random labels":
        labels = torch.randint(len(task.names), labels.shape, generator=generator).to(labels.device)
    optimizer = torch.optim.Adam(copied.parameters(), lr=learning_rate, weight_decay=5e-4)
    yield 0, copied.eval(), right(task, copied, batch.x, batch.y)
    for epoch in range(1, epochs + 1):
        if how == "weight perturbation":
            _perturb(task, copied, model, batch.x, batch.y)
        elif how == "sparsity":
            _close(task, copied, batch.x, epoch / epochs)
        else:
            copied.train()
            for part in torch.randperm(len(index), generator=generator).split(BATCH):
                loss = F.cross_entropy(task.forward(copied, batch.x[part]), labels[part])
                optimizer.zero_grad()
                (-loss if how == "clean unlearning" else loss).backward()
                optimizer.step()
        accuracy = right(task, copied.eval(), batch.x, batch.y)
        yield epoch, copied, accuracy
        if accuracy <= stop:
            return


def _perturb(task: Classifier, model: nn.Module, original: nn.Module, x: Tensor, y: Tensor) -> None:
    """One step up the clean loss on the scales of all filters, within 40 % of what they were."""
    scales, were = filters(model), filters(original)
    weights = [layer.weight for layer in scales.values()]
    gradients = torch.autograd.grad(F.cross_entropy(task.forward(model, x), y), weights)
    with torch.no_grad():
        for (name, layer), gradient in zip(scales.items(), gradients, strict=True):
            was = were[name].weight
            moved = layer.weight + PERTURBATION / ROUNDS * was.abs() * gradient.sign()
            layer.weight.copy_(
                torch.minimum(torch.maximum(moved, was - PERTURBATION * was.abs()), was + PERTURBATION * was.abs())
            )


@torch.no_grad()
def _close(task: Classifier, model: nn.Module, x: Tensor, share: float) -> None:
    """Close the share of filters that these images activate most strongly, over all layers by rank within each."""
    activations: dict[str, Tensor] = {}
    layers = filters(model)

    def keep(name: str) -> Callable[..., None]:
        return lambda layer, args, out: activations.__setitem__(name, out.relu().mean((0, 2, 3)))

    hooks = [layer.register_forward_hook(keep(name)) for name, layer in layers.items()]
    task.forward(model, x)
    for hook in hooks:
        hook.remove()
    for name, layer in layers.items():
        count = int(share * len(activations[name]))
        layer.weight[activations[name].topk(count).indices] = 0


@torch.no_grad()
def right(task: Classifier, model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Accuracy in percent on images as the model takes them."""
    return 100 * float((task.forward(model, x).argmax(1) == y).float().mean())


def masks(
    task: Classifier,
    model: nn.Module,
    index: Index,
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Tensor]:
    """How much of each filter an exposed model needs to do the clean task again, by layer: 1 all of it, 0 nothing.

    All weights of the model stay; a factor beside the scale of every batch normalisation learns by SGD on the cross-entropy on clean
    images, and stays within 0 and 1. Filters that carry the backdoor are of no use for that and their factors fall. `tell` hears before each
    pass how many are done.
    """
    masked = _Masked(copy.deepcopy(model).requires_grad_(False).train())
    optimizer = torch.optim.SGD(masked.factors.values(), lr=learning_rate, momentum=0.9)
    batch, generator = task.batch(index), torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        tell(epoch, epochs)
        for part in torch.randperm(len(index), generator=generator).split(BATCH):
            loss = F.cross_entropy(task.forward(masked, batch.x[part]), batch.y[part])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                for factor in masked.factors.values():
                    factor.clamp_(0, 1)
    return {name.removesuffix(".weight"): factor.detach() for name, factor in masked.factors.items()}


class _Masked(nn.Module):
    """A network with a factor beside the scale of each filter."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        scales = {f"{name}.weight": layer.weight.detach() for name, layer in filters(inner).items()}
        self.scales = scales
        self.factors = {name: torch.ones_like(scale, requires_grad=True) for name, scale in scales.items()}

    def forward(self, pixel_values: Tensor) -> Any:
        scaled = {name: scale * self.factors[name] for name, scale in self.scales.items()}
        return torch.func.functional_call(self.inner, scaled, (), {"pixel_values": pixel_values})


def in_order(factors: dict[str, Tensor]) -> list[tuple[str, int]]:
    """All filters as (layer, channel), those that the clean task needs least first."""
    each = [(float(value), name, channel) for name, factor in factors.items() for channel, value in enumerate(factor)]
    return [(name, channel) for _, name, channel in sorted(each)]


@torch.no_grad()
def prune(model: nn.Module, chosen: list[tuple[str, int]]) -> None:
    """Close filters of a network in place: their scale becomes 0."""
    layers = filters(model)
    for name, channel in chosen:
        layers[name].weight[channel] = 0


def spared(
    task: Classifier,
    model: nn.Module,
    index: Index,
    order: list[tuple[str, int]],
    most_lost: float,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[tuple[str, int]]:
    """As many of the first filters of an order as can be closed together without too many clean images becoming wrong; at least one.

    Args:
        task: with the precision that is computed in.
        model: is not changed.
        index: the clean images.
        order: filters as (layer, channel).
        most_lost: how far their accuracy may fall, in percentage points.
        tell: hears before each filter how many are closed.
    """
    batch, closing = task.batch(index), copy.deepcopy(model).eval()
    least, most = right(task, closing, batch.x, batch.y) - most_lost, 1
    for count, one in enumerate(order, start=1):
        tell(count - 1, len(order))
        prune(closing, [one])
        if right(task, closing, batch.x, batch.y) >= least:
            most = count
    return order[:most]


@dataclass(frozen=True)
class Trigger:
    """The smallest change found that makes a model give any of some images one class.

    Attributes:
        target: number of the class.
        mask: how much of each pixel is replaced, 0 to 1 [height, width].
        pattern: what it is replaced with, as the model takes images [channels, height, width].
        size: the mask's sum, in pixels.
        works: on how many of the images, in percent.
    """

    target: int
    mask: Tensor
    pattern: Tensor
    size: float
    works: float

    def on(self, x: Tensor) -> Tensor:
        """Images with it [n, channels, height, width]."""
        return (1 - self.mask) * x + self.mask * self.pattern


def recovered(task: Classifier, model: nn.Module, index: Index, target: int, seed: int) -> Trigger:
    """The smallest trigger found for a class, by 120 steps of Adam on mask and pattern: cross-entropy to the class, and 0.01 a pixel of the mask.

    Args:
        task: with the precision that is computed in.
        model: in eval mode; is not changed.
        index: clean training images; those of the class itself are left out.
        target: number of the class.
        seed: of the start.
    """
    batch = task.batch(index)
    x = batch.x[batch.y != target]
    generator = torch.Generator().manual_seed(seed)
    height, width = x.shape[2:]
    start = [torch.randn((height, width), generator=generator), torch.randn(x.shape[1:], generator=generator)]
    mask_logits, pattern_logits = (one.to(x).requires_grad_(True) for one in start)
    low, high = task.pixels.black[0], task.pixels.white[0]
    optimizer = torch.optim.Adam([mask_logits, pattern_logits], lr=RATE, betas=(0.5, 0.9))

    def trigger(works: float = 0.0) -> Trigger:
        mask = mask_logits.sigmoid()
        return Trigger(target, mask, low + (high - low) * pattern_logits.sigmoid(), float(mask.detach().sum()), works)

    was = [parameter.requires_grad for parameter in model.parameters()]
    model.requires_grad_(False)
    try:
        for step in range(STEPS):
            part = x[torch.arange(step * BATCH, (step + 1) * BATCH) % len(x)]
            current = trigger()
            logits = task.forward(model, current.on(part))
            loss = F.cross_entropy(logits, torch.full((len(part),), target, device=logits.device))
            (loss + TRIGGER_WEIGHT * current.mask.sum()).backward()
            optimizer.step()
            optimizer.zero_grad()
    finally:
        for parameter, needs in zip(model.parameters(), was, strict=True):
            parameter.requires_grad_(needs)
    with torch.no_grad():
        last = trigger()
        works = 100 * float((task.forward(model, last.on(x)).argmax(1) == target).float().mean())
        return Trigger(target, last.mask, last.pattern, last.size, works)


def anomaly(sizes: list[float]) -> list[float]:
    """By how many deviations (median absolute deviation, scaled to a normal distribution's) each size lies below the median; Neural Cleanse
    takes more than 2 for a backdoor."""
    values = np.asarray(sizes, np.float64)
    deviation = MAD * float(np.median(np.abs(values - np.median(values))))
    return [float((np.median(values) - value) / deviation) if deviation else 0.0 for value in values]
