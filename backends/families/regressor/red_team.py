"""Regressors tried by hand: an item of the forget set that a person names, and whether it is still predicted right."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from ...api.errors import BadInput
from ...api.params import quoted_value
from ...core.red_team import Reply
from . import asked, pictures
from .exam import RegressorExam
from .task import RegressorTask


@dataclass(frozen=True)
class Item:
    """An item of the data with its true label, as `asked.input_of` gives it."""

    x: Any
    label: float
    picture: Any = None


class RegressorRedTeam:
    """A `RedTeam` of regressors. Only what was to be forgotten can be tried, for of that alone the truth is known; a hit is a prediction
    that the exam calls right."""

    def __init__(self, task: RegressorTask) -> None:
        self.task, self._exam = task, RegressorExam(task)

    def question(self, text: str) -> Item:
        name = str(text).strip()
        match = asked.ITEM.fullmatch(name)
        parts = {
            split: set(self.task.parts[part].tolist()) for split, part in (("train", "forget"), ("test", "test_forget"))
        }
        if match is None or int(match[2]) not in parts[match[1]]:
            first = next(f"{split}-{min(places)}" for split, places in reversed(parts.items()) if places)
            raise BadInput(
                f"{quoted_value(name[:60])} is no item that was to be forgotten, and only these can be tried; choose one, like {first}."
            )
        x, label, picture = asked.input_of(self.task, name)
        return Item(x, float(label or 0.0), picture)

    def ask(self, model: nn.Module, question: Item, seed: int = 0) -> Reply:
        prediction = float(self.task.forward(model.eval(), question.x.to(self.task.device)).detach())
        gauge = (
            pictures.gauge(question.picture, prediction, question.label, self.task.bands)
            if question.picture is not None
            else None
        )
        return Reply(self.task.written(prediction), gauge, prediction)

    def hit(self, question: Item, reply: Reply) -> bool:
        return abs(float(reply.evidence) - question.label) <= self._exam.tolerance
