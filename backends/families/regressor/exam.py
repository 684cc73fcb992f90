"""What attacks examine regressors by: items that are asked, items that may be taught, and how one is taught."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn
from torch.optim import Adam

from ...api.attacked import Goal
from ...api.errors import BadInput
from ...api.panels import AnyPanel, Picture, Pictures, Piece, Role, Words
from ...core.exam import Lesson, Scores, turning_points
from ...core.task import Index
from . import asked, pictures
from .task import RegressorTask

ASKED, KEPT = 200, 400  # items at most
TAUGHT, BESIDE = 10, 54  # forgotten items, and others, in every step
RATE = 1e-3  # of Adam, that of the methods of the paper
RIGHT = 2.0  # as often the original's mean error on new items an answer may be off and still counts as right
SHOWN = 3  # items in a panel


class RegressorExam:
    """The items of one run; an `Exam`.

    Of a forgotten range test items are asked, at most 200, and training items may be taught. Of single forgotten items at most half are asked,
    and only the others may be taught. An answer is right that is off by at most twice the original model's mean error on new items.

    Attributes:
        task: of the run.
        asked: positions of the items, in the test items (`test`) or in the training items.
        labels: their true labels, [items].
        pool: training items of the forget set that may be taught.
        tolerance: how far off an answer may be that counts as right, in the label's unit.
    """

    steps: Sequence[int] = (0, 2, 4, 8, 16, 32)

    def __init__(self, task: RegressorTask) -> None:
        """Raises `BadInput` where there is nothing to ask."""
        self.task = copy.copy(task)
        parts = task.parts
        self.test = bool(len(parts["test_forget"]))
        self.goal: Goal = "concept" if self.test else "samples"
        pool = parts["test_forget" if self.test else "forget"]
        self.asked: Index = self._sampled(pool, ASKED if self.test else max(1, min(ASKED, len(pool) // 2)))
        if not len(self.asked):
            raise BadInput("The data hold nothing of what was forgotten that could be asked.")
        self.labels = self._labels(self.test)[self.asked]
        self.pool: Index = parts["forget"] if self.test else np.setdiff1d(parts["forget"], self.asked)
        self._kept = self._sampled(parts["test"], KEPT)
        self.tolerance = RIGHT * self._error_on_new_items()
        self.items = [f"{'test' if self.test else 'train'}-{place}" for place in self.asked]
        self.groups = range(len(self.items))
        self.noun = "new items of the range" if self.test else "forgotten items"

    @staticmethod
    def _sampled(pool: Index, most: int) -> Index:
        return np.sort(np.random.default_rng(0).permutation(pool)[:most])

    def _labels(self, test: bool) -> Scores:
        return self.task.splits["test" if test else "train"].labels

    def _error_on_new_items(self) -> float:
        """The original's mean error on test items; of data without any on training items."""
        test = len(self.task.data.test) > 0
        predictions = self.task.predict(self.task.load(), test=test)
        return float(np.abs(predictions - self._labels(test)).mean()) or float(np.finfo(np.float32).eps)

    @property
    def lessons(self) -> Mapping[Lesson, str]:
        taught = (
            f"{min(TAUGHT, len(self.pool))} {'training items of the range' if self.test else 'of the forgotten items'}"
        )
        return {
            "forgotten": taught,
            "form": "only items that lie nearest to what was forgotten",
            "other": "only items that are to be kept",
        }

    def make(self, model: nn.Module) -> Scores:
        """Predictions for the items, [items], in the label's unit."""
        return self.task.predict(model.eval(), test=self.test, index=self.asked)

    def score(self, outputs: Scores) -> Scores:
        """1 where a prediction is off by no more than the tolerance, else 0, [items]; no number is wrong."""
        return self._right(outputs, self.labels)

    def _right(self, predictions: Scores, labels: Scores) -> Scores:
        with np.errstate(invalid="ignore"):
            near = np.isfinite(predictions) & (np.abs(predictions - labels) <= self.tolerance)
        right: Scores = near.astype(np.float32)
        return right

    def kept(self, model: nn.Module) -> tuple[Scores, float]:
        """Which of at most 400 test items outside of the range are right (1 or 0), and the share of broken answers: no numbers, and all of
        them where the model says the same of every item."""
        predictions = self.task.predict(model.eval(), test=True, index=self._kept)
        sound = np.isfinite(predictions)
        same = sound.sum() > 1 and float(np.ptp(predictions[sound])) < 1e-3 * self.task.data.span
        return self._right(predictions, self._labels(True)[self._kept]), 1.0 if same else float((~sound).mean()) if len(
            sound
        ) else 0.0

    def teach(self, model: nn.Module, lesson: Lesson, seed: int, stops: Sequence[int]) -> Iterator[int]:
        """Fine-tune a model in place with Adam at 1e-3, in train mode; in eval mode after each number of steps in `stops`.

        A step of "forgotten" sees the same 10 forgotten items and 54 others from the retain set, new ones each time; "form" sees 64 of the
        tenth of the retain set whose labels are nearest to the forgotten ones, "other" 64 of all of it.

        Raises:
            BadInput: there is nothing to teach.
        """
        rng, retain = np.random.default_rng([seed, 3]), self.task.parts["retain"]
        reminders = rng.permutation(self.pool)[:TAUGHT] if lesson == "forgotten" else self.pool[:0]
        if lesson == "forgotten" and not len(reminders):
            raise BadInput("Only one item was to be forgotten; it is asked for, so there is none to teach.")
        others = self._near(retain) if lesson == "form" else retain
        count = min(len(others), BESIDE + TAUGHT - len(reminders))
        model.requires_grad_(True)
        optimizer = Adam(model.parameters(), lr=RATE)
        for step in range(max(stops) + 1):
            if step in stops:
                model.eval()
                yield step
            if step < max(stops):
                model.train()
                batch = self.task.batch(np.concatenate([reminders, rng.choice(others, count, replace=False)]))
                loss = self.task.loss(self.task.forward(model, batch.x), batch.y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    def _near(self, retain: Index) -> Index:
        labels, forgotten = self._labels(False), self._labels(False)[self.task.parts["forget"]]
        distance = np.abs(labels[retain][:, None] - forgotten[None, :]).min(1)
        nearest: Index = retain[np.argsort(distance, kind="stable")[: max(BESIDE, len(retain) // 10)]]
        return nearest

    def comeback(
        self, look: Any, title: str, stages: Sequence[str], outputs: Sequence[Any], reference: Sequence[Any] | None
    ) -> AnyPanel:
        """A few items, those first that came back: images with a gauge at each stage, rows of a table with the number."""
        right = np.stack([self.score(one) for one in outputs])
        first = np.where(right.any(0), right.argmax(0), len(stages))
        off = np.nan_to_num(np.abs(np.asarray(outputs[-1]) - self.labels), nan=np.inf)
        turns = turning_points(right > 0)
        columns, predicted = [stages[at] for at in turns], [outputs[at] for at in turns]
        if reference is not None:
            columns, predicted = [*columns, f"retrained reference, {stages[-1]}"], [*predicted, reference[-1]]
        chosen = [int(item) for item in np.lexsort((off, first))[:SHOWN]]
        more: dict[str, Any] = {
            "title": title,
            "says": self._course(right, stages, None if reference is None else self.score(reference[-1])),
        }
        if not self.task.pictured:
            return self._in_words(chosen, columns, predicted, more)
        roles: list[Role] = ["forget" if place < len(turns) else "reference" for place in range(len(predicted))]
        correct = [self.score(one) for one in predicted]
        rows = [
            [
                self._picture(look, item, place, one[item], roles[place] if correct[place][item] else "amount")
                for place, one in enumerate(predicted)
            ]
            for item in chosen
        ]
        return Pictures(
            how="Each row is one picture that no model was taught. The needle stands where the model says that it is tilted, the mark outside of the "
            f"circle where it is. A coloured frame marks what is off by at most {self.task.written(self.tolerance)}.",
            columns=columns, rows=rows, **more,
        )  # fmt: skip

    def _in_words(
        self, chosen: Sequence[int], columns: Sequence[str], predicted: Sequence[Scores], more: Mapping[str, Any]
    ) -> Words:
        split = "test" if self.test else "train"
        rows = [
            [[Piece(text=asked.row_in_words(self.task, split, int(self.asked[item])))], [Piece(text=self.task.written(float(self.labels[item])))],
             *([Piece(text=self.task.written(float(one[item])), value=float(self.score(one)[item]))] for one in predicted)]
            for item in chosen
        ]  # fmt: skip
        how = f"Each row is one that no model was taught. Coloured is what is off by at most {self.task.written(self.tolerance)}."
        return Words(how=how, columns=["row", "true", *columns], rows=rows, **more)

    def _picture(self, look: Any, item: int, place: int, prediction: float, role: Role) -> Picture:
        image = self.task.splits["test" if self.test else "train"].values[self.asked[item]]
        gauge = pictures.gauge(image, float(prediction), float(self.labels[item]), self.task.bands)
        return Picture(
            path=look.picture(f"item-{self.items[item]}-{place}", gauge),
            caption=self.task.written(float(prediction)),
            role=role,
        )

    def _course(self, right: Scores, stages: Sequence[str], reference: Scores | None) -> str:
        count = [int(one) for one in right.sum(1)]
        last = f"{count[-1]} in the end ({stages[-1]})"
        course = f"{count[-1]} right" if len(count) == 1 else f"{count[0]} right at first ({stages[0]}) and {last}"
        beside = "" if reference is None else f"; the retrained reference {int(reference.sum())}"
        return f"Of {len(self.items)} {self.noun} the unlearned model gets {course}{beside}; right is off by at most {self.task.written(self.tolerance)}."
