"""Marks and clauses about a classifier that is to be corrected: what was done to its training images is to be undone."""

from math import isnan

from ...api.goals import NEAR
from ...api.marks import Mark, beside
from ...api.numbers import Numbers, Subject, share

AFFECTED = "corrected_accuracy"


def goal(numbers: Numbers) -> float:
    """The corrected accuracy of a model that never saw the manipulated images, else the testing accuracy before, in percent."""
    again = numbers.value(AFFECTED, "reference")
    return numbers.value("testing_accuracy", "before") if isnan(again) else again


def forgotten(numbers: Numbers) -> Mark:
    """Whether it is right again, by the true labels, where the manipulation had led it astray."""
    before, after = (numbers.value(AFFECTED, when) for when in ("before", "after"))
    if isnan(after):
        return Mark("unknown", "Not measured")
    aim = goal(numbers)
    rule = f"Yes: within {NEAR:g} points of {share(aim)} right, the goal. Partly: at least half of the way there."
    sentence = (
        f"{share(after)} right where it was led astray",
        beside(before, numbers.value(AFFECTED, "reference")),
        rule,
        AFFECTED,
    )
    if after >= aim - NEAR:
        return Mark("yes", "Yes", *sentence)
    half = after - before >= (aim - before) / 2
    return Mark("partly" if half else "no", "Partly" if half else "Hardly", *sentence)


def clause(numbers: Numbers, about: Subject) -> str:
    """How far the manipulation still shows, beside the model before and one that never saw it."""
    before, after, again = (numbers.value(AFFECTED, when) for when in ("before", "after", "reference"))
    if isnan(after):
        return f"Whether {about.corrects} still show was not measured"
    word = {"yes": "It is corrected", "partly": "It is partly corrected"}.get(
        forgotten(numbers).sign, "It is hardly corrected"
    )
    never = "" if isnan(again) else f", {share(again)} in a model that never saw the manipulated images"
    sentence = (
        f"{word}, told {about.what}: {share(after)} right where it was led astray ({share(before)} before{never})"
    )
    works = numbers.value("attack_success_rate", "after")
    if isnan(works):
        return sentence
    return f"{sentence}; the trigger works on {share(works)} of new images ({share(numbers.value('attack_success_rate', 'before'))} before)"
