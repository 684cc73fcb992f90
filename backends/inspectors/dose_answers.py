"""Weight interpolation: answers along the line from the original to the unlearned weights, and beyond."""

import copy
from typing import Literal

import numpy as np
from pydantic import Field

from ..api.panels import AnyPanel, Lines, Role, Series, Words
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..core.run import set_dose
from ..families.language.qa import EvalItem
from ..families.language.task import LanguageModel
from ..families.language.tokens import answers, likelihoods
from ..metrics._answers import rouge_recall
from ._answers import chosen, items, plain
from ._common import GROUP_WORDS, GROUPS, Group, at_dose, halfway, percent

What = Literal["share", "rouge"]
SHOWN = 2  # questions of each kind whose answers are shown at every dose


class DoseAnswers(Params):
    """How finely to look."""

    steps: int = Field(default=7, ge=4, le=31, description="How many doses between 0 and 1.5.")
    questions: int = Field(default=20, ge=2, le=400, description="At most this many questions of each kind.")


@inspector(
    id="dose_answers",
    title="Weight interpolation: how answers change with the dose",
    summary="Applies only a part of the change, or more than all of it, and asks what is forgotten and what is kept.",
    source={
        "title": "Linear interpolation of weights: Goodfellow et al., ICLR 2015; task arithmetic: Ilharco et al., ICLR 2023",
        "url": "https://arxiv.org/abs/2212.04089",
    },
    needs=("answers",),
    order=22,
    group="sees",
)
def dose_answers(look: InspectContext[LanguageModel], params: DoseAnswers) -> list[AnyPanel]:
    """Of theta(a) = before + a (after - before), a in 0..1.5: ROUGE-L recall of greedy answers and exp(-NLL a token) of the
    true ones, mean over some questions of each role, in percent. Doses 0 and 1 are always among those measured.
    """
    doses = sorted({0.0, 1.0, *(round(1.5 * i / (params.steps - 1), 4) for i in range(params.steps))})
    some = items(look, chosen(look, params.questions))
    pairs = [item.pair for item in some]
    texts, model = look.task.texts(pairs), copy.deepcopy(look.after)
    responses: dict[float, list[str]] = {}
    measured: dict[What, list[list[float]]] = {"share": [], "rouge": []}
    for amount in look.steps(doses, "asking at doses"):
        set_dose(model, look.before, look.after, amount)
        responses[amount] = answers(model, look.task.reader, [pair.question for pair in pairs])
        right = [rouge_recall(pair.answer, text) for pair, text in zip(pairs, responses[amount], strict=True)]
        measured["rouge"].append([100 * value for value in right])
        measured["share"].append([100 * float(value) for value in np.exp(-likelihoods(model, texts).numpy())])
    roles = [item.role for item in some]
    return [
        _curves(
            doses,
            measured["rouge"],
            roles,
            "How much of its answers is true",
            "words of the true answer said (ROUGE-L), %",
        ),
        _curves(doses, measured["share"], roles, "How likely the true answers are", "probability of a token, %"),
        _beside(some, roles, responses),
    ]


def _curves(doses: list[float], rows: list[list[float]], roles: list[Group], title: str, y_title: str) -> Lines:
    table = np.array(rows)
    means = {group: table[:, [role == group for role in roles]].mean(1) for group in GROUPS if group in roles}
    series = [
        Series(name=GROUP_WORDS[group], values=[float(value) for value in values], role=_meant(group))
        for group, values in means.items()
    ]
    return Lines(
        title=title,
        how="0 is the model before, 1 the model after; between them only a part of the change is made, and beyond 1 more than all of it. Answers in the same form with another fact still share most words.",
        says=_dose_sentence(doses, {group: list(values) for group, values in means.items()}),
        x=doses,
        series=series,
        x_title="dose of the change",
        y_title=y_title,
    )


def _meant(group: Group) -> Role:
    return group


def _dose_sentence(doses: list[float], curves: dict[Group, list[float]]) -> str:
    of_target, near = curves["forget"], curves.get("neighbour", curves["forget"])
    start, end = doses.index(0.0), doses.index(1.0)
    drop = of_target[start] - of_target[end]
    cost = f"neighbours go from {percent(near[start])} to {percent(near[end])} at dose 1, and stand at {percent(near[-1])} at {doses[-1]:g}"
    if not drop > 1:
        return f"What was to be forgotten hardly falls with the dose: {percent(of_target[start])} without the change, {percent(of_target[end])} with all of it; {cost}."
    return f"{at_dose(halfway(doses, of_target))}; {cost}."


def _beside(some: list[EvalItem], roles: list[Group], responses: dict[float, list[str]]) -> Words:
    selected = [at for group in GROUPS for at in [place for place, role in enumerate(roles) if role == group][:SHOWN]]
    rows = [
        [
            plain(some[at].pair.question),
            plain(some[at].pair.answer),
            *(plain(texts[at]) for texts in responses.values()),
        ]
        for at in selected
    ]
    return Words(
        title="The same questions at every dose",
        how="Each row is one question; to the right, more of the change is made.",
        says=f"{len(rows)} of the {len(some)} questions that were asked at each of {len(responses)} doses.",
        columns=["question", "true answer", *(f"dose {amount:g}" for amount in responses)],
        rows=rows,
        roles=[roles[at] for at in selected],
    )
