"""Marks and clauses about a network that learned beside a guide: it is compared with the same one without, and nothing was to be forgotten."""

from math import isnan
from typing import Final

from ...api.goals import NEAR
from ...api.languages import tr
from ...api.marks import Mark
from ...api.numbers import Numbers, Subject, share, signed

CONTROL: Final = "test_unguided"  # the part of test images that the same network without a guide gives their class
GAIN, GAP, NEW = "guidance_gain", "generalization_gap", "testing_accuracy"


def marks(numbers: Numbers) -> tuple[Mark, Mark, Mark]:
    """Whether the guide helped; whether less was learned by heart; and that nothing was to be forgotten."""
    return (
        _helped(numbers),
        _by_heart(numbers),
        Mark("unknown", tr("Not asked"), rule=tr("Nothing was to be forgotten.")),
    )


def _helped(numbers: Numbers) -> Mark:
    gain, alone = numbers.value(GAIN, "after"), numbers.part(GAIN, "after", "unguided")
    if isnan(gain):
        return Mark("unknown", tr("Not measured"))
    rule = tr(
        "Yes: at least {near:g} points more of the test images right than the same network from the same weights without a guide. Partly: more by less than that, which another seed can turn.",
        near=NEAR,
    )
    number = tr("{share} right on new images", share=share(numbers.value(NEW, "after")))
    beside = tr("{alone} without a guide", alone=share(alone))
    return _told(gain, number, beside, rule, GAIN)


def _by_heart(numbers: Numbers) -> Mark:
    gap, alone = numbers.value(GAP, "after"), numbers.part(GAP, "after", "unguided")
    if isnan(gap):
        return Mark("unknown", tr("Not measured"))
    number = tr("train-test gap {gap} points", gap=f"{gap:.1f}")
    rule = tr(
        "Yes: the gap between training and testing accuracy is at least {near:g} points smaller than that of the same network from the same weights without a guide. Partly: smaller by less than that, which another seed can turn.",
        near=NEAR,
    )
    beside = tr("{gap} without a guide", gap=f"{alone:.1f}")
    if isnan(alone):
        return Mark("unknown", tr("Cannot tell"), number, rule=rule, metric=GAP)
    return _told(alone - gap, number, beside, rule, GAP)


def _told(better: float, number: str, beside: str, rule: str, metric: str) -> Mark:
    """The answer by how many points better it is than without a guide."""
    if better >= NEAR:
        return Mark("yes", tr("Yes"), number, beside, rule, metric)
    return Mark(
        "partly" if better > 0 else "no", tr("A little") if better > 0 else tr("No"), number, beside, rule, metric
    )


def clause(numbers: Numbers, about: Subject) -> str:
    """What the guide brought, and what became of the gap."""
    gain, alone = numbers.value(GAIN, "after"), numbers.part(GAIN, "after", "unguided")
    if isnan(gain):
        return tr("Whether the guide helped was not measured")
    after = numbers.value(NEW, "after")
    sentence = tr(
        "Beside its guide it learned to give {after} of the test images their class, {alone} without one ({gain} points)",
        after=share(after),
        alone=share(alone),
        gain=signed(gain),
    )
    gap, gap_alone = numbers.value(GAP, "after"), numbers.part(GAP, "after", "unguided")
    if isnan(gap):
        return sentence
    return sentence + tr(
        "; the gap to what it learned from is {gap} points, {alone} without one",
        gap=f"{gap:.1f}",
        alone=f"{gap_alone:.1f}",
    )


def caveat() -> str:
    """What it does not prove."""
    return tr("this is one seed, and a guide that knows images which are left out passes on what it knows of them")
