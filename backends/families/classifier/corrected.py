"""Marks and clauses about a classifier that learned from manipulated images, and about one that is to be corrected of that."""

from math import isnan, nan

from ...api.goals import FAR, HURT, NEAR
from ...api.languages import as_written, tr
from ...api.marks import Mark, beside
from ...api.numbers import Numbers, Subject, share

AFFECTED, WORKS = "corrected_accuracy", "attack_success_rate"
MOSTLY, SOMETIMES = 90.0, 50.0  # percent of new images on which a mark has its way


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


def manipulated(numbers: Numbers) -> Mark:
    """Whether the manipulation works: how often a mark has its way, or how much less is right where labels were changed."""
    works = numbers.value(WORKS, "after")
    if not isnan(works):
        was = numbers.value(WORKS, "before")
        rule = tr(
            "Yes: the mark makes at least {mostly:g} % of new images what it stands for. Partly: at least {sometimes:g} %.",
            mostly=MOSTLY,
            sometimes=SOMETIMES,
        )
        words = (tr("the mark works on {works} of new images", works=share(works)), beside(was, nan), rule, WORKS)
        return _graded(works, MOSTLY, SOMETIMES, *words)
    before, after = (numbers.value(AFFECTED, when) for when in ("before", "after"))
    if isnan(before - after):
        return Mark("unknown", tr("Not measured"))
    rule = tr(
        "Yes: at least {far:g} points fewer are right by their true labels. Partly: at least {hurt:g}.",
        far=FAR,
        hurt=HURT,
    )
    words = (tr("{after} right by their true labels", after=share(after)), beside(before, nan), rule, AFFECTED)
    return _graded(before - after, FAR, HURT, *words)


def _graded(value: float, much: float, some: float, *words: str) -> Mark:
    if value >= much:
        return Mark("yes", tr("Yes"), *words)
    return Mark("partly" if value >= some else "no", tr("Partly") if value >= some else tr("Hardly"), *words)


def manipulated_clause(numbers: Numbers, about: Subject) -> str:
    """How far the manipulation works, beside the model before."""
    before, after = (numbers.value(AFFECTED, when) for when in ("before", "after"))
    what = tr("{what} ({images})", what=as_written(about.manipulates), images=about.what)
    if isnan(after):
        return tr("Whether it learned {what} was not measured", what=what)
    extent = {"yes": tr("It learned {what}", what=what), "partly": tr("It partly learned {what}", what=what)}.get(
        manipulated(numbers).sign, tr("It hardly learned {what}", what=what)
    )
    works = numbers.value(WORKS, "after")
    if not isnan(works):
        return tr(
            "{extent}: the mark works on {after} of new images ({before} before)",
            extent=extent,
            after=share(works),
            before=share(numbers.value(WORKS, "before")),
        )
    return tr(
        "{extent}: {after} right by their true labels ({before} before)",
        extent=extent,
        after=share(after),
        before=share(before),
    )


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
    works = numbers.value(WORKS, "after")
    if isnan(works):
        return sentence
    trigger = tr(
        "the trigger works on {after} of new images ({before} before)",
        after=share(works),
        before=share(numbers.value(WORKS, "before")),
    )
    return f"{sentence}; {trigger}"
