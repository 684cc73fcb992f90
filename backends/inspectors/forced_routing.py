"""Forced routing: the unlearned weights with the expert choices of the model before."""

import math
from typing import Literal

from pydantic import Field
from torch import nn

from ..api.goals import BACK, SOME
from ..api.panels import AnyPanel, Bars, Role, Series, Sign, Verdict, Words
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.experts import Rerouted
from ..families.language.qa import EvalItem
from ..families.language.task import LanguageModel
from ..families.language.tokens import answers, likelihoods
from ..metrics._answers import SEUF
from ._answers import chosen, items, plain
from ._common import GROUP_WORDS, GROUPS, Group, percent

WAYS = ("before", "after", "after, old routing")
SHOWN = 4


class ForcedRouting(Params):
    """How much to ask."""

    questions: int = Field(default=10, ge=1, le=200, description="At most this many questions of each kind.")


@inspector(
    id="forced_routing",
    title="Forced routing: the answers with the old experts",
    summary="Asks the unlearned model with the experts that the model before would have chosen: erased, or only rerouted?",
    source=SEUF,
    needs=("answers", "router"),
    order=-2,
    group="there",
)
def forced_routing(look: InspectContext[LanguageModel], params: ForcedRouting) -> list[AnyPanel]:
    """Greedy answers and exp(-NLL a token) of the true ones, by the model before, after, and after with the experts and their gate
    scores that the model before has for the same words, in every layer. Our test; the paper has none.

    Raises:
        BadInput: the model has no router.
    """
    some = items(look, chosen(look, params.questions))
    pairs, roles = [item.pair for item in some], [item.role for item in some]
    texts = look.task.texts(pairs)
    speakers: dict[str, nn.Module] = dict(
        zip(WAYS, (look.before, look.after, Rerouted(look.after, look.before)), strict=True)
    )
    responses: dict[str, list[str]] = {}
    right: dict[str, dict[Group, float]] = {}
    likely: dict[str, dict[Group, float]] = {}
    for way, model in look.steps(speakers.items(), "asking three ways"):
        responses[way] = answers(model, look.task.reader, [pair.question for pair in pairs], 40)
        holds_fact = [
            100.0 * (pair.value.casefold() in text.casefold()) for pair, text in zip(pairs, responses[way], strict=True)
        ]
        share = (100 * (-likelihoods(model, texts)).exp()).tolist()
        right[way], likely[way] = (
            {role: _mean(one, roles, role) for role in GROUPS if role in roles} for one in (holds_fact, share)
        )
    return [
        _verdict(right),
        _bars("Answers that name the fact", right),
        _bars("How likely the true answers are", likely),
        _beside(some, roles, responses),
    ]


def _mean(values: list[float], roles: list[Group], role: Group) -> float:
    own = [value for value, one in zip(values, roles, strict=True) if one == role]
    return sum(own) / len(own)


def judged(before: float, after: float, forced: float) -> tuple[Sign, str]:
    """(sign, meaning) of the percentages of right answers before, after, and after with the old routing."""
    if math.isnan(before + after + forced) or before - after < 1:
        return "unknown", "Nothing was forgotten, so there is nothing to come back"
    back = (forced - after) / (before - after)
    if back >= BACK:
        return "no", "Rerouted, not erased: with the old routing the answers come back"
    if back >= SOME:
        return "partly", "Partly rerouted: with the old routing some answers come back"
    return "yes", "Not only rerouted: with the old routing the answers do not come back"


def _verdict(right: dict[str, dict[Group, float]]) -> Verdict:
    was, now, forced = (right[way].get("forget", math.nan) for way in WAYS)
    sign, meaning = judged(was, now, forced)
    return Verdict(
        title="Is it more than rerouted?",
        how="No: at least half of the answers that were lost come back when every word is sent to the experts it went to before. Yes: fewer than a fifth. It says nothing of other ways back.",
        says=f"{meaning}: {percent(was)} of the questions were answered with the fact before, {percent(now)} after, {percent(forced)} after with the old routing.",
        sign=sign,
        finding=f"with the experts that were chosen before, {percent(forced)} are answered right again"
        if sign in ("no", "partly")
        else "",
        covers="rerouted_recall",
    )


def _bars(title: str, percent_by_way: dict[str, dict[Group, float]]) -> Bars:
    groups = list(percent_by_way[WAYS[0]])
    style: dict[str, tuple[Role, Literal["before", "after", ""]]] = {
        WAYS[0]: ("amount", "before"), WAYS[1]: ("amount", "after"), WAYS[2]: ("difference", ""),
    }  # fmt: skip
    was, now, forced = (percent_by_way[way][groups[0]] for way in WAYS)
    return Bars(
        title=title,
        how="Each group is one kind of question. Where the third bar stands above the second, the old routing brings something back; where it lies below, the weights have come to need the new one.",
        says=f"{GROUP_WORDS[groups[0]][:1].upper()}{GROUP_WORDS[groups[0]][1:]}: {percent(was)} before, {percent(now)} after, {percent(forced)} after with the old routing.",
        labels=[GROUP_WORDS[group] for group in groups],
        series=[
            Series(name=way, values=list(of.values()), role=style[way][0], when=style[way][1])
            for way, of in percent_by_way.items()
        ],
        unit="%",
    )


def _beside(some: list[EvalItem], roles: list[Group], responses: dict[str, list[str]]) -> Words:
    selected = [at for group in GROUPS for at in [place for place, role in enumerate(roles) if role == group][:SHOWN]]
    back = sum(responses[WAYS[2]][at] == responses[WAYS[0]][at] != responses[WAYS[1]][at] for at in range(len(some)))
    return Words(
        title="The same questions, three ways",
        how="Each row is one question, asked of the model before, after, and after with the routing of before.",
        says=f"{back} of {len(some)} answers are again what they were before, word for word, with the old routing and only with it.",
        columns=["question", *WAYS],
        rows=[[plain(some[at].pair.question), *(plain(responses[way][at]) for way in WAYS)] for at in selected],
        roles=[roles[at] for at in selected],
    )
