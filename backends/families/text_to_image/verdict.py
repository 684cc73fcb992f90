"""One honest sentence about a finished job of a text-to-image model, computed from its metrics and from nothing else."""

from collections.abc import Sequence
from math import isnan

from ...api.goals import GONE, HURT, PARTLY
from ...api.languages import tr
from ...api.marks import Mark, beside, intact
from ...api.numbers import CAVEAT, HIDDEN, Finding, Numbers, Subject, share, signed

MEASURED = ("unlearning_accuracy", "in_domain_retain_accuracy", "cross_domain_retain_accuracy")


def verdict(numbers: Numbers, about: Subject, findings: Sequence[Finding] = ()) -> str:
    """Forgotten? What else got hurt? And what that does not prove."""
    more = [one.clause for one in findings]
    if about.unchanged:
        return (
            "; ".join(
                [tr("Nothing was forgotten of {what}: not one weight of the model moved", what=about.what), *more]
            )
            + "."
        )
    last = tr(HIDDEN if about.guard else CAVEAT)
    return "; ".join([_forget_clause(numbers, about), _retain_clause(numbers, about), last, *more]) + "."


def forgotten(numbers: Numbers, about: Subject) -> Mark:
    """Whether the pictures asked for no longer show it."""
    before, after, again = (
        100 - numbers.value("unlearning_accuracy", when) for when in ("before", "after", "reference")
    )
    if isnan(after):
        return Mark("unknown", tr("Not measured"), rule=tr("There is no judge that knows it."))
    rule = tr(
        "Yes: at most {gone:g} % of the pictures still show it. Partly: {partly:g} points fewer than before.",
        gone=100 - GONE,
        partly=PARTLY,
    )
    told = (
        tr("{after} of its pictures still show it", after=share(after)),
        beside(before, again),
        rule,
        "unlearning_accuracy",
    )
    if after <= 100 - GONE:
        return Mark("yes", tr("Yes"), *told)
    return Mark("partly", tr("Partly"), *told) if before - after >= PARTLY else Mark("no", tr("Hardly"), *told)


def retained(numbers: Numbers, about: Subject) -> Mark:
    """Whether the rest is still drawn right; the number is of the part that lost most."""
    names = {"in_domain_retain_accuracy": tr("others of its kind"), "cross_domain_retain_accuracy": about.other_kind}
    lost = {name: numbers.value(name, "before") - numbers.value(name, "after") for name in names}
    name = max(names, key=lambda one: -1e9 if isnan(lost[one]) else lost[one])
    number = tr("{name} of {names} drawn right", name=share(numbers.value(name, "after")), names=names[name])
    was = beside(numbers.value(name, "before"), numbers.value(name, "reference"))
    return intact({names[one]: points for one, points in lost.items()}, number, was, name)


def _forget_clause(numbers: Numbers, about: Subject) -> str:
    after, before = (numbers.value("unlearning_accuracy", when) for when in ("after", "before"))
    if isnan(after):
        return tr("Whether it forgot {what} was not measured, because there is no judge that knows it", what=about.what)
    word = (
        tr("It forgot")
        if after >= GONE
        else tr("It partly forgot")
        if after - before >= PARTLY
        else tr("It hardly forgot")
    )
    return tr(
        "{word} {what}: {after} of the pictures asked for no longer show it ({before} before)",
        word=word,
        what=about.what,
        after=share(after),
        before=share(before),
    )


def _retain_clause(numbers: Numbers, about: Subject) -> str:
    names = {
        "in_domain_retain_accuracy": tr("others of its kind"),
        "cross_domain_retain_accuracy": about.other_kind,
    }
    lost = {words: numbers.value(name, "before") - numbers.value(name, "after") for name, words in names.items()}
    measured = {words: points for words, points in lost.items() if not isnan(points)}
    if not measured:
        return tr("what else got hurt was not measured")
    listed = ", ".join(
        tr("{points} on {words}", points=signed(-points), words=words) for words, points in measured.items()
    )
    lead = tr("the rest lost little") if max(measured.values()) < HURT else tr("the rest was hurt")
    return tr("{lead} (points of pictures judged right: {listed})", lead=lead, listed=listed)
