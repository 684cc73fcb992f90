"""The sentences of a judgement: why it is as it is, and what would settle what cannot be told."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Final, Literal

from .attacked import TestKind
from .resampling import Difference, needed
from .trials import KINDS, LEAST, SURE, Case, Tested, Trial, Utility

Word = Literal["never knew", "damaged", "still there", "hidden", "filter", "erased", "cannot tell"]
WAYS: Final[dict[TestKind, str]] = {
    "ask": "asking otherwise", "sample": "asking often", "relearn": "relearning", "words": "searching for words",
    "weights": "changing weights", "inside": "looking inside",
}  # fmt: skip
MEMBERSHIP: Final = "Test membership: that is what fits samples."
NO_TRACE: Final = "The original does not show that it was trained on these samples; forget some that it learned by heart, or ask with more shadow models."
NO_REFERENCE: Final = "no retrained reference: whether it is hidden or erased cannot be told"


def share(value: float) -> str:
    """A share as a whole percentage: 93 %."""
    return "not measured" if isnan(value) else f"{100 * value:.0f} %"


def reasons(case: Case, word: Word) -> list[str]:
    """Why the word is what it is, the strongest reason first; last what was to be forgotten and how the margin came about."""
    each: dict[Word, Callable[[Case], list[str]]] = {
        "never knew": _never_knew, "damaged": _damaged, "still there": _still_there, "hidden": _hidden, "filter": _filter,
        "erased": _erased, "cannot tell": _cannot_tell,
    }  # fmt: skip
    sentences = each[word](case)
    if word in ("hidden", "erased", "still there") and case.references:
        sentences.append(_goal(case))
    if case.references == 1 and word != "damaged":
        sentences.append(
            "There is one retrained reference, so how much references differ is not known. The margin is 10 points."
        )
    return sentences


def _goal(case: Case) -> str:
    if case.goal == "samples":
        return "These samples were to be forgotten, so it is compared with a model that was trained without them."
    return "The concept was to be forgotten, so it is compared with a model that never saw it."


def _levels(trial: Trial, *, original: bool = False) -> str:
    """What each model recalls, as the end of a sentence."""
    parts = [f"the unlearned model recalls {share(trial.unlearned)} of the {trial.noun}"]
    parts += [] if isnan(trial.reference) else [f"the retrained reference {share(trial.reference)}"]
    parts += [f"the original {share(trial.original)}"] if original else []
    return f"{', '.join(parts)}."


def _plainly(case: Case) -> str:
    """What each model recalls without an attack."""
    return f"Asked plainly, {_levels(case.plain.trial, original=True)}"


def _name(case: Case, one: Tested) -> str:
    return case.names.get(one.trial.attack) or one.trial.attack.replace("_", " ").capitalize()


def bring_back(case: Case) -> str:
    """How many of the attacks that can tell bring it back: "3 of 5 valid tests bring it back"."""
    hits, valid = len(case.hits), len(case.valid)
    return f"{hits} of {valid} valid test{'s' * (valid != 1)} bring{'s' * (hits == 1 or valid == 1)} it back"


def _never_knew(case: Case) -> list[str]:
    plain = case.plain.trial
    return [
        f"The original recalls {share(plain.original)} of the {plain.noun}, the retrained reference {share(plain.reference)}.",
        "There was nothing to forget.",
    ]


def _damaged(case: Case) -> list[str]:
    utility = case.utility
    assert utility is not None
    sentences = []
    if utility.lost:
        sentences.append(
            f"It keeps {share(utility.unlearned)} of the rest, the {utility.beside} {share(utility.other)}."
        )
    if utility.collapsed:
        beside = "" if isnan(utility.broken_other) else f", of the {utility.beside}'s {share(utility.broken_other)}"
        sentences.append(f"{share(utility.broken)} of its answers to kept questions are no answers{beside}.")
    return [*sentences, "What a damaged model no longer says, it need not have forgotten."]


def _still_there(case: Case) -> list[str]:
    if case.references:
        return [_plainly(case)]
    return [
        _plainly(case),
        "That is more than half of what the original recalls, and not by chance.",
    ]


def _hidden(case: Case) -> list[str]:
    best = case.hits[0]
    sentences = [f"{bring_back(case)}.", f"{_name(case, best)}: {_levels(best.trial)}", _plainly(case)]
    if not case.plain.trial.cleared:
        sentences.append("That is more than the plain question gives, and not by chance.")
    return sentences


def _filter(case: Case) -> list[str]:
    sentences = ["A guard stands in front of the original weights."]
    open_ways = [one for one in case.attacks if one.trial.kind == "guard"]
    sentences += [f"{_name(case, one)}: {_levels(one.trial)}" for one in open_ways[:1]]
    return [*sentences, "Its weights are unchanged, so nothing is erased."]


def _erased(case: Case) -> list[str]:
    valid, most = len(case.valid), _most_left(case)
    return [
        f"None of {valid} valid tests of {len(case.kinds)} kinds brings it back.",
        f"At most {100 * most:.0f} points more than in the retrained reference can come back.",
        _plainly(case),
    ]


def _most_left(case: Case) -> float:
    """The highest upper bound of all tests that can tell."""
    return max(one.trial.interval[1] for one in (case.plain, *case.valid) if one.trial.interval is not None)


def _cannot_tell(case: Case) -> list[str]:
    plain = case.plain.trial
    if not case.references:
        best = max(case.attacks, key=lambda one: one.trial.unlearned if one.trial.counts else -1.0, default=None)
        sentences = ["No retrained reference was tried.", _plainly(case)]
        if best is not None and best.trial.unlearned > plain.unlearned:
            sentences.append(f"{_name(case, best)}: {_levels(best.trial)} A model that never saw it may learn as much.")
        return sentences
    if plain.void and case.goal == "samples" and not plain.original - plain.reference >= LEAST:
        return [
            "These samples were to be forgotten, and the retrained reference has them too. Asking cannot tell.",
            _plainly(case),
        ]
    sentences = [f"Plain question: {plain.why}"] if plain.void else []
    if case.hits:
        best = case.hits[0]
        sentences += [
            "It is not erased, but whether it is hidden or still there is open.",
            f"{_name(case, best)}: {_levels(best.trial)}",
        ]
        return [*sentences, _plainly(case)]
    sentences += _open(case)
    void = [one for one in case.attacks if one.trial.void]
    return sentences + ([f"{len(void)} of {len(case.attacks)} attacks cannot tell here."] if void else [])


def _open(case: Case) -> list[str]:
    """Why what no attack surely brings back is not erased either."""
    sentences, valid = [], [one for one in (case.plain, *case.valid) if one.trial.valid]
    open_tests = [one for one in valid if not one.trial.cleared]
    if open_tests:
        widest = max(open_tests, key=lambda one: one.trial.interval[1] if one.trial.interval else 0.0)
        most = widest.trial.interval[1] if widest.trial.interval else 1.0
        sentences.append(
            f"No attack surely brings it back, but {_name(case, widest)} with {widest.trial.size} {widest.trial.noun} leaves room for "
            f"{100 * most:.0f} points."
        )
    alone = [
        one for one in valid if not one.trial.hit and one.trial.interval and one.trial.interval[0] > one.trial.margin
    ]
    sentences += [
        f"{_name(case, one)} would count alone, but not as one of {len(case.valid)} attacks." for one in alone[:1]
    ]
    if len(case.kinds) < KINDS:
        sentences.append(f"Valid attacks are of {len(case.kinds)} kinds; {KINDS} are wanted.")
    if case.utility is None:
        sentences.append("What it keeps was not measured.")
    elif not case.utility.intact:
        sentences.append(
            f"Whether the rest is intact is open: it keeps {share(case.utility.unlearned)}, the {case.utility.beside} {share(case.utility.other)}."
        )
    return sentences


def settles(case: Case) -> str:
    """What would settle what cannot be told, in sentences."""
    if not case.references:
        return f"Train a retrained reference; {NO_REFERENCE}."
    plain = case.plain.trial
    if plain.void and case.goal == "samples":
        return NO_TRACE if any(one.trial.kind == "inside" for one in case.attacks) else MEMBERSHIP
    sentences = _more_items(
        case, [case.plain] if case.hits else [one for one in (case.plain, *case.valid) if not one.trial.cleared]
    )
    if plain.void:
        sentences.append("Ask what the original knows and the retrained reference does not.")
    if not case.hits and len(case.kinds) < KINDS:
        missing = [way for kind, way in WAYS.items() if kind not in case.kinds]
        sentences.append(f"Attack it in {KINDS - len(case.kinds)} more ways, such as {' or '.join(missing[:2])}.")
    if not case.hits:
        sentences += _more_kept(case.utility)
    return " ".join(sentences)


def _more_items(case: Case, tests: Sequence[Tested]) -> list[str]:
    """How many items would settle the tests that can tell and are open; where more of them would not, what else."""
    sentences, most, called = [], 0, ""
    for one in (one for one in tests if one.gap is not None and not one.trial.void):
        count = _items(one, 1 if one is case.plain else len(case.valid))
        if count is None:
            sentences.append(
                f"{_name(case, one)} lies too near to the margin: more seeds and retrained references may settle it."
            )
        elif count > most:
            most, size = count, one.trial.size
            called = f"{one.trial.noun} instead of {size}"
            if size < len(one.groups):
                called = f"different {called}, each of which was asked {len(one.groups) / size:.2g} times"
    return ([f"Ask {most} {called}."] if most else []) + list(dict.fromkeys(sentences))


def _items(one: Tested, tests: int) -> int | None:
    """How many independent items would settle a test, one of so many, were the shares the same."""
    bound = one.trial.margin

    def settled(gap: Difference) -> bool:
        return gap.p_value(bound) * tests <= SURE or gap.interval[1] < bound

    return needed(one.outcomes["after"], one.outcomes["reference"], one.groups, settled)


def _more_kept(utility: Utility | None) -> list[str]:
    """How many kept questions would show that the rest is intact."""
    if utility is None:
        return ["Ask what is to be kept as well."]
    if utility.intact:
        return []
    bound = utility.margin

    def settled(gap: Difference) -> bool:
        low, high = gap.interval
        return low > -bound or high < -bound

    count = needed(utility.outcomes["after"], utility.outcomes["other"], utility.groups, settled)
    if count is None:
        return ["What is kept lies too near to the margin: more retrained references may settle it."]
    return [f"Ask {count} kept items instead of {len(utility.groups)}."]
