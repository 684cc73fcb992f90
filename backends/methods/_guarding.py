"""What the guards of language models share: reading the questions once with the model before."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..engine.run import Run
from ..models.texts import Texts

ROWS = 128


def read(run: Run, name: str, texts: Texts, look: Callable[[Texts], Tensor], most: int | None = None) -> Tensor:
    """What `look` makes of each group of texts, stacked along the first dimension, float32 on the device.

    Each group is made once in a job and is a sign of life. `most`: of so many texts at most, drawn by the seed.
    """
    order = torch.arange(len(texts))
    if most is not None and most < len(texts):
        order = run.once(f"choosing {name}", lambda: torch.randperm(len(texts))[:most]).cpu()
    found = []
    for number, rows in enumerate(torch.split(order, ROWS)):

        def make(rows: Tensor = rows) -> Tensor:
            with torch.no_grad():
                return look(texts[rows].to(run.device)).cpu()

        found.append(run.once(f"reading {name}, part {number + 1}", make).to(run.device))
    return torch.cat(found)
