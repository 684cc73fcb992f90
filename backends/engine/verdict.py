"""What a finished job's verdict is about, and the sentence itself; how it is made stands in `backends.api.verdict`."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..api import families, verdict
from ..api.verdict import Subject
from ..core.registry import entries
from .measure import Measurement, measure


def subject(task: Any, targets: Sequence[str], method: Any, *, moved: bool) -> Subject:
    """What was done.

    Args:
        task: with its targets and parts.
        targets: what is to be forgotten, as the person named it.
        method: the catalog's entry.
        moved: whether any tensor of the model did.
    """
    return Subject(
        family=task.family,
        guard=method.guard,
        again=method.reference,
        unchanged=not moved,
        **families.get(task.family).about(task, targets, method),
    )


def sentence(task: Any, measurement: Measurement, about: Subject) -> str:
    """The verdict on what was measured; numbers it needs that nobody asked for are measured besides."""
    metrics = dict(measurement.metrics)
    missing = [name for name in families.get(task.family).measured if name not in metrics]
    if missing:
        metrics |= measure(task, {when: one.outputs for when, one in measurement.evidence.items()}, missing).metrics
    return verdict.sentence(metrics, catalog_entries(), about)


def catalog_entries() -> Mapping[str, Any]:
    """What the catalog says of each metric."""
    return {name: registered.entry for name, registered in entries("metrics").items()}
