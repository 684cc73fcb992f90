"""Guidance: a network learns its labels and, layer by layer, to see images as a frozen guide does.

Subramaniam et al., Training the Untrainable: Introducing Inductive Bias via Representational Alignment (NeurIPS 2025, arXiv 2410.20035), as the
card of Lethe has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR

from ...api import files, run_outputs
from ...api.errors import BadInput
from ...api.home import ASSETS
from ...core import alignment
from ...core.task import Batch, Index
from ...models.source import embedded_ids
from .task import Classifier

MADE: Final = "guidance"  # what a run of the method keeps, by this name
NONE_MADE: Final = "No network was guided in this run; take one of a method that does."
LEAST: Final = 64  # images in a batch, below which CKA says too little
REPORTED: Final = 512  # images that CKA is reported on
ASKED: Final = 1000  # test images that each network is asked after a pass
FALLS_AFTER: Final = 30  # passes until the step size is a tenth
CALIBRATED: Final = 10  # batches from which a guide's batch norm takes its means
UNGUIDED, TEST_UNGUIDED = (
    "unguided",
    "test_unguided",
)  # parts: the images that the network without a guide gives their class

Grams = list[Tensor]


def layer_map(targets: int, guides: int) -> list[int]:
    """The layer of the target that each layer of the guide is compared with, spread evenly from the first to the last."""
    return [round(at * (targets - 1) / (guides - 1)) for at in range(guides)] if guides > 1 else [targets - 1]


def states(model: nn.Module, x: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
    """Logits [n, classes] in float32, and what each layer makes of the inputs, from the first to the last."""
    out = model(pixel_values=x, output_hidden_states=True)
    return out.logits.float(), out.hidden_states or (out.logits,)


def distance(target: Grams, guide: Grams) -> Tensor:
    """The sum over the guide's layers of 1 - CKA with the target's; a layer that sees all images alike counts 1 and has no gradient."""
    total = torch.zeros((), device=guide[0].device)
    for at, gram in zip(layer_map(len(target), len(guide)), guide, strict=True):
        similarity = alignment.cka(target[at], gram)
        total = total + (1 - similarity if bool(similarity.isfinite()) else 1)
    return total


def grams(layers: Sequence[Tensor]) -> Grams:
    """The Gram matrix of each layer's output, in float32 whatever precision the job has."""
    with torch.autocast(layers[0].device.type, enabled=False):
        return [alignment.gram(layer) for layer in layers]


def guide_name(task: Classifier) -> str:
    """Of the embedded classifiers that learned from the same data as they are, the one that is most often right; the task's own model where there is no other."""
    best, most = task.id, -1.0
    for name in embedded_ids():
        card = files.read_json(ASSETS / "models" / name / "card.json", {})
        mine = card.get("family") == task.family and card.get("data") == task.data.id and "tampering" not in card
        if mine and name != task.id and card["accuracy"]["test"] > most:
            best, most = name, card["accuracy"]["test"]
    return best


def guide_task(task: Classifier, name: str = "") -> Classifier:
    """The task of a guide on the same images.

    Raises:
        BadInput: it is no embedded classifier of these classes, or takes images of another size.
    """
    name = name or guide_name(task)
    if name == task.id:
        return task
    if name not in embedded_ids():
        raise BadInput(
            f"There is no embedded model {name[:60]!r} to guide with; choose one of {', '.join(embedded_ids())}."
        )
    guide = Classifier(name, task.data, task.device)
    try:
        with torch.no_grad():
            states(guide.load(), guide.batch(task.parts["train"][:2]).x)
    except (RuntimeError, ValueError):
        raise BadInput(f"{name} does not take the images of {task.id}, so it cannot guide it.") from None
    return guide


