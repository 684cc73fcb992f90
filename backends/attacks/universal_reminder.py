"""Universal reminder: one picture, added to every image, that is to make a model name what it forgot."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from ..api.attacked import Find
from ..api.panels import Picture, Pictures
from ..core.attack import NAMES, AttackContext, Result, curves
from ..core.registry import Params, attack
from ..core.task import Index
from ..families.classifier.exam import ClassifierExam, enlarged, stratified
from ..families.classifier.items import as_image
from ..families.classifier.reminders import Reminded, one_picture
from ..families.classifier.task import Classifier

LEARNED, AT_ONCE = 200, 64  # training images, and those of a step
PART = 10  # a step is this part of the bound
PLACES = (0.0, 0.25, 0.5, 1.0)  # shares of the steps after which models are asked


class UniversalReminder(Params):
    """How strong the picture may be."""

    strength: int = Field(default=16, ge=1, le=64, description="Most that a pixel may change, in grey values of 255.")
    steps: int = Field(default=60, ge=4, le=500, description="Steps in which the picture is learned.")


def too_few(look: AttackContext[Classifier]) -> str:
    """Why there is nothing to learn the picture from."""
    single = not look.task.forgotten_classes and len(look.task.parts["forget"]) < 2
    return (
        "Only one image was to be forgotten; it is asked for, so the picture has none to be learned from."
        if single
        else ""
    )


@attack(
    id="universal_reminder",
    title="Universal reminder: adds one picture to every image",
    summary="Learns one faint picture that, added to training images of what was forgotten, makes a model name them; then it is added to other images.",
    source={
        "title": "Moosavi-Dezfooli et al., Universal Adversarial Perturbations, CVPR 2017",
        "url": "https://arxiv.org/abs/1610.08401",
    },
    needs=("exam", "classes"),
    lacks=too_few,
    test="ask",
    counts=False,
    group="there",
    order=34,
)
def universal_reminder(look: AttackContext[Classifier], params: UniversalReminder) -> Result:
    """The share of items that are right with the picture added, after 0, 15, 30 and 60 steps; every model gets a picture of its own.

    The mirror of the forget vector: sign steps of a tenth of the bound down the mean loss of 64 of at most 200 training images, toward
    their true classes, where the paper adds up smallest perturbations, image by image, away from them. The court does not weigh it: with
    enough strength a picture makes a model name any class, and with less it reaches none that lies far below all others.
    """
    exam = cast(ClassifierExam, look.exam)
    stops = sorted({round(share * params.steps) for share in PLACES})
    learned_from = stratified(exam.pool, exam.task.data.train.labels, LEARNED)
    last: dict[nn.Module, Reminded] = {}

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        batches = _batches(exam, learned_from, seed)
        for added in one_picture(exam.task, model, batches, params.strength, params.strength / PART, stops):
            last[model] = Reminded(exam.task, model, added)
            yield last[model]

    tried = look.try_on_each(way, len(stops), "learning the picture", kept=False, copies=False, reuse=False)
    panel, finds = _panel_and_find(look, exam, last, params.strength)
    attacked = look.attacked(
        attack="universal_reminder", kind="ask", counts=False, x=[float(one) for one in stops], x_title="steps of learning the picture",
        recalled=tried.recalled,
        budget={"steps": params.steps, "grey values": params.strength, "images learned from": len(learned_from)}, finds=finds,
    )  # fmt: skip
    stages = ["as they are", *(f"after {stop} steps" for stop in stops[1:])]
    picture = exam.comeback(
        look, "With one picture added", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, panel, curves(attacked, "The longer the picture is learned")])


def _batches(exam: ClassifierExam, index: Index, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Random training images and their classes, again and again."""
    rng = np.random.default_rng([seed, 5])
    while True:
        batch = exam.task.batch(rng.choice(index, min(AT_ONCE, len(index)), replace=False))
        yield batch.x, batch.y


def _panel_and_find(
    look: AttackContext[Classifier], exam: ClassifierExam, last: dict[nn.Module, Reminded], strength: int
) -> tuple[Pictures, list[Find]]:
    """The last picture of each model as a panel, and that of the unlearned model as a find; how many kept images each turns over."""
    paths, rates = {}, {}
    for when, model in look.models():
        if when not in paths:
            paths[when] = look.picture(f"added-{when}", _grey(exam, last[model].added, strength))
            rates[when] = exam.turned(last[model])
    shares = ", ".join(f"{100 * rates[when]:.0f} % in the {NAMES[when]}" for when in rates)
    panel = Pictures(
        title="The picture that is added",
        how=f"Grey adds nothing, white {strength} of 255 grey values, black takes as many away. It was learned on training images only.",
        says=f"Kept test images that it makes a model name what was forgotten: {shares}. The more, the more it steers and the less it reminds.",
        columns=[NAMES[when] for when in paths],
        rows=[[Picture(path=path, caption=f"up to {strength} of 255") for path in paths.values()]],
    )
    note = f"Added to every image; grey is nothing, white {strength} of 255 grey values."
    return panel, [Find(picture=Path(paths["after"]).name, note=note)]


def _grey(exam: ClassifierExam, added: Tensor, strength: int) -> Image.Image:
    """An added picture [1, channels, height, width] with grey for nothing and white for the most that may be added."""
    unit = (exam.task.pixels.white - exam.task.pixels.black) * strength / 255
    values = torch.clamp(127.5 + 127.5 * added / unit, 0, 255)[0].permute(1, 2, 0).round().byte().cpu().numpy()
    picture: Image.Image = enlarged(as_image(values))
    return picture
