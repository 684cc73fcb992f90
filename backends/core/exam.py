"""What a family is examined by: the same items asked of every model, apart from those that an attack may learn from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..api.attacked import Goal
from ..api.panels import AnyPanel

Lesson = Literal["forgotten", "form", "other"]
Scores = NDArray[np.float32]


class Exam(Protocol):
    """The questions of one run. A family's class is named by `Family.exam` and made of the run's task, with its targets.

    Where some runs of the family cannot be examined, the class also has a static `lacks(task)`: why not, as one sentence, or nothing;
    it opens no model.

    Attributes:
        items: names of the forgotten items that are asked: held out from `teach`.
        groups: a number for each item; those of one fact or prompt share it.
        noun: what the items are: "facts".
        goal: whether a concept or these very samples were to be forgotten.
        lessons: what `teach` can teach, in words: a few of the forget set, others of the same form, other data that the model knows.
        steps: numbers of training steps after which a model that relearns is asked, 0 first; what this family needs.
    """

    items: Sequence[str]
    groups: Sequence[int]
    noun: str
    goal: Goal
    lessons: Mapping[Lesson, str]
    steps: Sequence[int]

    def make(self, model: nn.Module) -> Any:
        """What a model answers to the items, or draws of them, in their order; in eval mode, from the same seeds each time."""
        ...

    def score(self, outputs: Any) -> Scores:
        """How much of each item is recalled in what `make` gave, [items], from 0 to 1."""
        ...

    def kept(self, model: nn.Module) -> tuple[Scores, float]:
        """(how much of each kept item is right [kept items], from 0 to 1; share of these answers that are no answers at all: broken
        language, a refusal, a blank picture)."""
        ...

    def teach(self, model: nn.Module, lesson: Lesson, seed: int, stops: Sequence[int]) -> Iterator[int]:
        """Fine-tune a model in place, in the way its family learns; comes back after each number of steps in `stops`, 0 first, with
        the model in eval mode. The items asked are never learned from."""
        ...

    def comeback(
        self, look: Any, title: str, stages: Sequence[str], outputs: Sequence[Any], reference: Sequence[Any] | None
    ) -> AnyPanel:
        """The picture of the comeback: what the unlearned model makes of a few items at each stage of an attack, those first that
        came back, and what the retrained reference makes of them where there is one.

        Args:
            look: the attack's context, which writes pictures.
            title: of the panel.
            stages: names of the stages: "step 4".
            outputs: of the unlearned model, what `make` gave at each.
            reference: the same of the first reference.
        """
        ...


Inside = Mapping[str, NDArray[Any]]  # what is read inside one state of a model: arrays by name


@runtime_checkable
class Watching(Protocol):
    """An `Exam` whose family has something inside its models to follow while they are taught, as routes through experts."""

    def inside(self, model: nn.Module) -> Inside:
        """What is read inside a model that is asked for the items, in eval mode; the same names for every model."""
        ...

    def course(self, steps: Sequence[int], readings: Mapping[str, Sequence[Sequence[Inside]]]) -> Sequence[AnyPanel]:
        """Pictures of how it changed.

        Args:
            steps: numbers of training steps.
            readings: by when, what `inside` gave of each model after each number of steps, [models][steps].
        """
        ...


def turning_points(recalled: NDArray[np.bool_]) -> list[int]:
    """The stages that tell the course of an attack, of [stages, items]: the first, the one before half of what comes back is back, that
    one, and the last."""
    share = recalled.mean(1) if recalled.size else np.zeros(len(recalled))
    turn = int((share >= share.max() / 2).argmax()) if share.max() > 0 else 0
    return sorted({0, max(0, turn - 1), turn, len(share) - 1})
