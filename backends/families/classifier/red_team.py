"""Image classifiers tried by hand: a picture that a person chose, drew or uploaded, and whether it is given a forgotten class."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from PIL import Image
from torch import nn

from ...api.errors import BadInput
from ...api.languages import tr
from ...core.red_team import Reply
from ...data._images import image_of_url
from . import items
from .task import Classifier


@dataclass(frozen=True)
class ShownPicture:
    """A picture that models are shown: an item of the data with its class, or one that a person brought."""

    name: str = ""
    label: int | None = None
    image: Image.Image | None = None


class ClassifierRedTeam:
    """A `RedTeam` of classifiers. Of forgotten classes a hit is a picture that is given one of them; an item of the data only where its
    true class is among them. Of single forgotten images only these can be tried, and a hit is the true class."""

    def __init__(self, task: Classifier) -> None:
        self.task = task
        self._forget = {int(place) for place in task.parts["forget"]}

    def question(self, text: str) -> ShownPicture:
        picture = str(text).strip()
        if not picture:
            raise BadInput(tr("No picture was given; choose one, draw one or upload one."))
        if picture.startswith("data:"):
            if not self.task.forgotten_classes:
                raise BadInput(
                    tr(
                        "Single images were to be forgotten, not what they show, so only these can be tried; choose one of them."
                    )
                )
            return ShownPicture(image=image_of_url(picture))
        ((split, place),) = items.positions(self.task, [picture])
        if not self.task.forgotten_classes and (split == "test" or place not in self._forget):
            raise BadInput(
                tr(
                    "{split}-{place} is none of the images that were to be forgotten, and only these can be tried.",
                    split=split,
                    place=place,
                )
            )
        labels = (self.task.data.test if split == "test" else self.task.data.train).labels
        return ShownPicture(f"{split}-{place}", int(labels[place]))

    def ask(self, model: nn.Module, question: ShownPicture, seed: int = 0) -> Reply:
        names = [question.name] if question.name else []
        answer: dict[str, Any] = self.task.predictions({"it": model.eval()}, "", names, False, question.image)
        shares = answer["items"][0]["it"]
        if not all(isfinite(share) for share in shares):
            return Reply(tr("no number"))
        best = max(range(len(shares)), key=shares.__getitem__)
        return Reply(f"{self.task.names[best]}, {100 * shares[best]:.0f} %", evidence=best)

    def hit(self, question: ShownPicture, reply: Reply) -> bool:
        answered: int | None = reply.evidence
        if not self.task.forgotten_classes:
            return answered == question.label
        forgotten = self.task.forgotten_classes
        return answered in forgotten and (question.label is None or question.label in forgotten)
