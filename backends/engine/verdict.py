"""One honest sentence about a finished job of a classifier, computed from what the models say and from nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .evidence import Evidence, When

NEAR = 2.0  # points within which two shares count as the same
HURT = 2.0  # points of accuracy that the rest may lose before it counts as hurt; twice that for one class
NAMED = 1.0  # points that make a class worth naming
CAVEAT = "this shows how the model answers now, not that the knowledge is erased"
HIDDEN = "its weights are unchanged, so this is hidden, not erased"


def verdict(
    task: Any,
    evidence: dict[When, Evidence],
    forget: Sequence[str],
    *,
    gap: float = float("nan"),
    guard: bool = False,
    found: bool = False,
    unchanged: bool = False,
    again: bool = False,
) -> str:
    """Forgotten? What else got hurt? How far from a model trained again? And what that does not prove.

    Args:
        task: with its parts.
        evidence: of the models before, after and, where there is one, the reference.
        forget: the targets, as the person named them.
        gap: mean distance to the reference in points, where measured.
        guard: the method leaves the weights as they are.
        found: the method chose the forget set itself.
        unchanged: not one tensor of the model moved.
        again: the method is training again itself.
    """
    what = f"the {_images(task)} that it found" if found else _what(task, forget)
    if unchanged:
        return f"Nothing was forgotten of {what}: not one weight of the model moved."
    parts = [_forgot(task, evidence, what), _rest(task, evidence)]
    if gap == gap:
        parts.append(f"on average {gap:.1f} points from a model trained again without them")
    elif "reference" not in evidence and not again:
        parts.append("there is no model trained again without them to compare with")
    return "; ".join([*parts, HIDDEN if guard else CAVEAT]) + "."


def _what(task: Any, forget: Sequence[str]) -> str:
    images = _images(task)
    if task.forgotten_classes:
        names = [task.names[number] for number in task.forgotten_classes]
        return f"{' and '.join(names) if len(names) < 4 else f'{len(names)} classes'} ({images})"
    said = ", ".join(forget)
    return f"the {images} ({said})" if len(said) <= 40 else f"the {images}"


def _images(task: Any) -> str:
    count = len(task.parts["forget"])
    return f"{count:,} training image" + ("" if count == 1 else "s")


def _wrong(evidence: Evidence, part: str) -> float:
    """Share of a part answered wrong, in percent; an answer that is no number is wrong."""
    logits = evidence.logits(part)
    right = (logits.argmax(1) == evidence.labels(part)) & np.isfinite(logits).all(1)
    return 100 * float(1 - right.mean()) if len(right) else float("nan")


def _forgot(task: Any, evidence: dict[When, Evidence], what: str) -> str:
    before, after = (_wrong(evidence[when], "forget") for when in ("before", "after"))
    if "reference" in evidence:
        aim, of = _wrong(evidence["reference"], "forget"), "after training again without them"
    elif task.forgotten_classes:
        aim, of = 100.0, ""
    else:
        aim, of = _wrong(evidence["before"], "test"), "on images it never saw"
    if abs(after - aim) <= NEAR:
        word = "It forgot"
    elif after > aim:
        word = "It gets more wrong than forgetting would explain of"
    elif after - before >= (aim - before) / 2:
        word = "It partly forgot"
    else:
        word = "It hardly forgot"
    compared = f", {aim:.1f} % {of}" if of and not task.forgotten_classes else ""
    return f"{word} {what}: {after:.1f} % wrong now ({before:.1f} % before{compared})"


def _rest(task: Any, evidence: dict[When, Evidence]) -> str:
    lost = {
        name: _wrong(evidence["after"], part) - _wrong(evidence["before"], part)
        for name, part in (("kept images", "retain"), ("new ones", "test"))
        if len(task.parts[part])
    }
    if not lost:
        return "there is nothing else to look at"
    worst, fall = _worst_class(task, evidence)
    said = ", ".join(f"{signed(-points)} on {name}" for name, points in lost.items())
    named = f", {signed(-fall)} on {worst}" if fall >= NAMED else ""
    lead = "the rest lost little" if max(*lost.values(), fall / 2) < HURT else "the rest was hurt"
    return f"{lead} (points of accuracy: {said}{named})"


def signed(points: float) -> str:
    """+1.2 or -1.2, and 0.0 without a sign."""
    return f"{points:+.1f}" if abs(points) >= 0.05 else "0.0"


def _worst_class(task: Any, evidence: dict[When, Evidence]) -> tuple[str, float]:
    """The remaining class whose test images lost most accuracy, and how many points."""
    labels = evidence["after"].labels("test")
    right = {when: (evidence[when].logits("test").argmax(1) == labels).astype(float) for when in ("before", "after")}  # type: dict[When, np.ndarray]
    falls = {
        int(number): 100 * float((right["before"] - right["after"])[labels == number].mean())
        for number in np.unique(labels)
    }
    if not falls:
        return "", 0.0
    worst = max(falls, key=lambda number: falls[number])
    return task.names[worst], falls[worst]
