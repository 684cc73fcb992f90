"""From targets to index sets: which items of a regressor's data are forgotten, kept, and nearest to what is forgotten."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...api.errors import BadInput
from ...core.task import Index
from . import targets

if TYPE_CHECKING:
    from .task import RegressorTask


def resolve(task: "RegressorTask", forget: Sequence[str], keep: Sequence[str]) -> None:
    """Fill `parts`. A range is of training and of test items alike; single items and shares are of the training items.

    Raises:
        BadInput: a target fits no item, or nothing is left to keep.
    """
    chosen, forgotten = _chosen(task, forget), _chosen(task, forget, test=True)
    retain_set = np.flatnonzero(~chosen)
    keep_set = np.flatnonzero(_chosen(task, keep) & ~chosen) if keep else retain_set
    if not chosen.any() or not len(keep_set):
        what = "keep" if chosen.any() else "forget"
        raise BadInput(f"{', '.join(forget)[:80]} leaves nothing to {what}; choose another range.")
    task.parts |= {
        "forget": np.flatnonzero(chosen), "retain": retain_set, "keep": keep_set,
        "test": np.flatnonzero(~forgotten), "test_forget": np.flatnonzero(forgotten),
    }  # fmt: skip
    task.set_forget(task.parts["forget"])
    parsed = [targets.checked(targets.parse(text), task.card) for text in forget]
    task.bands = [(one.low, one.high) for one in parsed if one.kind == "range" and one.name == task.data.label]
    task.neighbours = _nearest(task)


def _chosen(task: "RegressorTask", texts: Sequence[str], *, test: bool = False) -> NDArray[np.bool_]:
    """Which of the training or test items any of the targets names."""
    marks = np.zeros(len(task.data.test if test else task.data.train), bool)
    for target in (targets.checked(targets.parse(text), task.card) for text in texts):
        if target.kind == "range":
            column = task.data.column(target.name, test=test).astype(np.float64).round(6)
            marks |= (column >= target.low) & (column <= target.high)
        elif not test and target.kind == "items":
            for low, high in target.spans:
                marks[low : high + 1] = True
        elif not test:
            order = np.random.default_rng([target.draw, 11]).permutation(len(marks))
            marks[order[: max(1, round(len(marks) * target.share / 100))]] = True
    return marks


def _nearest(task: "RegressorTask") -> Index:
    """Test items outside of the forget set, those first whose labels are nearest to one of it."""
    candidates = task.parts["test"]
    forgotten, labels = np.sort(task.data.train.labels[task.parts["forget"]]), task.data.test.labels[candidates]
    after = np.searchsorted(forgotten, labels)
    both = [forgotten[at.clip(0, len(forgotten) - 1)] for at in (after - 1, after)]
    distance = np.minimum(*(np.abs(labels - one) for one in both))
    nearest: Index = candidates[np.argsort(distance, kind="stable")]
    return nearest
