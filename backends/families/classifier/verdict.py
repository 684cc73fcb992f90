"""One honest sentence about a finished job of a classifier, computed from its metrics and from nothing else."""

from collections.abc import Sequence
from math import isnan

from ...api.goals import HURT, NAMED, NEAR
from ...api.languages import later, plural, tr
from ...api.marks import Mark, beside, intact
from ...api.numbers import CAVEAT, HIDDEN, MOST, Finding, Numbers, Subject, share, signed
from . import corrected, guided, protected

MEASURED = ("unlearning_accuracy", "remaining_accuracy", "testing_accuracy", "class_accuracy")


def verdict(numbers: Numbers, about: Subject, findings: Sequence[Finding] = ()) -> str:
    """Forgotten? What else got hurt? How far from the retrained reference? And what that does not prove."""
    more = [one.clause for one in findings]
    if about.unchanged:
        return (
            "; ".join(
                [tr("Nothing was forgotten of {what}: not one weight of the model moved", what=about.what), *more]
            )
            + "."
        )
    if about.guides:
        return "; ".join([guided.clause(numbers, about), guided.caveat(), *more]) + "."
    if about.manipulates:
        return "; ".join([corrected.manipulated_clause(numbers, about), _retain_clause(numbers, about), *more]) + "."
    if about.protects:
        more_parts = [_retain_clause(numbers, about), _reference_clause(numbers, about)] if about.by_class else []
        parts, last = [protected.clause(numbers, about), *more_parts], protected.caveat()
    else:
        told = corrected.clause(numbers, about) if about.corrects else _forget_clause(numbers, about)
        parts = [told, _retain_clause(numbers, about), _reference_clause(numbers, about)]
        last = tr(HIDDEN if about.guard else CAVEAT)
    return "; ".join([*(part for part in parts if part), last, *more]) + "."


def _aim(numbers: Numbers, about: Subject) -> tuple[float, str]:
    """How often it should be wrong on the forget set, in percent, and of what that is taken."""
    again = numbers.value("unlearning_accuracy", "reference")
    if not isnan(again):
        return again, tr("after training again without them")
    if about.by_class:
        return 100.0, ""
    return 100 - numbers.value("testing_accuracy", "before"), tr("on images it never saw")


def forgotten(numbers: Numbers, about: Subject) -> Mark:
    """Whether it is as wrong on the forget set as it should be; of what is to be corrected, whether it is right again."""
    if about.manipulates:
        return corrected.manipulated(numbers)
    if about.corrects:
        return corrected.forgotten(numbers)
    if about.protects:
        return protected.protected(numbers, about)
    before, after = (numbers.value("unlearning_accuracy", when) for when in ("before", "after"))
    aim, _ = _aim(numbers, about)
    if isnan(after):
        return Mark("unknown", tr("Not measured"))
    rule = tr(
        "Yes: within {near:g} points of {aim} wrong, the goal. Partly: at least half of the way there.",
        near=NEAR,
        aim=share(aim),
    )
    told = (
        tr("{after} wrong on the forget set", after=share(after)),
        beside(before, numbers.value("unlearning_accuracy", "reference")),
    )
    if isnan(aim):
        return Mark(
            "unknown", tr("Cannot tell"), *told, tr("There is no goal to compare it with."), "unlearning_accuracy"
        )
    if abs(after - aim) <= NEAR:
        return Mark("yes", tr("Yes"), *told, rule, "unlearning_accuracy")
    if after > aim:
        return Mark(
            "partly",
            tr("Too much"),
            *told,
            tr("{rule} It is wrong more often than forgetting explains.", rule=rule),
            "unlearning_accuracy",
        )
    half = after - before >= (aim - before) / 2
    return Mark("partly" if half else "no", tr("Partly") if half else tr("Hardly"), *told, rule, "unlearning_accuracy")


def retained(numbers: Numbers, about: Subject) -> Mark:
    """Whether kept images, new ones and every other class are still recognised."""
    if about.protects and not about.by_class:
        return protected.unaffected(numbers)
    worst, fall = _worst_class(numbers, about)
    names = {
        tr("the retain set"): "remaining_accuracy",
        tr("new images"): "testing_accuracy",
        tr("the neighbours"): "neighbour_accuracy",
    }
    if about.corrects or about.manipulates:
        del names[
            tr("the retain set")
        ]  # what was not found of the manipulated images is in it, and is to be unlearned too
    lost = {words: numbers.value(name, "before") - numbers.value(name, "after") for words, name in names.items()}
    if worst:
        lost[worst] = fall
    name = "testing_accuracy" if not isnan(numbers.value("testing_accuracy", "after")) else "remaining_accuracy"
    number = tr(
        later("{share} right on new images")
        if name == "testing_accuracy"
        else later("{share} right on the retain set"),
        share=share(numbers.value(name, "after")),
    )
    return intact(
        lost, number, beside(numbers.value(name, "before"), numbers.value(name, "reference")), name, single=worst
    )


