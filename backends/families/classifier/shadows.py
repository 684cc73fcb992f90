"""Shadow models of a classifier: the same recipe on random halves of its training and test images together.

A per-example membership attack has to know how a model answers to one image when it was trained on it and when it was not. Shadows
2k and 2k + 1 share out all images between them, so that each image is known to half of the shadows. The test images are shared out
too: without that nobody could score an image that the attacked model never saw by the same rule.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from ...api import files
from ...api.home import ASSETS
from ...core.task import Index
from ...data._images import ImageSet, Split
from .task import Classifier

CARD, SEED = "card.json", 20_280_101  # of the halves


def joined(data: ImageSet) -> ImageSet:
    """The data with training and test images in one, the training images first; its test images stay what they were."""
    parts = (data.train, data.test)
    every = Split(np.concatenate([one.images for one in parts]), np.concatenate([one.labels for one in parts]))
    return ImageSet(data.id, data.names, every, data.test, data.notes)


def members(number: int, count: int) -> Index:
    """The positions in `joined(...).train`, of `count`, that a shadow was trained on, in ascending order."""
    order = np.random.default_rng([number // 2, SEED]).permutation(count)
    half = order[: count // 2] if number % 2 == 0 else order[count // 2 :]
    return np.sort(half).astype(np.int64)


def folder(model_id: str) -> Path:
    """Where the shadows of an embedded model lie, if they are shipped."""
    return ASSETS / "shadows" / model_id


def embedded(model_id: str) -> bool:
    """Whether an id is a plain name, as those of embedded models are."""
    return "/" not in model_id and "\\" not in model_id and not model_id.startswith(".")


def card(model_id: str) -> dict[str, Any]:
    """What is known of the shadows of a model; empty for a folder of the user's, a model of the Hub, or one without."""
    if not embedded(model_id):
        return {}
    found_card: dict[str, Any] = files.read_json(folder(model_id) / CARD, {})
    return found_card


def shipped(model_id: str) -> Sequence[Path]:
    """The safetensors files of the shadows of a model, by their number."""
    return [folder(model_id) / one["file"] for one in card(model_id).get("shadows", [])]


def opened(task: Classifier, path: Path) -> nn.Module:
    """A shadow as a model of the task's architecture, in float32 and eval mode."""
    return opened_into(task.load(), path)


def opened_into(model: nn.Module, path: Path) -> nn.Module:
    """A model with the weights of a shadow, in eval mode."""
    wanted_types = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    model.load_state_dict({name: tensor.to(wanted_types[name]) for name, tensor in load_file(path).items()})
    return model.eval()


def membership(count: int, images: int) -> NDArray[np.bool_]:
    """Which of the first `count` shadows was trained on which image, [count, images], the training images first."""
    rows = np.zeros((count, images), bool)
    for number in range(count):
        rows[number, members(number, images)] = True
    return rows


def task_of(task: Classifier, number: int, path: Path, forget: Index, keep: Index | None = None) -> Classifier:
    """A run's task for one of its shadows: the shadow is the model before, and nothing is there but what it was trained on.

    Args:
        task: of the run.
        number, path: of the shadow.
        forget: positions in `joined(...).train`; those that the shadow was trained on are its forget set.
        keep: training images that may be rehearsed; left out, all that the shadow was trained on and is not to forget.
    """
    own = Classifier(task.id, joined(task.data), task.device, task.precision)
    train = members(number, len(own.data.train))
    forgotten = np.intersect1d(train, forget)
    retain = np.setdiff1d(train, forgotten)
    own.parts |= {
        "train": train,
        "forget": forgotten,
        "retain": retain,
        "keep": retain if keep is None else np.intersect1d(retain, keep),
        "test": task.parts["test"],
        "test_forget": task.parts["test_forget"],
    }
    own.set_forget(forgotten)
    own.neighbours = list(task.neighbours)
    load = own.load
    own.load = lambda folder=None: opened_into(load(), path)  # type: ignore[method-assign]
    return own
