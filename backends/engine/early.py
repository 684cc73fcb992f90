"""What the unlearned model says, in two parts where that takes long: with the first come the first marks, while the rest is asked."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from ..api import families
from ..api.goals import FAR, HURT
from ..api.marks import Mark
from ..api.numbers import Numbers, Subject
from ..core.evidence import When
from ..core.task import Tell
from . import outputs
from .measure import Measurement, measure
from .outputs import Outputs
from .verdict import catalog_entries

LEVEL = 0.95  # of the intervals


def computed(
    task: Any,
    model: nn.Module,
    known: Mapping[When, Outputs],
    about: Subject,
    tell: Tell,
    show: Callable[[list[Mark], int], None],
) -> Outputs:
    """The outputs of the unlearned model, kept for the next time.

    Args:
        task: the job's.
        model: the unlearned model.
        known: what the other models say; first marks need the original.
        about: the job, as a verdict sees it.
        tell: called with (done, of).
        show: called once with the first marks and how many items they are of, where the task has a first part.
    """
    index = task.first_part() if hasattr(task, "first_part") and "before" in known else None
    if index is None:
        return outputs.computed(task, model, tell)
    total = len(task.suite())
    rest = np.setdiff1d(np.arange(total), index)
    first = task.only(index)
    said = first.outputs(model, lambda done, of: tell(done * len(index), of * total))
    seen: dict[When, Outputs] = {
        when: {name: array[index] for name, array in one.items()} for when, one in known.items()
    }
    measurement = measure(first, seen | {"after": said}, families.get(task.family).measured)
    show(marks(measurement, about), len(index))
    others = task.only(rest).outputs(model, lambda done, of: tell(len(index) * of + done * len(rest), of * total))
    order = np.argsort(np.concatenate([index, rest]))
    whole = {name: np.concatenate([said[name], others[name]])[order] for name in said}
    outputs.keep(task, model, whole)
    return whole


def marks(measurement: Measurement, about: Subject) -> list[Mark]:
    """The marks of a part of the suite: what was kept, of which only some was looked at, with its interval.

    Where the two ends of the interval would be answered differently, it is open so far.
    """
    family, numbers = families.get(about.family), Numbers(measurement.metrics, catalog_entries())
    forgotten, kept, gone = family.marks(numbers, about)
    items = measurement.arrays.get(f"{kept.metric}/after")
    if items is None:
        return [forgotten, kept, gone]
    ends = [100 * share for share in interval(int(items.sum()), len(items))]
    beside = f"{kept.beside}; 95 % interval {ends[0]:.0f} to {ends[1]:.0f} %".removeprefix("; ")
    answers = {_answer(numbers.value(kept.metric, "before") - end) for end in ends}
    kept = replace(kept, beside=beside)
    return [forgotten, replace(kept, sign="unknown", word="So far") if len(answers) > 1 else kept, gone]


def _answer(lost: float) -> str:
    return "no" if lost >= FAR else "partly" if lost >= HURT else "yes"


def interval(right: int, of: int) -> tuple[float, float]:
    """Wilson's interval of a share, from 0 to 1."""
    from scipy.stats import binomtest

    found = binomtest(right, of).proportion_ci(LEVEL, "wilson")
    return float(found.low), float(found.high)
