"""The three marks of a finished run (forgotten, rest intact, really gone): each an answer, one number with its reference, and the rule."""

from dataclasses import dataclass
from math import isnan
from typing import Final, Literal

from .goals import FAR, HURT, goal
from .languages import later, tr
from .numbers import Numbers, Subject, share, signed

Sign = Literal["yes", "partly", "no", "unknown"]
QUESTIONS: Final = (
    later("Forgotten?"),
    later("Rest intact?"),
    later("Really gone?"),
)  # the first where a stage asks no other


@dataclass(frozen=True)
class Mark:
    """One of the marks.

    Attributes:
        sign: the answer.
        word: the same in a word: "Yes", "Nearly", "Not measured".
        number: the number behind it, in words; empty where there is none.
        beside: what it is compared with.
        rule: when the answer is which.
        metric: whose number it is.
    """

    sign: Sign
    word: str
    number: str = ""
    beside: str = ""
    rule: str = ""
    metric: str = ""


UNMEASURED: Final = Mark("unknown", later("Not measured"))
UNTESTED: Final = Mark("unknown", later("Not tested yet"), rule=later("No attack has tried to bring it back."))
UNCHANGED: Final = Mark("no", later("No"), later("not one weight of the model moved"))


def beside(before: float, reference: float) -> str:
    """What a percentage is compared with, as far as that was measured."""
    parts = [] if isnan(before) else [tr("{before} before", before=share(before))]
    return ", ".join(parts + ([] if isnan(reference) else [tr("{reference} retrained", reference=share(reference))]))


def forgotten(numbers: Numbers) -> Mark:
    """The first mark by the first metric of forgetting that was measured, for a family that has no rule of its own."""
    for name, one in numbers.metrics.items():
        entry = numbers.entries.get(name)
        if entry is None or entry.measures != "forgetting" or isnan(one.after):
            continue
        aim = goal(one, entry)
        sign: Sign = "unknown" if aim is None else "no" if aim.far else "yes"
        words = {"unknown": tr("Cannot tell"), "no": tr("Not as retrained"), "yes": tr("Yes")}
        number = f"{numbers.title(name)} {numbers.written(name, 'after')}"
        were = [] if isnan(one.before) else [tr("{name} before", name=numbers.written(name, "before"))]
        if not isnan(numbers.value(name, "reference")):
            were.append(tr("{name} retrained", name=numbers.written(name, "reference")))
        rule = tr("Yes: no more than {far:g} points from the retrained reference.", far=FAR)
        return Mark(sign, words[sign], number, ", ".join(were), rule, name)
    return UNMEASURED


def intact(lost: dict[str, float], number: str, was: str, metric: str, *, single: str = "") -> Mark:
    """The second mark from the points of percent that each kept part lost; NaN was not measured. `number` and `was` are of `metric`;
    `single`, a part that is one class alone, may lose twice as much."""
    points = {words: value for words, value in lost.items() if not isnan(value)}
    if not points:
        return UNMEASURED
    weighed = {words: value / 2 if words == single else value for words, value in points.items()}
    worst = max(weighed, key=lambda words: weighed[words])
    twice = tr(", and no single class twice that") if single else ""
    rule = tr("Yes: no part lost {hurt:g} points{twice}. Nearly: none lost {far:g}. ", hurt=HURT, twice=twice, far=FAR)
    rule += (
        tr("Most was lost by {worst}: {points} points.", worst=worst, points=signed(-points[worst]))
        if points[worst] > 0
        else tr("No part lost any.")
    )
    if weighed[worst] >= FAR:
        return Mark("no", tr("Damaged"), number, was, rule, metric)
    if weighed[worst] >= HURT:
        return Mark("partly", tr("Nearly"), number, was, rule, metric)
    return Mark("yes", tr("Yes"), number, was, rule, metric)


def kept(numbers: Numbers) -> Mark:
    """The second mark by the metrics of keeping, for a family that names none of its own."""
    lost, first = {}, ""
    for name, one in numbers.metrics.items():
        entry = numbers.entries.get(name)
        if entry is not None and entry.measures == "keeping" and one.unit == "%" and not isnan(one.after - one.before):
            lost[numbers.title(name)] = one.before - one.after if entry.better == "higher" else one.after - one.before
            first = first or name
    if not first:
        return UNMEASURED
    number = f"{numbers.title(first)} {numbers.written(first, 'after')}"
    return intact(lost, number, tr("{first} before", first=numbers.written(first, "before")), first)


def gone(about: Subject) -> Mark:
    """The third mark, as far as it is known without an attack."""
    if about.guard:
        return Mark(
            "no",
            tr("Hidden"),
            tr("its weights are unchanged"),
            rule=tr("A guard stands in front of the original weights."),
        )
    return UNTESTED
