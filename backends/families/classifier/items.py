"""Single images of the data, by names as pages have them ("train-17", "test-3"): as pictures, their likes, and what models take them for."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from ...api.errors import BadInput
from . import resolve
from .guards import INPUT_DELTA

if TYPE_CHECKING:
    from .task import Classifier

MOST = 1000  # items in one request

Question = tuple[str, Tensor, int | None]  # its name, what goes into the model, the number of its class


def pictures(task: "Classifier", names: Sequence[str]) -> list[Image.Image]:
    """Items as pictures.

    Raises:
        BadInput: too many, no item's name, or none of the data's.
    """
    return [task.show(position, test=split == "test") for split, position in positions(task, names)]


def alike(task: "Classifier", item: int | str, count: int) -> list[int]:
    """Ids of the training images most alike to one of them, itself among them.

    Raises:
        BadInput: there is no such image, or not so many.
    """
    (_, place), number = positions(task, [f"train-{str(item).removeprefix('train-')}"])[0], int(count)
    if not 1 <= number < len(task.data.train):
        raise BadInput(f"{number} alike images were asked for; ask for 1 to {len(task.data.train) - 1}.")
    return [int(image_id) for image_id in resolve.alike(task, place, number)]


def as_input(task: "Classifier", image: Image.Image) -> NDArray[np.uint8]:
    """A picture at the model's size [height, width, channels]; one of exactly that size is taken as it is."""
    height, width = task.data.train.images.shape[1:3]
    if image.size == (width, height):
        return np.asarray(image.convert(task.pixels.mode)).reshape(height, width, -1)
    return task.pixels.prepare(image)


def as_image(array: NDArray[np.uint8]) -> Image.Image:
    """An array [height, width, channels] as a picture."""
    return Image.fromarray(array[..., 0] if array.shape[2] == 1 else array)


def predictions(
    task: "Classifier",
    models: Mapping[str, nn.Module | None],
    path: str,
    names: Sequence[str],
    skip_guard: bool,
    picture: Image.Image | None = None,
) -> dict[str, Any]:
    """Probabilities of every class by each model, for one image file, one picture or for items; see the live operation `predict`.

    Raises:
        BadInput: not exactly one of them is given, the file is no picture, or as `pictures`.
    """
    if [bool(path), bool(names), picture is not None].count(True) != 1:
        raise BadInput(
            "Give one image file, one picture or items of the data, and one of them only, so that there is something to look at."
        )
    questions: list[Question]
    if path:
        questions = [(Path(path).name, task.pixels.open(Path(path)), None)]
    elif picture is not None:
        pixels = torch.from_numpy(as_input(task, picture).copy()).permute(2, 0, 1)[None]
        questions = [("picture", task.pixels.normalise(pixels), None)]
    else:
        questions = [_question(task, *place) for place in positions(task, names)]
    answers = {
        when: _probabilities(task, model, questions, skip_guard) for when, model in models.items() if model is not None
    }
    rows = [
        {"id": name, "label": label} | {when: each[number] for when, each in answers.items()}
        for number, (name, _, label) in enumerate(questions)
    ]
    return {"classes": task.names, "guarded": hasattr(models.get("after"), INPUT_DELTA), "items": rows}


def positions(task: "Classifier", names: Sequence[str]) -> list[tuple[str, int]]:
    """(split, position) of items; see `pictures` for errors."""
    if not isinstance(names, (list, tuple)) or len(names) > MOST:
        raise BadInput(f"At most {MOST} items can be asked for at once, as a list of names like test-3.")
    places = []
    for name in names:
        parts = re.fullmatch(r"(train|test)-([0-9]{1,9})", str(name))
        if not parts:
            raise BadInput(f"{str(name)[:60]!r} is no item; write train-17 or test-3.")
        split, position = parts[1], int(parts[2])
        count = len(task.data.test if split == "test" else task.data.train)
        if position >= count:
            raise BadInput(f"There is no {split} image {position}; {task.id[:80]} has 0 to {count - 1}.")
        places.append((split, position))
    return places


def _question(task: "Classifier", split: str, position: int) -> Question:
    batch = task.batch(np.array([position]), test=split == "test")
    return f"{split}-{position}", batch.x, int(batch.y)


@torch.no_grad()
def _probabilities(
    task: "Classifier", model: nn.Module, questions: Sequence[Question], skip_guard: bool
) -> list[list[float]]:
    delta: Tensor | None = getattr(model, INPUT_DELTA, None) if skip_guard else None
    saved_delta = None if delta is None else delta.clone()
    try:
        if delta is not None:
            delta.zero_()
        rows = task.forward(model, torch.cat([x for _, x, _ in questions])).softmax(1)
        return [[float(p) for p in row] for row in rows.cpu()]
    finally:
        if delta is not None and saved_delta is not None:
            delta.copy_(saved_delta)
