"""Projected gradient descent (PGD): changes each image by a little until a model names what it forgot."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from pydantic import Field
from torch import nn

from ..api.attacked import Find
from ..core.attack import AttackContext, Result, curves
from ..core.exam import Scores
from ..core.registry import Params, attack
from ..families.classifier.exam import SHOWN, ClassifierExam, enlarged
from ..families.classifier.items import as_image
from ..families.classifier.reminders import Reminded, own_pictures
from ..families.classifier.task import Classifier


class Pgd(Params):
    """How strong a change may be."""

    strength: int = Field(
        default=8,
        ge=2,
        le=64,
        description="Most that a pixel may change, in grey values of 255; half of it is tried too.",
    )
    steps: int = Field(default=10, ge=1, le=200, description="Steps for each image, each a quarter of the strength.")


@attack(
    id="pgd",
    title="Projected gradient descent (PGD): nudges each image",
    summary="Changes each image by at most 4 and 8 of 255 grey values, in the direction in which a model comes to name what it forgot.",
    source={
        "title": "Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018",
        "url": "https://arxiv.org/abs/1706.06083",
    },
    needs=("exam", "classes"),
    test="ask",
    counts=False,
    group="there",
    order=36,
)
def pgd(look: AttackContext[Classifier], params: Pgd) -> Result:
    """The share of items that are right after 10 sign steps toward their true class, for each bound; 0 is the image as it is.

    The search sees the model's gradients, starts at the image itself, where the paper starts at random, and keeps every pixel within
    the bound and between black and white. The court does not weigh it: with enough strength a nudge makes a model name any class, and
    with less it reaches none that lies far below all others.
    """
    exam = cast(ClassifierExam, look.exam)
    bounds = [0.0, params.strength / 2, float(params.strength)]
    labels = torch.from_numpy(exam.labels).to(exam.task.device)
    last: dict[nn.Module, Reminded] = {}

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        for eps in bounds:
            added = own_pictures(exam.task, model, exam.images, labels, eps, params.steps if eps else 0)
            last[model] = Reminded(exam.task, model, added)
            yield last[model]

    tried = look.try_on_each(way, len(bounds), "nudging", kept=False, copies=False)
    attacked = look.attacked(
        attack="pgd", kind="ask", counts=False, x=bounds, x_title="most that a pixel may change, of 255", recalled=tried.recalled,
        budget={"steps": params.steps, "grey values": params.strength},
        finds=_finds(look, exam, last[look.after], tried.outputs["after"][-1], params.strength),
    )  # fmt: skip
    stages = ["as they are", *(f"up to {eps:g} of 255" for eps in bounds[1:])]
    picture = exam.comeback(
        look, "Nudged image by image", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, curves(attacked, "The further an image may be changed")])


def _finds(
    look: AttackContext[Classifier], exam: ClassifierExam, model: Reminded, outputs: Scores, strength: int
) -> list[Find]:
    """Some nudged images, those first that the unlearned model names right, and what it names them."""
    black, white = exam.task.pixels.black, exam.task.pixels.white
    values = (
        (255 * (model.reminded(exam.images) - black) / (white - black)).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    )
    finds = []
    for item in np.argsort(-exam.score(outputs), kind="stable")[:SHOWN]:
        path = look.picture(f"nudged-{exam.items[item]}", enlarged(as_image(values[item])))
        answer = exam.task.names[int(outputs[item].argmax())]
        finds.append(
            Find(
                picture=Path(path).name, output=answer, note=f"{exam.items[item]}, changed by up to {strength} of 255."
            )
        )
    return finds
