"""Whether a job's forget loss moved: a job that ran through without its loss going anywhere has not begun to forget."""

from collections.abc import Iterable
from statistics import median
from typing import Any

FORGET = ("forget", "forget_loss")  # what methods log the loss on the forget set as
HARDLY = 0.05  # of where it began; a loss that moved less has not begun to move
LAST = 3  # events whose median is where it ended, since one batch differs from the next


def ends(events: Iterable[dict[str, Any]]) -> tuple[float, float] | None:
    """Where the loss on the forget set began and where it ended; None where the method logs none, or too little of it."""
    values: dict[str, list[float]] = {}
    for event in events:
        for name, value in (event.get("values") or {}).items():
            if name in FORGET:
                values.setdefault(name, []).append(float(value))
    course = max(values.values(), key=len, default=[])
    return (course[0], median(course[-LAST:])) if len(course) > LAST else None


def notes(events: Iterable[dict[str, Any]]) -> list[str]:
    """One sentence where the forget loss hardly moved; none where it moved, or was not logged."""
    course = ends(events)
    if course is None or abs(course[1] - course[0]) > HARDLY * abs(course[0]):
        return []
    return [
        f"The forget loss hardly moved (from {course[0]:.3g} to {course[1]:.3g}), so the method has barely begun: "
        "try more epochs or a larger step size."
    ]
