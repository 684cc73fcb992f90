"""Prototypical relearning: names an image by the class whose mean features are nearest, without any training."""

from collections.abc import Iterator, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..core.task import Index
from ..families.classifier.exam import ClassifierExam, stratified
from ..families.classifier.task import Classifier

KEPT = 200  # images of the mean of a kept class
SHARPNESS = 20.0  # from cosines to logits; it changes no answer


class Prototype(Params):
    """How many pictures remind it."""

    most: int = Field(
        default=20, ge=1, le=200, description="Most pictures of a forgotten class; 1 and 5 are tried too."
    )
    draws: int = Field(default=3, ge=1, le=10, description="How often, each time with other pictures.")


def no_class(look: AttackContext[Classifier]) -> str:
    """Why there is no class to make a mean of."""
    forgotten = look.task.forgotten_classes
    return "" if forgotten else "Single images were to be forgotten and no class, so no class lacks its mean."


@attack(
    id="prototype",
    title="Prototypical relearning: names by the nearest mean",
    summary="Gives each class the mean features of a few of its pictures, and each image the class with the nearest mean; nothing is trained.",
    source={
        "title": "Ha et al., Unlearning's Blind Spots: Over-Unlearning and Prototypical Relearning Attack, 2025",
        "url": "https://arxiv.org/abs/2506.01318",
        "code": "https://github.com/Seung-B/Spotter-Unlearning",
    },
    needs=("exam", "classes"),
    lacks=no_class,
    test="inside",
    group="there",
    quick=True,
    order=12,
)
def prototype(look: AttackContext[Classifier], params: Prototype) -> Result:
    """The share of test images of the forgotten classes that are nearest, by cosine, to the mean of 1, 5, 20 training images of them.

    Features are what goes into the last linear layer, brought to length 1; a kept class has the mean of at most 200 training images of
    the retain set. 0 pictures is the model as it is. The paper writes the mean into the row of the classifier; here all classes are named by means.
    """
    exam = cast(ClassifierExam, look.exam)
    fewest = min(
        int((exam.task.data.train.labels[exam.pool] == number).sum()) for number in exam.task.forgotten_classes
    )
    counts = sorted({min(count, params.most, fewest) for count in (1, 5, params.most)})

    @cache
    def kept_means(model: nn.Module) -> dict[int, Tensor]:
        """The mean features of every kept class."""
        retain, labels = exam.task.parts["retain"], exam.task.data.train.labels
        classes = np.setdiff1d(np.unique(labels[retain]), exam.task.forgotten_classes)
        pools = {int(number): stratified(retain[labels[retain] == number], labels, KEPT) for number in classes}
        return {number: _mean(exam.task, model, pool) for number, pool in pools.items()}

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        yield model
        for count in counts:
            means = kept_means(model) | {
                number: _mean(exam.task, model, index) for number, index in _reminders(exam, seed, count).items()
            }
            yield NearestMean(exam.task, model, means)

    places = [0, *counts]
    tried = look.try_on_each(way, len(places), "comparing with means", seeds=range(params.draws), copies=False)
    attacked = look.attacked(
        attack="prototype", kind="inside", x=[float(one) for one in places], x_title="pictures of a forgotten class",
        recalled=tried.recalled, kept=tried.kept,
        budget={"pictures": counts[-1], "draws": params.draws, "pictures of a kept class": KEPT},
        finds=exam.finds(look, _all(_reminders(exam, 0, counts[0])), "One of the pictures that were enough for a mean."),
    )  # fmt: skip
    stages = ["as it is", *(f"{count} picture{'s' if count > 1 else ''}" for count in counts)]
    picture = exam.comeback(
        look, "Named by the nearest mean", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, curves(attacked, "The more pictures make a mean")])


class NearestMean(nn.Module):
    """A classifier whose logits are the cosines of an image's features to the means of the classes, [n, classes]; a class without
    a mean is never named."""

    def __init__(self, task: Classifier, model: nn.Module, means: dict[int, Tensor]) -> None:
        super().__init__()
        self.task, self.model, self.means = task, model, means

    def forward(self, pixel_values: Tensor) -> Any:
        features = nn.functional.normalize(self.task.features(self.model, pixel_values))
        logits = features.new_full((len(features), len(self.task.names)), -torch.inf)
        for number, mean in self.means.items():
            logits[:, number] = SHARPNESS * features @ nn.functional.normalize(mean, dim=0)
        return SimpleNamespace(logits=logits)


@torch.no_grad()
def _mean(task: Classifier, model: nn.Module, index: Index) -> Tensor:
    """The mean of the features of training images, each of length 1, [d]."""
    features = task.over(lambda x: nn.functional.normalize(task.features(model, x)), index)
    return torch.from_numpy(features.mean(0)).to(task.device)


def _reminders(exam: ClassifierExam, seed: int, count: int) -> dict[int, Index]:
    """`count` training images of each forgotten class, drawn by the seed."""
    labels = exam.task.data.train.labels
    return {
        number: stratified(exam.pool[labels[exam.pool] == number], labels, count, seed)
        for number in exam.task.forgotten_classes
    }


def _all(by_class: dict[int, Index]) -> Index:
    parts: Sequence[Index] = list(by_class.values())
    return np.concatenate(parts)
