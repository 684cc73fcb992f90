"""What attacks examine image classifiers by: images that are asked, images that may be taught, and how one is taught."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from ...api.attacked import Find, Goal
from ...api.errors import BadInput
from ...api.panels import Picture, Pictures, Role
from ...core.exam import Lesson, Scores, turning_points
from ...core.task import Index
from . import items
from .reminders import Reminded
from .task import Classifier

ASKED, KEPT = 200, 400  # images at most
AT_ONCE = 200  # images in a pass
TAUGHT, BESIDE = 10, 64  # forgotten images, and others, in every step
SLOWER = 20  # the learning rate is this part of the highest one of the model's recipe
SHOWN, SIDE = 3, 112  # pictures in a panel, and pixels of their longer side


class ClassifierExam:
    """The images of one run; an `Exam`.

    Of forgotten classes test images are asked, at most 200, and training images may be taught. Of single forgotten images at most
    200 are asked, at most half of them, and only the others may be taught. Everything is worked out in float32.

    Attributes:
        task: of the run, in float32.
        asked: positions of the items, in the test images (`test`) or in the training images.
        labels: their true classes, [items].
        pool: training images of the forget set that may be taught.
    """

    steps: Sequence[int] = (0, 2, 4, 8, 16, 32)

    @staticmethod
    def lacks(task: Classifier) -> str:
        """Why its models cannot be examined: a job that manipulated images had nothing to forget."""
        if task.teaches:
            return "Its model learned from manipulated images and had nothing to forget; start a repair from it, and test that."
        return ""

    def __init__(self, task: Classifier) -> None:
        """Raises `BadInput` where there is nothing to ask: no test images of the forgotten classes."""
        if reason := self.lacks(task):
            raise BadInput(reason)
        self.task = copy.copy(task)
        self.task.precision = torch.float32
        self.test = bool(task.forgotten_classes)
        self.goal: Goal = "concept" if self.test else "samples"
        forget = task.parts["forget"]
        labels = (task.data.test if self.test else task.data.train).labels
        most = ASKED if self.test else max(1, min(ASKED, len(forget) // 2))
        self.asked = stratified(task.parts["test_forget"] if self.test else forget, labels, most)
        if not len(self.asked):
            names = ", ".join(task.names[number] for number in task.forgotten_classes)
            raise BadInput(f"The data hold no test images of {names[:80]}, so no attack can be judged; add some.")
        self.labels: NDArray[np.int64] = labels[self.asked]
        self.pool = forget if self.test else np.setdiff1d(forget, self.asked)
        self._kept = stratified(task.parts["test"], task.data.test.labels, KEPT)
        self.items = [f"{'test' if self.test else 'train'}-{place}" for place in self.asked]
        self.groups = range(len(self.items))
        self.noun = "test images" if self.test else "forgotten images"

    @property
    def lessons(self) -> Mapping[Lesson, str]:
        taught = f"{min(TAUGHT, len(self.pool))} {'training images of what was forgotten' if self.test else 'of the forgotten images'}"
        near = " and ".join(self.task.names[number] for number in self._near)
        return {"forgotten": taught, "form": f"only images of {near}", "other": "only images that are to be kept"}

    @property
    def _near(self) -> list[int]:
        """The two classes nearest to the forget set; where it has fewer neighbours, the largest others of the retain set."""
        counts = np.bincount(self.task.data.train.labels[self.task.parts["retain"]], minlength=len(self.task.names))
        others = [int(number) for number in np.argsort(-counts, kind="stable") if number not in self.task.neighbours]
        return [*self.task.neighbours, *others][:2]

    def make(self, model: nn.Module) -> Scores:
        """Probabilities [items, classes]; a `Reminded` model is shown the items with what is added to them."""
        return self._probabilities(model, model.reminded(self.images) if isinstance(model, Reminded) else self.images)

    def score(self, outputs: Scores) -> Scores:
        """1 where the true class is the most probable one, else 0, [items]; no number is wrong."""
        return _right(outputs, self.labels)

    def kept(self, model: nn.Module) -> tuple[Scores, float]:
        """Which of at most 400 test images of the kept classes are right (1 or 0), evenly over the classes, and the share of broken
        answers: those that are no numbers, and all of them where every image, of several classes, is given one and the same class.
        A model that has nearly collapsed counts as whole here; its accuracy tells."""
        labels = self.task.data.test.labels[self._kept]
        outputs = self._probabilities(model, self.task.batch(self._kept, test=True).x)
        sound = np.isfinite(outputs).all(1)
        one_class = len(np.unique(labels)) > 1 and len(np.unique(outputs[sound].argmax(1))) == 1
        return _right(outputs, labels), 1.0 if one_class else float((~sound).mean()) if len(outputs) else 0.0

    def turned(self, model: Reminded) -> float:
        """The share of the kept images that are named a forgotten class, or, of single forgotten images, a wrong one, once they too are
        shown with what is added to the items."""
        named = self._probabilities(model, model.reminded(self.task.batch(self._kept, test=True).x)).argmax(1)
        labels = self.task.data.test.labels[self._kept]
        wrong = np.isin(named, self.task.forgotten_classes) if self.test else named != labels
        return float(wrong.mean()) if len(wrong) else 0.0

    @property
    def images(self) -> Tensor:
        """The items as models take them, [items, channels, height, width]."""
        return self.task.batch(self.asked, test=self.test).x

    @torch.no_grad()
    def _probabilities(self, model: nn.Module, x: Tensor) -> Scores:
        """Probabilities [n, classes] in eval mode, which the model stays in: what stands around another model has no mode of its own."""
        model.eval()
        parts = [self.task.forward(model, part).softmax(1) for part in x.split(AT_ONCE)]
        return torch.cat(parts).cpu().numpy()

    def reminders(self, seed: int, count: int = TAUGHT) -> Index:
        """At most `count` training images of the forget set, drawn by a seed, as evenly over its classes as it allows.

        Raises:
            BadInput: there is none besides those that are asked.
        """
        if not len(self.pool):
            raise BadInput("Only one image was to be forgotten; it is asked for, so there is none to teach.")
        return stratified(self.pool, self.task.data.train.labels, count, seed)

    def teach(
        self, model: nn.Module, lesson: Lesson, seed: int, stops: Sequence[int], *, head_only: bool = False
    ) -> Iterator[int]:
        """Fine-tune a model in place with the optimiser of its recipe at a twentieth of its highest learning rate, without decay or
        augmentation, in train mode; in eval mode after each number of steps in `stops`.

        A step of "forgotten" sees the same 10 forgotten images and 64 others from the retain set, new ones each time; "form" sees 74
        of the two nearest classes, "other" 74 of the retain set. With `head_only` nothing but the last linear layer learns: the rest
        of the model stays in eval mode, so that its running statistics stand still too. A filter at the input stays in place.

        Raises:
            BadInput: there is nothing to teach, or the model has no last linear layer.
        """
        reminders = self.reminders(seed) if lesson == "forgotten" else self.pool[:0]
        retain, labels = self.task.parts["retain"], self.task.data.train.labels
        others = retain[np.isin(labels[retain], self._near)] if lesson == "form" else retain
        count = min(len(others), BESIDE + TAUGHT - (TAUGHT if lesson == "forgotten" else 0))
        layers = self.task.head(model) if head_only else model
        model.requires_grad_(False)
        layers.requires_grad_(True)
        optimizer, rng = self._optimizer(layers), np.random.default_rng([seed, 3])
        for step in range(max(stops) + 1):
            if step in stops:
                model.eval()
                yield step
            if step < max(stops):
                model.train(not head_only)
                batch = self.task.batch(np.concatenate([reminders, rng.choice(others, count, replace=False)]))
                loss = self.task.loss(self.task.forward(model, batch.x), batch.y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @property
    def rate(self) -> float:
        """The learning rate of every lesson."""
        return float(self.task.recipe["learning_rate"]) / SLOWER

    def _optimizer(self, layers: nn.Module) -> Optimizer:
        if self.task.recipe["optimizer"] == "adamw":
            return AdamW(layers.parameters(), lr=self.rate, weight_decay=0)
        return SGD(layers.parameters(), lr=self.rate, momentum=float(self.task.recipe["momentum"]))

    def comeback(
        self, look: Any, title: str, stages: Sequence[str], outputs: Sequence[Any], reference: Sequence[Any] | None
    ) -> Pictures:
        """A few items, those first that came back; below each the class that the unlearned model gives it at each stage, in the last
        column what the retrained reference says in the end."""
        right = np.stack([self.score(one) for one in outputs])
        first = np.where(right.any(0), right.argmax(0), len(stages))
        own = np.nan_to_num(np.asarray(outputs[-1])[np.arange(len(self.labels)), self.labels])
        shown = turning_points(right > 0)
        columns, shares = [stages[at] for at in shown], [outputs[at] for at in shown]
        if reference is not None:
            columns, shares = [*columns, f"retrained reference, {stages[-1]}"], [*shares, reference[-1]]
        roles: list[Role] = ["forget" if place < len(shown) else "reference" for place in range(len(shares))]
        correct = [self.score(one) for one in shares]
        rows = []
        for item in np.lexsort((-own, first))[:SHOWN]:
            path = look.picture(f"item-{self.items[item]}", self._picture(int(item)))
            rows.append(
                [
                    Picture(path=path, caption=self._answer(each[item]), role=role if of[item] else "amount")
                    for each, of, role in zip(shares, correct, roles, strict=True)
                ]
            )
        count = [int(one) for one in right.sum(1)]
        last = f"{count[-1]} in the end ({stages[-1]})"
        course = f"{count[-1]} right" if len(count) == 1 else f"{count[0]} right at first ({stages[0]}) and {last}"
        beside = "" if reference is None else f"; the retrained reference {int(correct[-1].sum())}"
        return Pictures(
            title=title,
            how="Each row is one image that no model was taught. Below it stands the class that the model gives it, and how sure it is. "
            "A coloured frame marks the true class.",
            says=f"Of {len(self.items)} {self.noun} the unlearned model gets {course}{beside}.",
            columns=columns,
            rows=rows,
        )

    def finds(self, look: Any, index: Index, note: str) -> list[Find]:
        """Some training images as what an attack taught: their pictures are written beside its findings."""
        images = [(int(place), items.as_image(self.task.data.train.images[place])) for place in index[:SHOWN]]
        paths = [Path(look.picture(f"taught-{place}", enlarged(image))).name for place, image in images]
        return [Find(picture=path, note=note) for path in paths]

    def _picture(self, item: int) -> Any:
        return enlarged(self.task.show(int(self.asked[item]), test=self.test))

    def _answer(self, probabilities: Scores) -> str:
        if not np.isfinite(probabilities).all():
            return "no number"
        return f"{self.task.names[int(probabilities.argmax())]}, {100 * float(probabilities.max()):.0f} %"


def stratified(pool: Index, labels: NDArray[np.int64], most: int, seed: int = 0) -> Index:
    """At most `most` of some items, as evenly over their classes as these allow, sorted; the same ones for the same seed.

    Args:
        pool: positions.
        labels: classes of all positions.
        most: how many.
        seed: of the draw.
    """
    order = np.random.default_rng(seed).permutation(pool)
    rank = np.zeros(len(order), np.int64)
    for label in np.unique(labels[order]):
        of_class = labels[order] == label
        rank[of_class] = np.arange(of_class.sum())
    return np.sort(order[np.argsort(rank, kind="stable")[:most]])


def enlarged(image: Any) -> Any:
    """A picture at about 112 pixels: a small one by a whole factor, so that its pixels stay squares."""
    if max(image.size) >= SIDE:
        image = image.copy()
        image.thumbnail((SIDE, SIDE))
        return image
    factor = max(1, round(SIDE / max(image.size)))
    return image.resize((image.width * factor, image.height * factor), 0)


def _right(outputs: Scores, labels: NDArray[np.int64]) -> Scores:
    right: Scores = ((outputs.argmax(1) == labels) & np.isfinite(outputs).all(1)).astype(np.float32)
    return right
