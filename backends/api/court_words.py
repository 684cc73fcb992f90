"""The sentences of a judgement: why it is as it is, and what would settle what cannot be told."""

from collections.abc import Callable, Sequence
from math import isnan
from typing import Final, Literal

from .attacked import TestKind
from .languages import later, plural, tr
from .resampling import Difference, needed
from .trials import KINDS, LEAST, SURE, Case, Tested, Trial, Utility

Word = Literal["never knew", "damaged", "still there", "hidden", "filter", "erased", "cannot tell"]
WAYS: Final[dict[TestKind, str]] = {
    "ask": later("asking otherwise"), "sample": later("asking often"), "relearn": "relearning", "words": later("searching for words"),
    "weights": later("changing weights"), "inside": later("looking inside"),
}  # fmt: skip
MEMBERSHIP: Final = later("Test membership: that is what fits samples.")
NO_TRACE: Final = later(
    "The original does not show that it was trained on these samples; forget some that it learned by heart, or ask "
    "with more shadow models."
)
NO_REFERENCE: Final = later("no retrained reference: whether it is hidden or erased cannot be told")


def share(value: float) -> str:
    """A share as a whole percentage: 93 %."""
    return tr("not measured") if isnan(value) else f"{100 * value:.0f} %"


def reasons(case: Case, word: Word) -> list[str]:
    """Why the word is what it is, the strongest reason first; last what was to be forgotten and how the margin came about."""
    each: dict[Word, Callable[[Case], list[str]]] = {
        "never knew": _never_knew, "damaged": _damaged, "still there": _still_there, "hidden": _hidden, "filter": _filter,
        "erased": _erased, "cannot tell": _cannot_tell,
    }  # fmt: skip
    sentences = each[word](case)
    if word in ("hidden", "erased", tr("still there")) and case.references:
        sentences.append(_goal(case))
    if case.references == 1 and word != "damaged":
        sentences.append(
            tr("There is one retrained reference, so how much references differ is not known. The margin is 10 points.")
        )
    return sentences


def _goal(case: Case) -> str:
    if case.goal == "samples":
        return tr("These samples were to be forgotten, so it is compared with a model that was trained without them.")
    return tr("The concept was to be forgotten, so it is compared with a model that never saw it.")


def _levels(trial: Trial, *, original: bool = False) -> str:
    """What each model recalls, as the end of a sentence."""
    parts = [
        tr(
            "the unlearned model recalls {unlearned} of the {noun}",
            unlearned=share(trial.unlearned),
            noun=tr(trial.noun),
        )
    ]
    parts += (
        [] if isnan(trial.reference) else [tr("the retrained reference {reference}", reference=share(trial.reference))]
    )
    parts += [tr("the original {original}", original=share(trial.original))] if original else []
    return f"{', '.join(parts)}."


def _plainly(case: Case) -> str:
    """What each model recalls without an attack."""
    return tr("Asked plainly, {trial}", trial=_levels(case.plain.trial, original=True))


def _name(case: Case, one: Tested) -> str:
    return case.names.get(one.trial.attack) or one.trial.attack.replace("_", " ").capitalize()


def bring_back(case: Case) -> str:
    """How many of the attacks that can tell bring it back: "3 of 5 valid tests bring it back"."""
    hits, valid = len(case.hits), len(case.valid)
    if hits == 1 and valid != 1:
        return tr("{hits} of {count} valid tests brings it back", hits=hits, count=valid)
    return plural(
        "{hits} of {count} valid test brings it back", "{hits} of {count} valid tests bring it back", valid, hits=hits
    )


def _never_knew(case: Case) -> list[str]:
    plain = case.plain.trial
    return [
        tr(
            "The original recalls {original} of the {noun}, the retrained reference {reference}.",
            original=share(plain.original),
            noun=tr(plain.noun),
            reference=share(plain.reference),
        ),
        tr("There was nothing to forget."),
    ]


def _damaged(case: Case) -> list[str]:
    utility = case.utility
    assert utility is not None
    sentences = []
    if utility.lost:
        sentences.append(
            tr(
                "It keeps {unlearned} of the rest, the {beside} {other}.",
                unlearned=share(utility.unlearned),
                beside=tr(utility.beside),
                other=share(utility.other),
            )
        )
    if utility.collapsed:
        beside = (
            ""
            if isnan(utility.broken_other)
            else tr(
                ", of the {beside}'s {broken_other}",
                beside=tr(utility.beside),
                broken_other=share(utility.broken_other),
            )
        )
        sentences.append(
            tr(
                "{broken} of its answers to kept questions are no answers{beside}.",
                broken=share(utility.broken),
                beside=beside,
            )
        )
    return [*sentences, tr("What a damaged model no longer says, it need not have forgotten.")]


def _still_there(case: Case) -> list[str]:
    if case.references:
        return [_plainly(case)]
    return [
        _plainly(case),
        tr("That is more than half of what the original recalls, and not by chance."),
    ]


def _hidden(case: Case) -> list[str]:
    best = case.hits[0]
    sentences = [f"{bring_back(case)}.", f"{_name(case, best)}: {_levels(best.trial)}", _plainly(case)]
    if not case.plain.trial.cleared:
        sentences.append(tr("That is more than the plain question gives, and not by chance."))
    return sentences


def _filter(case: Case) -> list[str]:
    sentences = [tr("A guard stands in front of the original weights.")]
    open_ways = [one for one in case.attacks if one.trial.kind == "guard"]
    sentences += [f"{_name(case, one)}: {_levels(one.trial)}" for one in open_ways[:1]]
    return [*sentences, tr("Its weights are unchanged, so nothing is erased.")]


