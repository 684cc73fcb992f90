"""Marks and clauses about a classifier that is to be corrected: what was done to its training images is to be undone."""

from math import isnan

from ...api.goals import NEAR
from ...api.languages import as_written, tr
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
        return Mark("unknown", tr("Not measured"))
    aim = goal(numbers)
    sentences = (
        tr("{after} right where it was led astray", after=share(after)),
        beside(before, numbers.value(AFFECTED, "reference")),
        tr(
            "Yes: within {near:g} points of {aim} right, the goal. Partly: at least half of the way there.",
            near=NEAR,
            aim=share(aim),
        ),
        AFFECTED,
    )
    if after >= aim - NEAR:
        return Mark("yes", tr("Yes"), *sentences)
    half = after - before >= (aim - before) / 2
    return Mark("partly" if half else "no", tr("Partly") if half else tr("Hardly"), *sentences)


def clause(numbers: Numbers, about: Subject) -> str:
    """How far the manipulation still shows, beside the model before and one that never saw it."""
    before, after, again = (numbers.value(AFFECTED, when) for when in ("before", "after", "reference"))
    if isnan(after):
        return tr("Whether it was corrected of {what} was not measured", what=as_written(about.corrects))
    extent = {
        "yes": tr("It is corrected of {what}", what=as_written(about.corrects)),
        "partly": tr("It is partly corrected of {what}", what=as_written(about.corrects)),
    }.get(forgotten(numbers).sign, tr("It is hardly corrected of {what}", what=as_written(about.corrects)))
    compared = tr("{before} before", before=share(before))
    if not isnan(again):
        compared += tr(", {again} in a model that never saw the manipulated images", again=share(again))
    sentence = tr(
        "{extent}: {after} right where it was led astray ({compared})",
        extent=extent,
        after=share(after),
        compared=compared,
    )
    works = numbers.value("attack_success_rate", "after")
    if isnan(works):
        return sentence
    trigger = tr(
        "the trigger works on {after} of new images ({before} before)",
        after=share(works),
        before=share(numbers.value("attack_success_rate", "before")),
    )
    return f"{sentence}; {trigger}"
