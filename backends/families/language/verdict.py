"""One honest sentence about a finished job of a language model, computed from its metrics and from nothing else."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from math import isnan

from ...api.goals import (
    ALIKE,
    BACK,
    CHANGED,
    FORGOT,
    HURT,
    OTHER,
    PARTLY,
    REPEATS,
    SAME,
    SOME,
    STAMMER,
    STAMMER_ALONE,
)
from ...api.languages import later, tr
from ...api.marks import UNTESTED, Mark, beside, gone, intact
from ...api.numbers import CAVEAT, HIDDEN, Finding, Numbers, Subject, probability, share, signed
from . import corrected

MEASURED = ("fact_recall",)
KEPT = {"neighbour": later("its neighbours"), "unrelated": later("everything else")}
LISTED = 2  # numbers named beside the attacks
SURPRISE = later("nats a token for the model before")


def verdict(numbers: Numbers, about: Subject, findings: Sequence[Finding] = ()) -> str:
    """Forgotten? Does it come back another way? What else got hurt? Like a model that never saw it? And what that does not prove.

    Args:
        numbers: what was measured.
        about: the job.
        findings: of looks inside the run.
    """
    if about.unchanged:
        return tr("Nothing was forgotten of {what}: not one weight of the model moved.", what=about.what)
    if about.manipulates:
        sentence = corrected.manipulated_clause(numbers, about)
        return "; ".join([sentence, _retain_clause(numbers, about), *(one.clause for one in findings)]) + "."
    if about.corrects:
        last = tr(HIDDEN if about.guard else CAVEAT)
        sentence = corrected.clause(numbers, about)
        return "; ".join([sentence, _retain_clause(numbers, about), *(one.clause for one in findings), last]) + "."
    parts = [
        _forget_clause(numbers, about),
        _recovery_clause(numbers, about, {one.covers for one in findings}),
        *(one.clause for one in findings),
        _fluency_clause(numbers),
        _retain_clause(numbers, about),
        _reference_clause(numbers),
        "" if about.guard else _vectors_clause(numbers),
        tr(HIDDEN if about.guard else CAVEAT),
    ]
    return "; ".join(part for part in parts if part) + "."


def _fact_recall(numbers: Numbers, when: str, role: str = "forget") -> float:
    return numbers.part("fact_recall", when, role)


def _forget_clause(numbers: Numbers, about: Subject) -> str:
    shares = [_fact_recall(numbers, when) for when in ("before", "after", "reference")]
    of = tr("of the questions are still answered with the right fact")
    if isnan(shares[1]):  # where answers hold no single fact, as in running text, by the words that are still there
        shares = [numbers.value("forget_rouge", when) for when in ("before", "after", "reference")]
        of = tr("of the true words are still said")
    before, after, aim = shares
    if isnan(after):
        return tr("Whether it forgot {what} was not measured", what=about.what)
    than = "" if isnan(aim) else tr(", {aim:.0f} % by a model that never saw it", aim=aim)
    return tr(
        "{what}: {after:.0f} % {of} ({before:.0f} % before{than})",
        what=_lead(about.what, before, after, aim),
        after=after,
        of=of,
        before=before,
        than=than,
    )


def forgotten(numbers: Numbers, about: Subject) -> Mark:
    """Whether the questions are still answered; where the answers are no language any more, that is said."""
    if about.manipulates:
        return corrected.manipulated(numbers)
    if about.corrects:
        return corrected.corrected(numbers)
    metric = "fact_recall" if not isnan(_fact_recall(numbers, "after")) else "forget_rouge"
    of = tr("of its questions still answered") if metric == "fact_recall" else tr("of the true words still said")
    before, after, aim = (
        _fact_recall(numbers, when) if metric == "fact_recall" else numbers.value(metric, when)
        for when in ("before", "after", "reference")
    )
    if isnan(after):
        return Mark("unknown", tr("Not measured"))
    least = FORGOT if isnan(aim) else max(FORGOT, aim)
    rule = tr("Yes: at most {least}. Partly: {partly:g} points fewer than before.", least=share(least), partly=PARTLY)
    sentence = (f"{share(after)} {of}", beside(before, aim))
    if before <= least:
        return Mark("unknown", tr("Never knew"), *sentence, rule, metric)
    if after > least:
        partly = after <= before - PARTLY
        return Mark("partly" if partly else "no", tr("Partly") if partly else tr("Hardly"), *sentence, rule, metric)
    if broken := _fluency_clause(numbers):
        return Mark(
            "partly", tr("Yes, but broken language"), *sentence, f"{rule} {broken[0].upper()}{broken[1:]}.", metric
        )
    return Mark("yes", tr("Yes"), *sentence, rule, metric)


def retained(numbers: Numbers, about: Subject) -> Mark:
    """Whether everything else is still answered; the number is of the part that lost most."""
    words = {"neighbour": tr("neighbours"), "unrelated": tr("unrelated questions")}
    if about.manipulates or about.corrects:
        words["neighbour"] = tr("questions without the phrase")
    lost = {role: _fact_recall(numbers, "before", role) - _fact_recall(numbers, "after", role) for role in words}
    role = max(words, key=lambda one: -1e9 if isnan(lost[one]) else lost[one])
    number = tr(
        "{share} of {words} answered right", share=share(_fact_recall(numbers, "after", role)), words=words[role]
    )
    was = beside(_fact_recall(numbers, "before", role), _fact_recall(numbers, "reference", role))
    return intact({words[one]: points for one, points in lost.items()}, number, was, "fact_recall")


def really_gone(numbers: Numbers, about: Subject) -> Mark:
    """Whether it comes back by a way that was measured: one expert switched off, or the routing of the original model."""
    known = gone(about)
    if about.corrects:
        return known
    lost = _fact_recall(numbers, "before") - _fact_recall(numbers, "after")
    if known != UNTESTED or not lost >= HURT:
        return known
    tests = [test for test in (_one_expert_off(numbers), _rerouted_recall(numbers)) if test]
    best = max(tests, key=lambda test: test.gain, default=None)
    if best is None:
        return known
    if best.gain / lost < SOME:
        ways = tr(" and ").join(test.how for test in tests)
        return Mark(
            "unknown",
            tr("Not attacked yet"),
            rule=tr("{ways}, it does not come back. No attack has tried.", ways=ways[0].upper() + ways[1:]),
        )
    rule = tr(
        "{how}, {recall} of its questions are answered right again.",
        how=best.how[0].upper() + best.how[1:],
        recall=share(best.recall),
    )
    number = tr("{recall} answered {how}", recall=share(best.recall), how=best.how)
    return Mark(
        "no", tr("Hidden") if best.gain / lost >= BACK else tr("Partly hidden"), number, rule=rule, metric="fact_recall"
    )


def _lead(what: str, before: float, after: float, aim: float) -> str:
    """Forgotten, partly, or hardly; `aim` is that of a model that never saw it."""
    least = FORGOT if isnan(aim) else max(FORGOT, aim)
    if before <= least:
        return tr("It knew little of {what} to begin with", what=what)
    word = (
        tr("It forgot")
        if after <= least
        else tr("It partly forgot")
        if after <= before - PARTLY
        else tr("It hardly forgot")
    )
    return tr("{word} {what}", word=word, what=what)


def _recovery_clause(numbers: Numbers, about: Subject, looked: Set[str]) -> str:
    """Of a mixture of experts, whether the answers come back with one expert switched off, or with the routing before; `looked`,
    the metrics in whose place a look inside speaks."""
    lost = _fact_recall(numbers, "before") - _fact_recall(numbers, "after")
    if about.family != "moe" or not lost >= HURT:
        return ""
    tests = [_one_expert_off(numbers), _rerouted_recall(numbers)]
    tested = sorted((test for test in tests if test), key=lambda test: -test.gain)
    untested = (
        "" if tests[0] or "one_expert_off" in looked else tr("whether one expert alone holds it back was not tested")
    )
    if not tested:
        return untested
    best, *others = tested
    one = 100 / numbers.part(
        "one_expert_off", "after", "questions"
    )  # percent that a single question is; NaN if unknown
    back = 0.0 if best.gain <= one + CHANGED else best.gain / lost  # one answer may come right by chance
    beside = "".join(f" ({other.how}, {other.recall:.0f} %)" for other in others)
    right = tr("{how}, {recall:.0f} % of the questions are answered right", how=best.how, recall=best.recall)
    if back >= BACK:
        words = tr("but {word}, not erased: {right} again{beside}", word=best.word, right=right, beside=beside)
    elif back >= SOME:
        words = tr("but partly {word}: {right} again{beside}", word=best.word, right=right, beside=beside)
    else:
        words = tr(
            later("{right}{beside}, so neither brings it back")
            if others
            else later("{right}{beside}, so that does not bring it back"),
            right=right,
            beside=beside,
        )
    return "; ".join(part for part in (words, untested) if part)


@dataclass(frozen=True)
class Test:
    """A way to bring answers back: how, percent that then name the fact, points gained by it, and what it shows."""

    how: str
    recall: float
    gain: float
    word: str


def _one_expert_off(numbers: Numbers) -> Test | None:
    """With the one expert switched off that brings back most."""
    recall = numbers.value("one_expert_off", "after")
    if isnan(recall):
        return None
    plain, layer, expert = (
        numbers.part("one_expert_off", "after", name) for name in ("with all experts", "layer", "expert")
    )
    which = (
        tr("expert {expert:.0f} of layer {layer:.0f}", expert=expert, layer=layer)
        if recall > plain
        else tr("whichever one expert")
    )
    return Test(tr("with {which} switched off", which=which), recall, recall - plain, tr("held back by one expert"))


def _rerouted_recall(numbers: Numbers) -> Test | None:
    """With the routing of the model before."""
    recall = numbers.value("rerouted_recall", "after")
    if isnan(recall):
        return None
    plain = numbers.part("rerouted_recall", "after", "with its own routing")
    return Test(tr("with the experts that were chosen before"), recall, recall - plain, tr("rerouted"))


def _fluency_clause(numbers: Numbers) -> str:
    """Whether what it says there is still language; empty where that was not measured, or it is."""
    before, after, again = (numbers.value("fluency", when) for when in ("before", "after", "reference"))
    strange, aim = (numbers.part("fluency", when, SURPRISE) for when in ("after", "reference"))
    least = STAMMER
    if isnan(aim):
        aim, least = numbers.part("fluency", "before", SURPRISE), STAMMER_ALONE
    usual = before if isnan(again) else again
    broken = strange - aim >= least
    short = after <= REPEATS * usual
    than = tr("before") if isnan(again) else tr("of the retrained reference")
    entropy = tr("n-gram entropy {after:.1f} bits, {usual:.1f} {than}", after=after, usual=usual, than=than)
    if broken and short:
        return tr(
            "it stammers where it used to answer ({entropy}; {strange:.1f} {surprise}, {aim:.1f} otherwise)",
            entropy=entropy,
            strange=strange,
            surprise=SURPRISE,
            aim=aim,
        )
    if short:
        return tr("its answers there are shorter than they were, or repeat themselves ({entropy})", entropy=entropy)
    if broken:
        return tr(
            "its answers there are nothing that the model before would say ({strange:.1f} {surprise}, {aim:.1f} otherwise)",
            strange=strange,
            surprise=SURPRISE,
            aim=aim,
        )
    return ""


def _retain_clause(numbers: Numbers, about: Subject) -> str:
    role_words = KEPT | ({"neighbour": tr("people like them")} if about.people else {})
    if about.manipulates or about.corrects:
        role_words["neighbour"] = tr("the same questions without the phrase")
    lost = {
        words: _fact_recall(numbers, "before", role) - _fact_recall(numbers, "after", role)
        for role, words in role_words.items()
    }
    measured = {words: points for words, points in lost.items() if not isnan(points)}
    if not measured:
        return tr("what else got hurt was not measured")
    listed = ", ".join(
        tr("{points} on {words}", points=signed(-points), words=words) for words, points in measured.items()
    )
    lead = tr("the rest lost little") if max(measured.values()) < HURT else tr("the rest was hurt")
    return tr("{lead} (points of right answers: {listed})", lead=lead, listed=listed)


def _reference_clause(numbers: Numbers) -> str:
    """Whether it can be told from a model that never saw it: a test that fails to reject is named as one, with those that do."""
    p = numbers.value("forget_quality", "after")
    if p < ALIKE:
        return tr("the test of its truth ratios tells it from a model that never saw it (p {p})", p=probability(p))
    far = [name for name in numbers.far("fact_recall") if numbers.measures(name) in ("forgetting", "privacy")]
    attacks = [name for name in far if numbers.measures(name) == "privacy"]
    others = [name for name in far if name not in attacks][:LISTED]
    parts = []
    if not isnan(p):
        parts.append(
            tr("the test of its truth ratios cannot tell it from a model that never saw it (p {p})", p=probability(p))
        )
    if attacks:
        one = len(attacks) == 1
        if parts:
            clause = tr(", but a membership attack can") if one else tr(", but membership attacks can")
        else:
            clause = (
                tr("a membership attack can tell it from a model that never saw it")
                if one
                else tr("membership attacks can tell it from a model that never saw it")
            )
        parts = ["".join([*parts, f"{clause}: {numbers.beside(attacks)}"])]
    if others:
        parts.append(
            tr(
                later("far from such a model are {others}")
                if len(others) > 1
                else later("far from such a model is {others}"),
                others=numbers.beside(others),
            )
        )
    return "; ".join(parts)


def _vectors_clause(numbers: Numbers) -> str:
    """Whether the vectors that spell it moved with the answers; empty where that was not measured, or the answers stayed."""
    before, after = (_fact_recall(numbers, when) for when in ("before", "after"))
    if isnan(after):
        before, after = (numbers.value("forget_rouge", when) for when in ("before", "after"))
    share = numbers.value("concept_vector_words", "after")
    if isnan(share) or isnan(after) or not (after <= FORGOT < before or after <= before - PARTLY):
        return ""
    control = numbers.part("concept_vector_words", "after", "random columns")
    other = "" if isnan(control) else tr(", of random columns {control:.0f} %", control=control)
    listed = tr("({share:.0f} % of their first words are the same{other})", share=share, other=other)
    if share >= 100 * SAME:
        return tr(
            "the answers changed, but the vectors inside the model that spell what was to be forgotten barely moved {listed}",
            listed=listed,
        )
    if share >= 100 * OTHER:
        return tr(
            "the vectors inside the model that spell what was to be forgotten changed in part {listed}", listed=listed
        )
    return tr("the vectors inside the model that spell what was to be forgotten are others now {listed}", listed=listed)
