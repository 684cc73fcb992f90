"""One honest sentence about a finished job of a regressor, computed from its metrics and from nothing else.

Errors are compared in percent of the range of the labels and told in the label's own unit.
"""

from collections.abc import Sequence
from math import isnan, nan
from typing import Final

from ...api.languages import comma, later, plural, tr
from ...api.marks import UNMEASURED, Mark
from ...api.numbers import CAVEAT, MOST, Finding, Numbers, Subject, signed

MEASURED: Final = ("mae_forget", "mae_retain", "mae_test")
FORGET, RETAIN, TEST, PREDICTIONS = *MEASURED, "wasserstein"
NEAR: Final = (
    3.5  # points of percent of the range: forget errors of models retrained with other seeds differ by as much
)
GREW: Final = 0.5  # of the original's error: where one grew by as much, the rest was hurt
DOUBLED: Final = 1.0  # the same: where one grew by as much, it is damaged
ALIKE: Final = 4.0  # the same of the distance (W1) between what two of them predict there, up to 3.2


def verdict(numbers: Numbers, about: Subject, findings: Sequence[Finding] = ()) -> str:
    """Forgotten, as far as a model trained again tells? What else got hurt? And what that does not prove."""
    more = [one.clause for one in findings]
    if about.unchanged:
        return (
            "; ".join(
                [tr("Nothing was forgotten of {what}: not one weight of the model moved", what=about.what), *more]
            )
            + "."
        )
    parts = [
        _forget_clause(numbers, about),
        _retain_clause(numbers),
        _reference_clause(numbers, about),
        tr(CAVEAT),
        *more,
    ]
    return "; ".join(part for part in parts if part) + "."


def in_unit(numbers: Numbers, metric: str, when: str) -> str:
    """An error in the label's own unit: 21.3°; without one, in percent of the range."""
    one = numbers.metrics.get(metric)
    parts = one.parts.get(when, {}) if one else {}
    if not parts or isnan(numbers.value(metric, when)):
        return (
            tr("not measured")
            if isnan(numbers.value(metric, when))
            else tr("{error:.1f} % of the range", error=numbers.value(metric, when))
        )
    unit, error = next(iter(parts.items()))
    return comma(f"{error:.3g}") + unit


def _aim(numbers: Numbers) -> tuple[float, str]:
    """What the forget error should be, in percent of the range, and what it is of; NaN where nothing tells."""
    again = numbers.value(FORGET, "reference")
    return (
        (again, tr("{reference} retrained", reference=in_unit(numbers, FORGET, "reference")))
        if not isnan(again)
        else (nan, "")
    )


def standing(numbers: Numbers) -> str:
    """How the forget error stands to its goal: "as retrained", "more", "partly", "hardly", or nothing where that cannot be said."""
    before, after = (numbers.value(FORGET, when) for when in ("before", "after"))
    aim, _ = _aim(numbers)
    if isnan(after) or isnan(aim):
        return ""
    if abs(after - aim) <= NEAR:
        return "as retrained"
    if after > aim:
        return "more"
    return "partly" if after - before >= (aim - before) / 2 else "hardly"


def forgotten(numbers: Numbers) -> Mark:
    """Whether it is as far off on the forget set as a model that never saw it."""
    if isnan(numbers.value(FORGET, "after")):
        return Mark("unknown", tr("Not measured"))
    aim = _aim(numbers)[1]
    off = tr("off by {error} on the forget set", error=in_unit(numbers, FORGET, "after"))
    numbers_text = off, ", ".join(_beside(numbers, FORGET))
    rule = tr(
        "Yes: its error is within {near:g} points (percent of the range) of the retrained reference's. Partly: at least half of the way there.",
        near=NEAR,
    )
    match standing(numbers):
        case "as retrained":
            return Mark("yes", tr("Yes"), *numbers_text, rule, FORGET)
        case "more":
            return Mark(
                "partly",
                tr("Too much"),
                *numbers_text,
                tr("{rule} It is further off than forgetting explains ({aim}).", rule=rule, aim=aim),
                FORGET,
            )
        case "partly":
            return Mark("partly", tr("Partly"), *numbers_text, rule, FORGET)
        case "hardly":
            return Mark("no", tr("Hardly"), *numbers_text, rule, FORGET)
        case _:
            return Mark(
                "unknown",
                tr("Cannot tell"),
                *numbers_text,
                tr("There is no retrained reference to compare it with."),
                FORGET,
            )


