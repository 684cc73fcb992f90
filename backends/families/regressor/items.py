"""The few items that a job of a regressor is watched by: what the model predicts for them, images with a gauge."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch import nn

from ...core.task import Index
from . import asked, pictures

if TYPE_CHECKING:
    from .task import RegressorTask

WATCHED: Final[Mapping[str, int]] = {"forget": 5, "neighbour": 3, "unrelated": 3}  # of a role


def watched(task: "RegressorTask") -> list[tuple[str, str, int]]:
    """(role, split, position): of the forget set test items where a range is forgotten, evenly over their labels; the nearest test items
    that are kept; and others far from them."""
    parts, half = task.parts, max(1, len(task.neighbours) // 2)
    forget = ("test", parts["test_forget"]) if len(parts["test_forget"]) else ("train", parts["forget"])
    near, others = task.neighbours[: max(WATCHED["neighbour"], half // 4)], task.neighbours[half:]
    pools = {"forget": forget, "neighbour": ("test", near), "unrelated": ("test", others)}
    return [
        (role, split, item)
        for role, (split, pool) in pools.items()
        for item in _spread(task, pool, split, WATCHED[role])
    ]


def _spread(task: "RegressorTask", pool: Index, split: str, count: int) -> list[int]:
    """Items from all over the labels of a pool."""
    ordered = pool[np.argsort(task.splits[split].labels[pool], kind="stable")]
    places: Any = ((np.arange(count) + 0.5) * len(ordered) / count).astype(int) if len(ordered) else []
    return list(dict.fromkeys(int(ordered[place]) for place in places))


def sample(task: "RegressorTask", model: nn.Module) -> list[dict[str, Any]]:
    """What the model predicts for the watched items, as `Task.sample`; `share` is how near that is to the true label, from 0 (off by the whole
    range or more) to 1."""
    places = watched(task)
    predicted: dict[tuple[str, int], float] = {}
    for split in ("train", "test"):
        mine = np.array([item for _, where, item in places if where == split], np.int64)
        predictions = task.predict(model, test=split == "test", index=mine) if len(mine) else ()
        predicted |= {(split, int(item)): float(one) for item, one in zip(mine, predictions, strict=True)}
    return [_entry(task, role, split, item, predicted[split, item]) for role, split, item in places]


def _entry(task: "RegressorTask", role: str, split: str, item: int, prediction: float) -> dict[str, Any]:
    truth = float(task.splits[split].labels[item])
    nearness = max(0.0, 1 - abs(prediction - truth) / task.data.span) if math.isfinite(prediction) else math.nan
    entry = {"id": f"{split}-{item}", "role": role, "share": round(nearness, 4)}
    if task.pictured:
        image = pictures.gauge(task.splits[split].values[item], prediction, truth, task.bands)
        return entry | {"prompt": f"{task.data.label} {task.written(truth)}", "image": image}
    row = asked.row_in_words(task, split, item)
    return entry | {"question": row, "said": task.written(prediction), "truth": task.written(truth)}