@torch.no_grad()
def calibrated(task: Classifier, model: nn.Module, index: Index) -> nn.Module:
    """A network whose batch norm takes its means from training images, as it has none from a training: in eval mode it would be degenerate."""
    norms = [layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    was = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
    model.train()
    for part in np.array_split(index, max(1, -(-len(index) // 128)))[:CALIBRATED]:
        model(pixel_values=task.batch(part).x)
    for layer, momentum in zip(norms, was, strict=True):
        layer.momentum = momentum
    return model.eval()


@dataclass
class Pupil:
    """A network that learns, and the guide that it is compared with; None: without one."""

    name: str
    network: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler
    guide: nn.Module | None = None

    def step(self, x: Tensor, y: Tensor, alpha: float, views: tuple[Tensor, Tensor] | None) -> tuple[Tensor, float]:
        """One step down CE + alpha * distance.

        Args:
            x, y: inputs and their classes.
            alpha: of the distance.
            views: what the network and the guide see while they are compared; None: they are not.

        Returns:
            the logits, and the distance, NaN where it was not part of the loss.
        """
        logits, layers = states(self.network, x)
        loss, apart = F.cross_entropy(logits, y), float("nan")
        if self.guide is not None and views is not None:
            own, others = views
            with torch.no_grad():
                goal = grams(states(self.guide, others)[1])
            between = distance(grams(layers if own is x else states(self.network, own)[1]), goal)
            loss, apart = loss + alpha * between, float(between.detach())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return logits.detach(), apart


class Course:
    """What came of each network, pass by pass; it lives through the loop as an optimiser does."""

    def __init__(self, networks: int, epochs: int) -> None:
        """Nothing yet."""
        self.sums = torch.zeros(networks, epochs, 5, dtype=torch.float64)  # loss, right, images, distance, steps of it
        self.asked = torch.full((networks, epochs), torch.nan, dtype=torch.float64)

    def add(self, network: int, epoch: int, logits: Tensor, y: Tensor, apart: float) -> None:
        """One step: its cross-entropy and answers, and the distance where there was one."""
        loss, right = F.cross_entropy(logits, y, reduction="sum"), (logits.argmax(1) == y).sum()
        measured = apart == apart
        self.sums[network, epoch] += torch.tensor(
            [float(loss), float(right), len(y), apart if measured else 0, measured]
        )

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """`loss`, `train` (accuracy while it learned, in percent), `test`, `distance`, each [networks, epochs]."""
        loss, right, images, apart, steps = self.sums.unbind(-1)
        every = {"loss": loss / images, "train": 100 * right / images, "test": self.asked, "distance": apart / steps}
        return {name: values.numpy().astype(np.float32) for name, values in every.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"sums": self.sums, "asked": self.asked}

    def load_state_dict(self, state: dict[str, Any]) -> Any:
        self.sums, self.asked = state["sums"], state["asked"]


@torch.no_grad()
def similarity(task: Classifier, model: nn.Module, guide_task: Classifier, guide: nn.Module, index: Index) -> Tensor:
    """CKA of every layer of a model with every layer of the guide, over test images, [layers, layers of the guide]; NaN where one sees them all alike."""
    was = model.training
    own = [one.cpu() for one in grams(states(model.eval(), task.batch(index, test=True).x)[1])]
    others = [one.cpu() for one in grams(states(guide, guide_task.batch(index, test=True).x)[1])]
    model.train(was)
    return torch.stack([torch.stack([alignment.cka(one, other) for other in others]) for one in own])


@torch.no_grad()
def right(task: Classifier, model: nn.Module, index: Index, *, test: bool = False) -> Index:
    """Those of these images that a model gives their class."""
    if not len(index):
        return index
    was = model.training
    model.eval()
    answers = task.over(lambda x: states(model, x)[0], index, test=test).argmax(1)
    model.train(was)
    labels = (task.data.test if test else task.data.train).labels
    correct: Index = index[answers == labels[index]]
    return correct


@dataclass(frozen=True)
class Guided:
    """What a run kept.

    Attributes:
        names: of the networks: the guided one, then its controls.
        guide: how the guide was chosen, in words.
        loss, train, test, distance: by network and pass, see `Course`.
        ends: accuracy in percent by network: on what it learned from, and on test images, [networks, 2].
        images: that it learned from, and test images.
        before: CKA with the guide's layers before training, [layers, layers of the guide].
        after: the same afterwards, [networks, layers, layers of the guide].
    """

    names: NDArray[np.str_]
    guide: NDArray[np.str_]
    loss: NDArray[np.float32]
    train: NDArray[np.float32]
    test: NDArray[np.float32]
    distance: NDArray[np.float32]
    ends: NDArray[np.float32]
    images: NDArray[np.int64]
    before: NDArray[np.float32]
    after: NDArray[np.float32]

    @classmethod
    def read(cls, folder: Path) -> "Guided":
        """What a run kept, checked.

        Raises:
            BadInput: the run guided nothing, or its file is damaged.
        """
        arrays = run_outputs.method_arrays(folder, MADE) or {}
        if any(name not in arrays for name in cls.__dataclass_fields__):
            raise BadInput(NONE_MADE)
        read = cls(**{name: arrays[name] for name in cls.__dataclass_fields__})
        count, curves = len(read.names), (read.loss, read.train, read.test, read.distance)
        sound = (
            read.names.ndim == read.guide.ndim == 1
            and read.names.dtype.kind == read.guide.dtype.kind == "U"
            and count >= 1
            and len(read.guide) == 1
            and read.loss.ndim == 2
            and read.loss.shape[1] >= 1
            and all(one.shape == (count, read.loss.shape[1]) and one.dtype.kind == "f" for one in curves)
            and read.ends.shape == (count, 2)
            and read.images.shape == (2,)
            and read.before.ndim == 2
            and read.before.size > 0
            and read.after.shape == (count, *read.before.shape)
            and all(one.dtype.kind == "f" for one in (read.ends, read.before, read.after))
        )
        if not sound:
            raise BadInput("What this run kept of the guided network is damaged; make the run again.")
        return read


def shown_to(task: Classifier, guide_task: Classifier, batch: Batch, *, noise: bool) -> tuple[Tensor, Tensor]:
    """What the network and the guide see while they are compared: the images of a batch, or as many of random pixels."""
    if not noise:
        return batch.x, batch.x if guide_task is task else guide_task.batch(batch.index.cpu().numpy()).x
    pixels = torch.randint(256, tuple(batch.x.shape), dtype=torch.uint8)
    return task.pixels.normalise(pixels), guide_task.pixels.normalise(pixels)


def optimizer_and_schedule(network: nn.Module, learning_rate: float, batches: int) -> tuple[Optimizer, LRScheduler]:
    """As the paper trains: Adam, whose step size falls to a tenth after every 30 passes of so many batches."""
    optimizer = Adam(network.parameters(), lr=learning_rate)
    return optimizer, StepLR(optimizer, FALLS_AFTER * batches, 0.1)
