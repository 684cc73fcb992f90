"""What a regressor can be asked: an item of its data, a row in words, or a person's own picture."""

import re
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...api.errors import BadInput
from ...api.params import quoted_value
from ...data._images import URL, image_of_url

if TYPE_CHECKING:
    from .task import RegressorTask

ITEM = re.compile(r"(train|test)[- ]([0-9]{1,9})")
PAIR = re.compile(r"\s*([^=,;]+?)\s*=\s*([-+]?[0-9]+(?:\.[0-9]+)?)\s*(?:[,;]|\s|$)")
TOLD = 4  # columns by which a row is told from others
DARK = 127  # the mean of an edge above which a picture is of something dark on light, and is turned round

Input = tuple[Tensor, float | None, NDArray[np.uint8] | None]  # what the network takes, the true label, the picture


def input_of(task: "RegressorTask", question: str) -> Input:
    """What a question stands for: "test-3", values of columns as "age=50 bmi=30" (the others are average), or a picture as a data address.

    Raises:
        BadInput: it is none of them.
    """
    question = question.strip()
    if item := ITEM.fullmatch(question):
        return _item(task, item[1], int(item[2]))
    if task.pictured:
        if not question.startswith(URL[:5]):
            raise BadInput(f"{quoted_value(question[:60])} names no picture; write test-12, or draw or upload one.")
        picture = as_input(task, image_of_url(question))
        return torch.from_numpy(picture)[None, None], None, picture
    return torch.from_numpy(_row(task, question))[None], None, None


def _item(task: "RegressorTask", split: str, at: int) -> Input:
    part = task.data.test if split == "test" else task.data.train
    if at >= len(part):
        raise BadInput(f"There is no {split} item {at}; they run from 0 to {len(part) - 1}.")
    x = task.batch(np.array([at]), test=split == "test").x.cpu()
    return x, float(part.labels[at]), part.values[at] if task.pictured else None


def as_input(task: "RegressorTask", image: Image.Image) -> NDArray[np.uint8]:
    """A picture as the network takes it, uint8 [height, width]: grey, fitted into its size on black, light on dark."""
    height, width = task.data.train.values.shape[1:]
    grey = image.convert("L")
    pixels = np.asarray(grey)
    edge = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    if edge.mean() > DARK:
        grey = Image.fromarray(255 - pixels)
    if grey.size != (width, height):
        grey.thumbnail((width, height))
        canvas = Image.new("L", (width, height))
        canvas.paste(grey, ((width - grey.width) // 2, (height - grey.height) // 2))
        grey = canvas
    return np.asarray(grey)


def _row(task: "RegressorTask", question: str) -> NDArray[np.float32]:
    columns, pairs = task.data.columns, PAIR.findall(question + " ")
    spelled = {name.casefold(): at for at, name in enumerate(columns)}
    strange = next((name for name, _ in pairs if name.casefold() not in spelled), None)
    if not pairs or strange is not None:
        raise BadInput(
            f"{quoted_value(question[:60])} names no row; write test-12, or values like {columns[0]}=1 of {', '.join(columns[:20])}."
        )
    row: NDArray[np.float32] = task.data.train.values.mean(0).astype(np.float32)
    for name, value in pairs:
        row[spelled[name.casefold()]] = float(value)
    return row


def row_in_words(task: "RegressorTask", split: str, item: int) -> str:
    """An item of a table by its first columns: "test-3: age 59, sex 2"."""
    values = (task.data.test if split == "test" else task.data.train).values[item]
    values_text = [
        f"{name} {value:.4g}" for name, value in zip(task.data.columns[:TOLD], values.tolist(), strict=False)
    ]
    return f"{split}-{item}: {', '.join(values_text)}"
