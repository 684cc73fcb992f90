"""Reminders: what can be added to images, within a bound, so that a model gives them their true class."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from .task import Classifier

AT_ONCE = 64  # images in a pass with gradients
GREY = 255  # grey values from black to white


class Reminded(nn.Module):
    """A model that is asked its items with something added, one picture for all of them or one for each. All else it is shown as it is.

    What is shown stays between black and white; a filter that is part of the model comes after.
    """

    def __init__(self, task: Classifier, model: nn.Module, added: Tensor) -> None:
        """`added` [1 or items, channels, height, width], in normalised pixels."""
        super().__init__()
        self.model, self.added, self.pixels = model, added, task.pixels

    def forward(self, pixel_values: Tensor) -> Tensor:
        """What the model itself gives."""
        output: Tensor = self.model(pixel_values=pixel_values)
        return output

    def reminded(self, x: Tensor) -> Tensor:
        """The items [items, channels, height, width] as they are shown."""
        return torch.clamp(x + self.added, self.pixels.black, self.pixels.white)


def bound(task: Classifier, grey_values: float) -> Tensor:
    """So many grey values of 255 in normalised pixels, [1, channels, 1, 1]."""
    return (task.pixels.white - task.pixels.black).abs() * grey_values / GREY


def own_pictures(task: Classifier, model: nn.Module, x: Tensor, labels: Tensor, eps: float, steps: int) -> Tensor:
    """For each image what brings it to its class: projected gradient descent by signs, from zero, each step eps / 4.

    Args:
        task: of the model.
        model: in eval mode; it is not changed.
        x: images [n, channels, height, width], normalised.
        labels: the classes [n] to bring them to.
        eps: most that a pixel may change, in grey values of 255.
        steps: how many.

    Returns:
        Pictures [n, channels, height, width], in normalised pixels, within eps.
    """
    parts = []
    for at in range(0, len(x), AT_ONCE):
        images, own = x[at : at + AT_ONCE], labels[at : at + AT_ONCE]
        added = torch.zeros_like(images)
        for _ in range(steps):
            added = _nearer(task, model, images, own, added, eps, eps / 4)
        parts.append(added)
    return torch.cat(parts)


def one_picture(
    task: Classifier, model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], eps: float, size: float, stops: Sequence[int]
) -> Iterator[Tensor]:  # fmt: skip
    """One picture that brings all images of some batches to their classes: steps by signs, from zero.

    Args:
        task: of the model.
        model: in eval mode; it is not changed.
        batches: (images, their classes), one a step.
        eps: most that a pixel may change, in grey values of 255.
        size: of a step, in the same.
        stops: numbers of steps after which the picture [1, channels, height, width] is given, 0 first.
    """
    images, labels = next(batches)
    added = torch.zeros_like(images[:1])
    for step in range(max(stops) + 1):
        if step in stops:
            yield added
        if step < max(stops):
            added = _nearer(task, model, images, labels, added, eps, size)
            images, labels = next(batches)


def _nearer(
    task: Classifier, model: nn.Module, images: Tensor, labels: Tensor, added: Tensor, eps: float, size: float
) -> Tensor:
    """One step down the loss of images with something added, projected to the bound and, for single images, to what can be shown."""
    moving = added.detach().requires_grad_(True)
    with torch.enable_grad():
        shown = torch.clamp(images + moving, task.pixels.black, task.pixels.white)
        loss = task.loss(task.forward(model, shown), labels)
        (gradient,) = torch.autograd.grad(loss, moving)
    limit = bound(task, eps)
    stepped = torch.clamp(added - bound(task, size) * gradient.sign(), -limit, limit)
    if len(added) == len(images):
        stepped = torch.clamp(images + stepped, task.pixels.black, task.pixels.white) - images
    return stepped.detach()