def retained(numbers: Numbers) -> Mark:
    """Whether kept items, and new ones, are still predicted."""
    grown = _grown(numbers)
    if not grown:
        return UNMEASURED
    worst = max(grown, key=lambda words: grown[words])
    rule = tr(
        "Yes: no error grew by half of what it was. Nearly: none doubled. Most grew that on {worst}, by {percent} %.",
        worst=worst,
        percent=signed(100 * grown[worst]),
    )
    numbers_text = (
        tr("off by {error} on new items", error=in_unit(numbers, TEST, "after")),
        ", ".join(_beside(numbers, TEST)),
    )
    if grown[worst] >= DOUBLED:
        return Mark("no", tr("Damaged"), *numbers_text, rule, TEST)
    if grown[worst] >= GREW:
        return Mark("partly", tr("Nearly"), *numbers_text, rule, TEST)
    return Mark("yes", tr("Yes"), *numbers_text, rule, TEST)


def _grown(numbers: Numbers) -> dict[str, float]:
    """How much larger the error is than the original's on the retain set and on new items, as a share of that; what was measured of it."""
    shares = {}
    for words, name in ((tr("the retain set"), RETAIN), (tr("new items"), TEST)):
        before, after = (numbers.value(name, when) for when in ("before", "after"))
        if before > 0 and not isnan(after):
            shares[words] = after / before - 1
    return shares


def _beside(numbers: Numbers, metric: str) -> list[str]:
    whens = {"before": later("{before} before"), "reference": later("{reference} retrained")}
    return [
        tr(words, **{when: in_unit(numbers, metric, when)})
        for when, words in whens.items()
        if not isnan(numbers.value(metric, when))
    ]


def _forget_clause(numbers: Numbers, about: Subject) -> str:
    if isnan(numbers.value(FORGET, "after")):
        return tr("Whether it forgot {what} was not measured", what=about.what)
    word = {
        "as retrained": later("It forgot"),
        "more": later("It is further off than forgetting would explain on"),
        "partly": later("It partly forgot"),
        "hardly": later("It hardly forgot"),
        "": later("How far it forgot cannot be said of"),
    }[standing(numbers)]
    beside = ", ".join(_beside(numbers, FORGET))
    return tr(
        "{word} {what}: off by {error} on average now ({beside})",
        word=word,
        what=about.what,
        error=in_unit(numbers, FORGET, "after"),
        beside=beside,
    )


def _retain_clause(numbers: Numbers) -> str:
    names = {tr("kept items"): RETAIN, tr("new ones"): TEST}
    lost = {words: numbers.value(name, "after") - numbers.value(name, "before") for words, name in names.items()}
    measured = {words: points for words, points in lost.items() if not isnan(points)}
    if not measured:
        return tr("what else got hurt was not measured")
    listed = ", ".join(
        tr("{points} on {words}", points=signed(points), words=words) for words, points in measured.items()
    )
    lead = tr("the rest was hurt") if max(_grown(numbers).values(), default=0.0) >= GREW else tr("the rest lost little")
    return tr("{lead} (points of error, of the range: {listed})", lead=lead, listed=listed)


def _reference_clause(numbers: Numbers, about: Subject) -> str:
    """Whether it predicts what the retrained reference does, and every number that is far from that one's."""
    if isnan(numbers.value(FORGET, "reference")):
        return "" if about.again else tr("there is no retrained reference to compare with")
    far, distance = numbers.far(FORGET), numbers.value(PREDICTIONS, "after")
    parts = [tr("far from the retrained reference in {far}", far=numbers.beside(far[:MOST]))] if far else []
    if not isnan(distance) and distance > ALIKE and standing(numbers) == "as retrained":
        parts.append(
            tr(
                "but what it predicts there is spread otherwise than the reference's (W1 {distance:.1f} % of the range)",
                distance=distance,
            )
        )
    return "; ".join(parts)


def of_items(count: int, targets: Sequence[str]) -> str:
    """What is to be forgotten, in words: "the 663 training items (tilt:0-30)"."""
    items = plural("{count:,} training item", "{count:,} training items", count)
    listed = ", ".join(targets)
    return (
        tr("the {items} ({listed})", items=items, listed=listed)
        if len(listed) <= 40
        else tr("the {items}", items=items)
    )
