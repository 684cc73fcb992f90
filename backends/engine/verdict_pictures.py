"""One honest sentence about a finished job of a text-to-image model, computed from its metrics and from nothing else."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Any

from .evidence import When
from .verdict import CAVEAT, HIDDEN, HURT, signed

GONE, PARTLY = 95.0, 50.0  # percent of the pictures asked for it that no longer show it


def verdict(
    task: Any,
    value: Callable[[str, When], float],
    forget: Sequence[str],
    *,
    guard: bool = False,
    unchanged: bool = False,
) -> str:
    """Forgotten? What else got hurt? And what that does not prove.

    Args:
        task: with its targets.
        value: a metric's value by id and model, NaN where it was not measured.
        forget: the targets, as the person named them.
        guard: the method leaves the weights as they are.
        unchanged: not one tensor of the model moved.
    """
    what = ", ".join(concept.name for concept in task.asking.forget) if len(forget) < 4 else f"{len(forget)} concepts"
    if unchanged:
        return f"Nothing was forgotten of {what}: not one weight of the model moved."
    return "; ".join([_forgot(what, value), _rest(task, value), HIDDEN if guard else CAVEAT]) + "."


def _forgot(what: str, value: Callable[[str, When], float]) -> str:
    after, before = value("unlearning_accuracy", "after"), value("unlearning_accuracy", "before")
    if isnan(after):
        return f"Whether it forgot {what} was not measured, because there is no judge that knows it"
    word = "It forgot" if after >= GONE else "It partly forgot" if after - before >= PARTLY else "It hardly forgot"
    return f"{word} {what}: {after:.0f} % of the pictures asked for no longer show it ({before:.0f} % before)"


def _rest(task: Any, value: Callable[[str, When], float]) -> str:
    names = {"in_domain_retain_accuracy": "others of its kind", "cross_domain_retain_accuracy": task.other_kind}
    lost = {name: value(metric, "before") - value(metric, "after") for metric, name in names.items()}
    measured = {name: points for name, points in lost.items() if not isnan(points)}
    if not measured:
        return "what else got hurt was not measured"
    said = ", ".join(f"{signed(-points)} on {name}" for name, points in measured.items())
    lead = "the rest lost little" if max(measured.values()) < HURT else "the rest was hurt"
    return f"{lead} (points of pictures judged right: {said})"
