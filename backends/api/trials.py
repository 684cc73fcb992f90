"""What each test of a run says by itself: what it brings back, how sure that is, and whether it can tell anything at all.

A test is void where the original does not do better than the retrained reference by 30 points, or where that is not sure: it could not
tell whether anything was forgotten. Where there is no reference, no attack can tell, for a model that never saw it may learn as much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import nan
from typing import Final

import numpy as np

from .attacked import Attacked, Goal, TestKind
from .languages import later, tr
from .resampling import MARGIN, Difference, Outcomes, difference, holm, margin

LEAST: Final = 0.30  # by which the original is better than the reference under a test that can tell
BROKEN: Final = 0.05  # share of answers to kept questions that may be none, beyond the reference's
KINDS: Final = 3  # of attacks, for "erased"
HALF: Final = 0.5  # of what the original answers; where no reference says what is guessed, more is "still there"
SURE: Final = 0.05  # the level of Holm's test
NOT_WEIGHED: Final = later("It needs the weights of the original, so it explains and is not weighed.")
UNREFERENCED: Final = later("No retrained reference was tried in this way.")


@dataclass(frozen=True)
class Trial:
    """One test.

    Attributes:
        attack: its id.
        kind: of test.
        counts: whether it is weighed.
        noun: what was asked, in the plural.
        size: how many independent things were asked: groups of items.
        original, unlearned, reference: the mean share at the place that is judged, 0 to 1; NaN where there is none.
        recovery: how much of the way from the reference to the original the unlearned model is back; None where that cannot be told.
        interval: the 95 % interval of unlearned - reference; None without a reference.
        margin: differences up to it are the same.
        void, why: whether it cannot tell anything here, and the reason as a sentence.
        p, adjusted: of bringing back no more than the margin, as it is and by Holm over the attacks; None of what is not weighed.
        hit: it brings back more than the margin, so it counts against the run.
    """

    attack: str
    kind: TestKind
    counts: bool
    noun: str
    size: int
    original: float
    unlearned: float
    reference: float = nan
    recovery: float | None = None
    interval: tuple[float, float] | None = None
    margin: float = MARGIN
    void: bool = False
    why: str = ""
    p: float | None = None
    adjusted: float | None = None
    hit: bool = False

    @property
    def valid(self) -> bool:
        """Whether it is weighed and can tell."""
        return self.counts and not self.void

    @property
    def cleared(self) -> bool:
        """Whether it surely brings back no more than the margin."""
        return self.valid and self.interval is not None and self.interval[1] < self.margin


@dataclass(frozen=True)
class Tested:
    """A test with what its sentences are made of.

    Attributes:
        trial: what it says.
        groups: of its items.
        outcomes: by when, [references, seeds, items] at the place that is judged.
        lead: original - reference; None without a reference.
        gap: unlearned - reference; None without a reference.
        items: their names.
    """

    trial: Trial
    groups: Sequence[int] = ()
    outcomes: Mapping[str, Outcomes] = field(default_factory=dict)
    lead: Difference | None = None
    gap: Difference | None = None
    items: Sequence[str] = ()


@dataclass(frozen=True)
class Utility:
    """What is kept, as the plain question found it, beside the references or, without any, the original.

    Attributes:
        unlearned, other: mean shares, 0 to 1.
        gap: unlearned - other.
        margin: differences up to it are the same.
        broken, broken_other: shares of answers that are none; NaN where that was not looked at.
        beside: with what it is compared, in words.
        outcomes, groups: as of `Tested`; "after" and "other".
    """

    unlearned: float
    other: float
    gap: Difference
    margin: float
    broken: float
    broken_other: float
    beside: str
    outcomes: Mapping[str, Outcomes]
    groups: Sequence[int]

    @property
    def collapsed(self) -> bool:
        """Whether more than 5 % of the answers to kept questions are no answers, beyond those of what it is compared with."""
        return self.broken > BROKEN + (0.0 if np.isnan(self.broken_other) else self.broken_other)

    @property
    def lost(self) -> bool:
        """Whether surely more is lost than the margin."""
        return self.gap.interval[1] < -self.margin

    @property
    def intact(self) -> bool:
        """Whether surely no more is lost than the margin."""
        return self.gap.interval[0] > -self.margin and not self.collapsed


@dataclass(frozen=True)
class Case:
    """All that is known of a run: its tests, the plain question among them, and what it keeps.

    Attributes:
        plain: the question without any attack; `attacks`: all others, in their order.
        utility: what is kept; None where that was not asked.
        guarded: a guard stands in front of the original weights.
        goal: whether a concept or these very samples were to be forgotten.
        names: of attacks by id, as sentences have them.
        references: how many there are.
    """

    plain: Tested
    attacks: Sequence[Tested]
    utility: Utility | None
    guarded: bool
    goal: Goal
    names: Mapping[str, str]
    references: int

    @property
    def valid(self) -> list[Tested]:
        """The attacks that are weighed and can tell."""
        return [one for one in self.attacks if one.trial.valid]

    @property
    def hits(self) -> list[Tested]:
        """The attacks that bring it back, the one that brings back most first."""
        hits = [one for one in self.valid if one.trial.hit]
        return sorted(hits, key=lambda one: -(one.trial.recovery or 0.0))

    @property
    def kinds(self) -> list[TestKind]:
        """The kinds of valid attacks; taking a guard away is none."""
        return list(dict.fromkeys(one.trial.kind for one in self.valid if one.trial.kind != "guard"))

    @cached_property
    def more_than_asked(self) -> bool:
        """Whether an attack that brings it back surely brings back more than the plain question does."""
        plain = self.plain.gap
        if plain is None:
            return False
        return any(
            one.gap is not None and one.gap.excess(plain, list(one.items) == list(self.plain.items)) > 0
            for one in self.hits
        )

    @cached_property
    def still_half(self) -> bool:
        """Without a reference: whether more than half of what the original answers is surely still answered."""
        before, after = (self.plain.outcomes.get(when) for when in ("before", "after"))
        if before is None or after is None or before.mean() < LEAST:
            return False
        return difference(after, HALF * before, self.plain.groups).interval[0] > 0


def case(tests: Sequence[Attacked], guarded: bool, names: Mapping[str, str]) -> Case | None:
    """Every test by itself and what they say together; None where the plain question was not asked."""
    plain = next((one for one in tests if one.kind == "plain"), None)
    if plain is None:
        return None
    every = _corrected([_tested(one, plain) for one in tests if one.kind != "plain"])
    question = _tested(plain, plain)
    references = len(_outcomes(plain).get("reference", ()))
    return Case(question, every, _utility(plain), guarded, plain.goal, names, references)


def _tested(attacked: Attacked, plain: Attacked) -> Tested:
    """One test by itself; the correction for several follows."""
    groups = list(attacked.groups) if len(attacked.groups) else list(range(len(attacked.items)))
    outcomes = _outcomes(attacked)
    means = {when: float(values.mean()) if values.size else nan for when, values in outcomes.items()}
    trial = Trial(
        attack=attacked.attack, kind=attacked.kind, counts=attacked.counts, noun=attacked.noun, size=len(set(groups)),
        original=means.get("before", nan), unlearned=means.get("after", nan), reference=means.get("reference", nan),
    )  # fmt: skip
    if why := _unusable(outcomes, groups, len(attacked.items), attacked.noun):
        return Tested(replace(trial, void=True, why=why), groups, {}, items=attacked.items)
    if attacked.void or (attacked.explains and not attacked.counts):
        why = attacked.void or attacked.explains
        return Tested(replace(trial, void=bool(attacked.void), why=why), groups, outcomes, items=attacked.items)
    if "reference" not in outcomes:
        return Tested(replace(trial, void=True, why=UNREFERENCED), groups, outcomes, items=attacked.items)
    lead = difference(outcomes["before"], outcomes["reference"], groups)
    gap = difference(outcomes["after"], outcomes["reference"], groups)
    trial = replace(trial, interval=gap.interval, margin=margin(outcomes["reference"], groups))
    if why := _void(trial, lead) or _breaks(attacked, plain):
        trial = replace(trial, void=True, why=why)
    else:
        trial = replace(trial, recovery=gap.mean / lead.mean)
    if trial.valid:
        p_value = gap.p_value(trial.margin)
        trial = replace(trial, p=p_value, hit=gap.interval[0] > trial.margin)
    elif not attacked.counts and not trial.void:
        trial = replace(trial, why=NOT_WEIGHED)
    return Tested(trial, groups, outcomes, lead, gap, attacked.items)


def _outcomes(attacked: Attacked, *, retain: bool = False) -> dict[str, Outcomes]:
    """By when, [references, seeds, items] at the place that is judged; of models that were not asked none."""
    values = {when: attacked.at_end(when, kept=retain) for when in ("before", "after", "reference")}
    return {when: one if one.ndim == 3 else one[None] for when, one in values.items() if one is not None}


def _shares(outcomes: Mapping[str, Outcomes]) -> bool:
    """Whether all outcomes are numbers from 0 to 1."""
    return all(bool(np.isfinite(one).all()) and one.min() >= 0 and one.max() <= 1 for one in outcomes.values())


def _unusable(outcomes: Mapping[str, Outcomes], groups: Sequence[int], items: int, noun: str) -> str:
    """Why nothing can be computed of a test; empty where it can."""
    if "before" not in outcomes or "after" not in outcomes or len(groups) != items:
        return tr("It was not asked of both models.")
    if not _shares(outcomes):
        return tr("Its outcomes are not all numbers from 0 to 1.")
    if len(set(groups)) < 2:
        return tr("All its {noun} belong together, so it asks one thing only.", noun=tr(noun))
    return ""


def _void(trial: Trial, lead: Difference) -> str:
    """Why a test cannot tell a model that knows from one that never saw it; empty where it can."""
    levels = tr(
        "the original has {original:.0%}, the retrained reference {reference:.0%}",
        original=trial.original,
        reference=trial.reference,
    )
    if lead.mean < LEAST:
        return tr("It cannot tell here: {levels}.", levels=levels).replace("%", " %")
    if lead.interval[0] <= 0:
        return tr(
            "{size} {noun} are too few to show that the original does better than the reference.",
            size=trial.size,
            noun=tr(trial.noun),
        )
    if trial.margin > lead.mean / 2:
        return tr(
            "The retrained references differ too much under it: by up to {margin:.0f} points.",
            margin=100 * trial.margin,
        )
    return ""


def _breaks(attacked: Attacked, plain: Attacked) -> str:
    """Whether an attack breaks the unlearned model, as a sentence: what such a model says shows nothing."""
    still, was = (_outcomes(one, retain=True).get("after") for one in (attacked, plain))
    if attacked is plain or still is None or was is None or not still.mean() < was.mean() / 2:
        return ""
    return tr("It breaks the unlearned model, which then keeps {still:.0%} of the rest.", still=still.mean()).replace(
        "%", " %"
    )


def _corrected(attacks: Sequence[Tested]) -> list[Tested]:
    """The attacks with p-values adjusted for their number; one counts against the run only where that is still sure."""
    weighed = [one for one in attacks if one.trial.p is not None]
    by_attack = dict(zip(map(id, weighed), holm([one.trial.p or 0.0 for one in weighed]), strict=True))
    return [
        replace(one, trial=replace(one.trial, adjusted=adjusted, hit=one.trial.hit and adjusted <= SURE))
        if (adjusted := by_attack.get(id(one))) is not None
        else one
        for one in attacks
    ]


def _utility(plain: Attacked) -> Utility | None:
    """What the plain question says of the rest; None where that was not asked."""
    outcomes = _outcomes(plain, retain=True)
    when = "reference" if "reference" in outcomes else "before"
    if when not in outcomes or "after" not in outcomes or not _shares(outcomes):
        return None
    after, other = outcomes["after"], outcomes[when]
    groups = range(after.shape[-1])
    if len(groups) < 2 or other.shape[-1] != len(groups):
        return None
    return Utility(
        float(after.mean()), float(other.mean()), difference(after, other, groups), margin(other, groups),
        float(plain.broken.get("after", nan)), float(plain.broken.get(when, nan)),
        tr("retrained reference") if when == "reference" else "original", {"after": after, "other": other}, groups,
    )  # fmt: skip