def _forget_clause(numbers: Numbers, about: Subject) -> str:
    before, after = (numbers.value("unlearning_accuracy", when) for when in ("before", "after"))
    if isnan(after):
        return tr("Whether it forgot {what} was not measured", what=about.what)
    aim, of = _aim(numbers, about)
    if isnan(aim):
        word = tr("How far it forgot cannot be said of")
    elif abs(after - aim) <= NEAR:
        word = tr("It forgot")
    elif after > aim:
        word = tr("It gets more wrong than forgetting would explain of")
    elif after - before >= (aim - before) / 2:
        word = tr("It partly forgot")
    else:
        word = tr("It hardly forgot")
    compared = f", {share(aim)} {of}" if of and not about.by_class and not isnan(aim) else ""
    return tr(
        "{word} {what}: {after} of them wrong now ({before} before{compared})",
        word=word,
        what=about.what,
        after=share(after),
        before=share(before),
        compared=compared,
    )


def _retain_clause(numbers: Numbers, about: Subject) -> str:
    names = {"remaining_accuracy": tr("kept images"), "testing_accuracy": tr("new ones")}
    if about.corrects or about.manipulates:
        del names["remaining_accuracy"]  # see `retained`
    lost = {words: numbers.value(name, "before") - numbers.value(name, "after") for name, words in names.items()}
    measured = {words: points for words, points in lost.items() if not isnan(points)}
    if not measured:
        return tr("what else got hurt was not measured")
    worst, fall = _worst_class(numbers, about)
    listed = ", ".join(
        tr("{points} on {words}", points=signed(-points), words=words) for words, points in measured.items()
    )
    worst_clause = tr(", {fall} on {worst}", fall=signed(-fall), worst=worst) if fall >= NAMED else ""
    lead = tr("the rest lost little") if max(*measured.values(), fall / 2) < HURT else tr("the rest was hurt")
    return tr(
        "{lead} (points of accuracy: {listed}{worst_clause})", lead=lead, listed=listed, worst_clause=worst_clause
    )


def _worst_class(numbers: Numbers, about: Subject) -> tuple[str, float]:
    """The remaining class whose test images lost most accuracy, and how many points."""
    one = numbers.metrics.get("class_accuracy")
    before, after = (one.parts.get(when, {}) for when in ("before", "after")) if one else ({}, {})
    falls = {name: before[name] - after[name] for name in after if name in before and name not in about.by_class}
    measured_falls = {name: fall for name, fall in falls.items() if not isnan(fall)}
    worst = max(measured_falls, key=lambda name: measured_falls[name], default="")
    return worst, measured_falls.get(worst, 0.0)


def _reference_clause(numbers: Numbers, about: Subject) -> str:
    """The mean distance to the retrained reference, and every number that is far from it although the mean may be small."""
    gap, other = numbers.value("average_gap", "after"), numbers.far("average_gap")
    if isnan(numbers.value("unlearning_accuracy", "reference")):
        return "" if about.again else tr("there is no retrained reference to compare with")
    far = ""
    if other:
        more = tr(" and {other_count} more", other_count=len(other) - MOST) if len(other) > MOST else ""
        far = f"{numbers.beside(other)}{more}"
    if isnan(gap):
        return tr("far from the retrained reference: {far}", far=far) if far else ""
    mean = tr("on average of UA, RA, TA and MIA {gap:.1f} points from the retrained reference", gap=gap)
    return tr("{mean}, but far from it in {far}", mean=mean, far=far) if far else mean


def of_images(
    count: int,
    targets: Sequence[str],
    by_class: Sequence[str],
    *,
    chosen_by_method: bool = False,
    manipulated: int = 0,
) -> str:
    """What a classifier is to forget, in words.

    Args:
        count: training images.
        targets: as the person named them.
        by_class: whole classes, by name; empty where single images are forgotten.
        chosen_by_method: the method chose the forget set itself.
        manipulated: training images that were manipulated, where some or all of these are to be forgotten.
    """
    if manipulated:
        return tr("{count:,} of the {manipulated:,} manipulated training images", count=count, manipulated=manipulated)
    images = plural("{count:,} training image", "{count:,} training images", count)
    if chosen_by_method:
        return tr("the {images} that it found", images=images)
    if by_class:
        names = tr(" and ").join(by_class) if len(by_class) < 4 else tr("{count} classes", count=len(by_class))
        return f"{names} ({images})"
    listed = ", ".join(targets)
    return (
        tr("the {images} ({listed})", images=images, listed=listed)
        if len(listed) <= 40
        else tr("the {images}", images=images)
    )
