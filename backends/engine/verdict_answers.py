"""One honest sentence about a finished job of a language model, computed from its metrics and from nothing else."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from ..api.pairs import named
from ..models.concept_vectors import OTHER, SAME
from .evidence import When
from .measure import Measurement
from .verdict import CAVEAT, HIDDEN, HURT, signed

FORGOT, PARTLY = 25.0, 50.0  # percent of the questions that are still answered right, at most
BACK, SOME = 0.5, 0.2  # part of the lost answers that come back with the old routing: rerouted, and partly so
ALIKE = 0.05  # a smaller p-value tells the model from one that never saw it
KEPT = {"neighbour": "its neighbours", "unrelated": "everything else"}


def verdict(
    task: Any, made: Measurement, forget: Sequence[str], *, guard: bool = False, unchanged: bool = False
) -> str:
    """Forgotten? What else got hurt? Like a model that never saw it? And what that does not prove.

    Args:
        task: with its targets.
        made: what was measured.
        forget: the targets, as the person named them.
        guard: the method leaves the weights as they are.
        unchanged: not one tensor of the model moved.
    """
    told = named(forget)
    people = bool(getattr(task.questions, "forgotten", ()))
    what = ", ".join(told) if len(told) < 4 else f"{len(told)} {'people' if people else 'things'}"
    if unchanged:
        return f"Nothing was forgotten of {what}: not one weight of the model moved."
    inside = "" if guard else _vectors(made)
    rest = _rest(made, people)
    parts = [_forgot(what, made), _rerouted(made), rest, _reference(made), inside, HIDDEN if guard else CAVEAT]
    return "; ".join(part for part in parts if part) + "."


def _share(made: Measurement, when: When, role: str) -> float:
    found = made.metrics.get("fact_recall")
    return found.parts.get(when, {}).get(role, float("nan")) if found else float("nan")


def _vectors(made: Measurement) -> str:
    """Whether the vectors that spell it moved with the answers; empty where that was not measured, or the answers stayed."""
    whens: tuple[When, ...] = ("before", "after")
    before, after = (_share(made, when, "forget") for when in whens)
    if isnan(after):
        before, after = (made.value("forget_rouge", when) for when in whens)
    kept = made.value("concept_vector_words", "after")
    if isnan(kept) or isnan(after) or not (after <= FORGOT < before or after <= before - PARTLY):
        return ""
    control = made.metrics["concept_vector_words"].parts.get("after", {}).get("random columns", float("nan"))
    other = "" if isnan(control) else f", of random columns {control:.0f} %"
    said = f"({kept:.0f} % of their first words are the same{other})"
    lead = "the answers changed, but the" if kept >= 100 * SAME else "the"
    moved = "barely moved" if kept >= 100 * SAME else "changed in part" if kept >= 100 * OTHER else "are others now"
    return f"{lead} vectors inside the model that spell what was to be forgotten {moved} {said}"


def _forgot(what: str, made: Measurement) -> str:
    whens: tuple[When, ...] = ("before", "after", "reference")
    shares = [_share(made, when, "forget") for when in whens]
    of = "of the questions are still answered with the right fact"
    if isnan(shares[1]):  # where answers hold no single fact, as in running text, by the words that are still said
        shares = [made.value("forget_rouge", when) for when in whens]
        of = "of the true words are still said"
    before, after, aim = shares
    if isnan(after):
        return f"Whether it forgot {what} was not measured"
    than = "" if isnan(aim) else f", {aim:.0f} % by a model that never saw it"
    return f"{_lead(what, before, after, aim)}: {after:.0f} % {of} ({before:.0f} % before{than})"


def _rerouted(made: Measurement) -> str:
    """Of a mixture of experts, whether the answers come back with the routing of the model before."""
    forced = made.metrics.get("rerouted_recall")
    before, now = _share(made, "before", "forget"), _share(made, "after", "forget")
    if forced is None or forced.after is None or isnan(forced.after) or not before - now >= HURT:
        return ""
    plain = forced.parts["after"]["with its own routing"]
    if forced.after - plain >= BACK * (before - plain):
        return f"but rerouted, not erased: with the experts that were chosen before, {forced.after:.0f} % are answered right again"
    if forced.after - plain >= SOME * (before - plain):
        return f"but partly rerouted: with the experts that were chosen before, {forced.after:.0f} % are answered right again"
    return f"with the experts that were chosen before it is {forced.after:.0f} %, so it is not only rerouted"


def _lead(what: str, before: float, after: float, aim: float) -> str:
    """Forgotten, partly, or hardly; `aim` is that of a model that never saw it."""
    least = FORGOT if isnan(aim) else max(FORGOT, aim)
    if before <= least:
        return f"It knew little of {what} to begin with"
    word = "It forgot" if after <= least else "It partly forgot" if after <= before - PARTLY else "It hardly forgot"
    return f"{word} {what}"


def _rest(made: Measurement, people: bool) -> str:
    kept = KEPT | ({"neighbour": "people like them"} if people else {})
    lost = {words: _share(made, "before", role) - _share(made, "after", role) for role, words in kept.items()}
    measured = {words: points for words, points in lost.items() if not isnan(points)}
    if not measured:
        return "what else got hurt was not measured"
    said = ", ".join(f"{signed(-points)} on {words}" for words, points in measured.items())
    lead = "the rest lost little" if max(measured.values()) < HURT else "the rest was hurt"
    return f"{lead} (points of right answers: {said})"


def _reference(made: Measurement) -> str:
    p = made.value("forget_quality", "after")
    if isnan(p):
        return ""
    told = "cannot be told" if p >= ALIKE else "can be told"
    return f"by what it holds for likely it {told} from a model that never saw it (p {_probability(p)})"


def _probability(p: float) -> str:
    return f"{p:.2f}" if p >= 0.01 else "below 0.01"