def _erased(case: Case) -> list[str]:
    valid, most = len(case.valid), _most_left(case)
    return [
        tr(
            "None of {valid} valid tests of {kinds_count} kinds brings it back.",
            valid=valid,
            kinds_count=len(case.kinds),
        ),
        tr("At most {most:.0f} points more than in the retrained reference can come back.", most=100 * most),
        _plainly(case),
    ]


def _most_left(case: Case) -> float:
    """The highest upper bound of all tests that can tell."""
    return max(one.trial.interval[1] for one in (case.plain, *case.valid) if one.trial.interval is not None)


def _cannot_tell(case: Case) -> list[str]:
    plain = case.plain.trial
    if not case.references:
        best = max(case.attacks, key=lambda one: one.trial.unlearned if one.trial.counts else -1.0, default=None)
        sentences = [tr("No retrained reference was tried."), _plainly(case)]
        if best is not None and best.trial.unlearned > plain.unlearned:
            sentences.append(
                tr(
                    "{case}: {trial} A model that never saw it may learn as much.",
                    case=_name(case, best),
                    trial=_levels(best.trial),
                )
            )
        return sentences
    if plain.void and case.goal == "samples" and not plain.original - plain.reference >= LEAST:
        return [
            tr("These samples were to be forgotten, and the retrained reference has them too. Asking cannot tell."),
            _plainly(case),
        ]
    sentences = [tr("Plain question: {why}", why=plain.why)] if plain.void else []
    if case.hits:
        best = case.hits[0]
        sentences += [
            tr("It is not erased, but whether it is hidden or still there is open."),
            f"{_name(case, best)}: {_levels(best.trial)}",
        ]
        return [*sentences, _plainly(case)]
    sentences += _open(case)
    void = [one for one in case.attacks if one.trial.void]
    return sentences + (
        [
            tr(
                "{void_count} of {attacks_count} attacks cannot tell here.",
                void_count=len(void),
                attacks_count=len(case.attacks),
            )
        ]
        if void
        else []
    )


def _open(case: Case) -> list[str]:
    """Why what no attack surely brings back is not erased either."""
    sentences, valid = [], [one for one in (case.plain, *case.valid) if one.trial.valid]
    open_tests = [one for one in valid if not one.trial.cleared]
    if open_tests:
        widest = max(open_tests, key=lambda one: one.trial.interval[1] if one.trial.interval else 0.0)
        most = widest.trial.interval[1] if widest.trial.interval else 1.0
        sentences.append(
            tr(
                "No attack surely brings it back, but {case} with {size} {noun} leaves room for {most:.0f} points.",
                case=_name(case, widest),
                size=widest.trial.size,
                noun=tr(widest.trial.noun),
                most=100 * most,
            )
        )
    alone = [
        one for one in valid if not one.trial.hit and one.trial.interval and one.trial.interval[0] > one.trial.margin
    ]
    sentences += [
        tr(
            "{case} would count alone, but not as one of {valid_count} attacks.",
            case=_name(case, one),
            valid_count=len(case.valid),
        )
        for one in alone[:1]
    ]
    if len(case.kinds) < KINDS:
        sentences.append(f"Valid attacks are of {len(case.kinds)} kinds; {KINDS} are wanted.")
    if case.utility is None:
        sentences.append(tr("What it keeps was not measured."))
    elif not case.utility.intact:
        sentences.append(
            tr(
                "Whether the rest is intact is open: it keeps {unlearned}, the {beside} {other}.",
                unlearned=share(case.utility.unlearned),
                beside=tr(case.utility.beside),
                other=share(case.utility.other),
            )
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
        sentences.append(tr("Ask what the original knows and the retrained reference does not."))
    if not case.hits and len(case.kinds) < KINDS:
        missing = [tr(way) for kind, way in WAYS.items() if kind not in case.kinds]
        sentences.append(
            tr(
                "Attack it in {kinds} more ways, such as {missing}.",
                kinds=KINDS - len(case.kinds),
                missing=tr(" or ").join(missing[:2]),
            )
        )
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
                tr(
                    "{case} lies too near to the margin: more seeds and retrained references may settle it.",
                    case=_name(case, one),
                )
            )
        elif count > most:
            most, size = count, one.trial.size
            called = tr("{noun} instead of {size}", noun=one.trial.noun, size=size)
            if size < len(one.groups):
                called = tr(
                    "different {called}, each of which was asked {groups_count:.2g} times",
                    called=called,
                    groups_count=len(one.groups) / size,
                )
    return ([tr("Ask {most} {called}.", most=most, called=called)] if most else []) + list(dict.fromkeys(sentences))


def _items(one: Tested, tests: int) -> int | None:
    """How many independent items would settle a test, one of so many, were the shares the same."""
    bound = one.trial.margin

    def settled(gap: Difference) -> bool:
        return gap.p_value(bound) * tests <= SURE or gap.interval[1] < bound

    return needed(one.outcomes["after"], one.outcomes["reference"], one.groups, settled)


def _more_kept(utility: Utility | None) -> list[str]:
    """How many kept questions would show that the rest is intact."""
    if utility is None:
        return [tr("Ask what is to be kept as well.")]
    if utility.intact:
        return []
    bound = utility.margin

    def settled(gap: Difference) -> bool:
        low, high = gap.interval
        return low > -bound or high < -bound

    count = needed(utility.outcomes["after"], utility.outcomes["other"], utility.groups, settled)
    if count is None:
        return [tr("What is kept lies too near to the margin: more retrained references may settle it.")]
    return [tr("Ask {count} kept items instead of {groups_count}.", count=count, groups_count=len(utility.groups))]
