"""Marks and clauses about images that were to be kept from being learned: the unlearned model is that of an attacker who trained on them."""

from math import isnan

from ...api.goals import NEAR
from ...api.languages import tr
from ...api.marks import Mark, beside
from ...api.numbers import Numbers, Subject, share

WRONG, NEW = "unlearning_accuracy", "testing_accuracy"


def aim(numbers: Numbers, about: Subject) -> float:
    """How often an attacker should be wrong on the protected images when they are clean, in percent: as often as a model that never saw them."""
    never = numbers.value(WRONG, "reference")
    if not isnan(never):
        return never
    return 100.0 if about.by_class else 100 - numbers.value(NEW, "before")


def protected(numbers: Numbers, about: Subject) -> Mark:
    """Whether the attacker is as wrong on the clean images as a model that never saw them, or more."""
    before, after, goal = numbers.value(WRONG, "before"), numbers.value(WRONG, "after"), aim(numbers, about)
    if isnan(after):
        return Mark("unknown", tr("Not measured"))
    rule = tr(
        "Yes: the attacker is wrong on at least {aim} of them, less {near:g} points, as a model that never saw them. Partly: at least half of the way there.",
        near=NEAR,
        aim=share(goal),
    )
    beside_it = (
        tr("{after} wrong on the protected images, seen clean", after=share(after)),
        beside(before, numbers.value(WRONG, "reference")),
    )
    if isnan(goal):
        return Mark("unknown", tr("Cannot tell"), *beside_it, tr("There is no goal to compare it with."), WRONG)
    if after >= goal - NEAR:
        return Mark("yes", tr("Yes"), *beside_it, rule, WRONG)
    half = after - before >= (goal - before) / 2
    return Mark("partly" if half else "no", tr("Partly") if half else tr("Hardly"), *beside_it, rule, WRONG)


def unaffected(numbers: Numbers) -> Mark:
    """The second mark where images of every class were protected: what an attacker does not learn of new ones is no damage."""
    return Mark(
        "unknown",
        tr("Not asked"),
        tr("the attacker is right on {share} of new images", share=share(numbers.value(NEW, "after"))),
        beside(numbers.value(NEW, "before"), numbers.value(NEW, "reference")),
        tr(
            "Images of every class were protected, so there is no rest that should stay intact: the less of new images, the better."
        ),
        NEW,
    )


def clause(numbers: Numbers, about: Subject) -> str:
    """How wrong the attacker is on the clean images, beside the model before and one that never saw them."""
    before, after, never = (numbers.value(WRONG, when) for when in ("before", "after", "reference"))
    if isnan(after):
        return tr("Whether {what} were protected was not measured", what=about.what)
    lead = {
        "yes": tr(
            "An attacker who trained on {what}, protected, knows them no better than a model that never saw them",
            what=about.what,
        ),
        "partly": tr("An attacker who trained on {what}, protected, learned only a part of them", what=about.what),
    }.get(
        protected(numbers, about).sign,
        tr("An attacker who trained on {what}, protected, learned most of them all the same", what=about.what),
    )
    compared = tr("{before} by a model that learned from the clean ones", before=share(before))
    if not isnan(never):
        compared += tr(", {never} by one that never saw them", never=share(never))
    sentence = tr(
        "{lead}: {after} of them wrong, seen clean ({compared})", lead=lead, after=share(after), compared=compared
    )
    if about.by_class:
        return sentence
    new = tr(
        "of new images the attacker has {after} right ({before} before)",
        after=share(numbers.value(NEW, "after")),
        before=share(numbers.value(NEW, "before")),
    )
    return f"{sentence}; {new}"


def caveat() -> str:
    """What it does not prove."""
    return tr(
        "this is one attacker, who did nothing to the images: another one may learn more, and from a clean copy everything"
    )
