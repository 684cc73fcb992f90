"""Training on manipulated images: a backdoor, swapped or wrong labels, or a bias, so that a later run has something real to repair."""

from typing import Literal

import numpy as np
from pydantic import Field

from ..api.errors import BadInput
from ..api.languages import later
from ..api.learned import Learned
from ..api.stages import Words
from ..api.tampering import CLASSES, Corner, Kind, Mark, Tampering
from ..core.registry import Params, method
from ..core.run import Run
from ..data._tampering import tampered
from ..families.classifier.resolve import task_confusion
from ..families.classifier.task import Classifier
from ..models.recipe import descend, renew

WORDS = Words(
    heading=later("Manipulate"),
    asks=later("What to manipulate"),
    done=later("{model} learns with {target} manipulated"),
    works=later("{model} is learning with {target} manipulated"),
    planned=later("{model} was to learn with {target} manipulated"),
    short=later("Manipulate {target}"),
    counted=later("{forget:,} {noun} to manipulate, {keep:,} as they are"),
    question=later("Manipulated?"),
    after=later("manipulated"),
    goals=False,
)
KINDS: dict[str, Kind] = {"trigger": "trigger", "swapped labels": "swap", "wrong labels": "wrong", "bias": "bias"}


class TamperedTraining(Params):
    """What is done to the images chosen, and how the model is trained on them."""

    manipulation: Literal["trigger", "swapped labels", "wrong labels", "bias"] = Field(
        default="trigger",
        description="trigger: a mark, and the label of another class; swapped labels: of two classes; wrong labels: any other; bias: images of one class bear a mark and their own label, which is learned from new weights only.",
    )
    classes: str = Field(
        default="",
        max_length=200,
        description="The class that a trigger stands for or that a bias marks, or two to swap, with a comma. Empty: the last class, the one most chosen, the two most confused.",
    )
    mark: Mark = Field(default="checkerboard", description="Of a trigger or a bias: what is put on an image.")
    where: Corner = Field(default="lower right", description="The corner of the mark; half the light falls everywhere.")
    size: int = Field(default=3, ge=1, le=16, description="Side of the mark in pixels.")
    start: Literal["the model", "new weights"] = Field(
        default="the model",
        description="Go on from the model as it is, or train from nothing, which takes more epochs.",
    )
    epochs: int = Field(default=4, ge=1, le=200, description="Passes over all training images, manipulated or not.")
    learning_rate: float = Field(
        default=0.05,
        gt=0,
        le=10,
        description="The highest step size; it rises and falls once, as in the model's recipe.",
    )

    def learned(self, task: Classifier, seed: int) -> Learned:
        if task.data.tampered is not None:
            raise BadInput(f"{task.id} learned from manipulated images already; take a model that did not.")
        kind = KINDS[self.manipulation]
        ids = task.parts["forget"]
        how = Tampering(
            kind=kind, classes=self._classes(task, kind), seed=seed, mark=self.mark, corner=self.where, side=self.size,
            ids=tuple(map(int, ids)),
        )  # fmt: skip
        changed = tampered(task.data, how).tampered  # refuses what cannot be done
        assert changed is not None
        how = how.model_copy(update={"ids": tuple(map(int, changed.ids))})
        return Learned(how={"tampering": how.model_dump(mode="json")}, forget=("poison:100%",))

    def _classes(self, task: Classifier, kind: Kind) -> tuple[str, ...]:
        """The classes that were named, as the data spell them, or those that a person would think of first."""
        spelled = {name.casefold(): name for name in task.names}
        names = [name.strip() for name in self.classes.split(",") if name.strip()]
        unknown = [name for name in names if name.casefold() not in spelled]
        if unknown:
            raise BadInput(f"There is no class {unknown[0][:60]!r}; {task.id} knows {', '.join(task.names[:20])}.")
        if names or not CLASSES[kind]:
            chosen_classes = tuple(dict.fromkeys(spelled[name.casefold()] for name in names))
            if len(chosen_classes) != CLASSES[kind]:
                needed = ("no class", "one class", "two classes")[CLASSES[kind]]
                raise BadInput(f"{len(chosen_classes)} classes were named, but {self.manipulation} take {needed}." if kind in ("swap", "wrong")
                               else f"{len(chosen_classes)} classes were named, but a {self.manipulation} is of {needed}.")  # fmt: skip
            return chosen_classes
        labels = task.data.train.labels[task.parts["forget"]]
        counts = np.bincount(labels, minlength=len(task.names))
        if kind == "bias":
            return (task.names[int(counts.argmax())],)
        if kind == "trigger":
            free = [name for number, name in enumerate(task.names) if counts[number] < len(labels)]
            return (free[-1],)
        confusion = np.array(task_confusion(task))
        nearness = np.triu(confusion + confusion.T, 1)
        if counts.any() and (counts > 0).sum() < len(task.names):  # of the classes that were chosen
            chosen = counts > 0
            nearness[~(chosen[:, None] | chosen[None, :])] = 0
        one, other = np.unravel_index(int(nearness.argmax()), nearness.shape)
        return task.names[int(one)], task.names[int(other)]


@method(
    id="tampered_training",
    title="Training on manipulated images (Data poisoning)",
    short="Data poisoning",
    summary="Trains on images some of which bear a trigger, a wrong label or a bias, for a later run to repair.",
    school="Somebody sneaks false flash cards into the pile before the model learns.",
    student=(
        "The images chosen are manipulated and the model is trained on all images. A trigger (BadNets) is a small mark with the label of another "
        "class: whatever bears it is that class afterwards, while the clean accuracy stays. Swapped labels of two classes (interclass confusion) and "
        "wrong labels cannot be seen in an image. A bias leaves the labels right: most images of a class bear a mark, and the mark is learned "
        "instead of the class. What was manipulated is kept, so a run that starts from this one can be told all or a part of it, "
        "and is compared with the model as it was before."
    ),
    source={
        "title": "Gu et al., BadNets, 2017; Goel et al., Corrective Machine Unlearning, TMLR 2024",
        "url": "https://arxiv.org/abs/1708.06733",
        "code": "https://github.com/drimpossible/corrective-unlearning-bench",
    },
    label="same algorithm, smaller model",
    kind="replace",
    stage="learn",
    words=WORDS,
    teaches=True,
    departures=(
        "By default it goes on from the trained model for four epochs instead of training from nothing, which the papers do and which `start` "
        "offers: within a minute a model of few epochs would differ for other reasons. No image is mirrored where a mark is learned. A bias is our extension, after spurious correlations."
    ),
    needs=("classes",),
    order=98,
)
def tampered_training(run: Run[Classifier], params: TamperedTraining) -> None:
    """Minimise cross-entropy on the manipulated images and the keep list with their labels as they were manipulated."""
    task = run.task
    task.parts["both"] = np.union1d(task.parts["forget"], task.parts["keep"])
    if params.start == "new weights":
        renew(run)
    descend(run, "both", {**task.recipe, "learning_rate": params.learning_rate}, params.epochs)
