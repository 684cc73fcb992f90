"""Expert ablation: each expert switched off in turn, in the model before and after."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.goals import BACK, CHANGED, HURT, SOME
from ..api.panels import AnyPanel, Heatmap, Switch, Verdict, Words
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.language.expert_sweep import gains, highest
from ..families.language.experts import MoeLayer, moe_layers, switched_off
from ..families.language.task import LanguageModel
from ..families.language.tokens import answers, likelihoods
from ..metrics._answers import SEUF
from ._answers import chosen, items, plain
from ._common import GROUPS, Group, percent

NAMES: dict[Group, str] = {
    "forget": "of the forget set",
    "neighbour": "of neighbours",
    "unrelated": "that are unrelated",
}
MODELS: dict[When, str] = {"before": "original", "after": "unlearned"}
NUMBERED = 16  # experts up to which the cells of a matrix carry their numbers


class ExpertAblation(Params):
    """How much to ask, and which expert to look at closer."""

    questions: int = Field(default=8, ge=1, le=200, description="At most this many questions of each kind.")
    layer: int = Field(
        default=0,
        ge=0,
        le=500,
        description="Layer of the expert whose answers are shown, counted from 1; 0 for the one that matters most.",
    )
    expert: int = Field(
        default=0, ge=0, le=1000, description="That expert, counted from 1; 0 for the one that matters most."
    )


@inspector(
    id="expert_ablation",
    title="Expert ablation: what is lost without one expert",
    summary="What is no longer known when one expert adds nothing, in the model before and in the unlearned one.",
    source=SEUF,
    needs=("answers", "router"),
    order=-1,
    group="there",
)
def expert_ablation(look: InspectContext[LanguageModel], params: ExpertAblation) -> list[AnyPanel]:
    """Probability of a token of the true answers, exp(-NLL a token), with each expert of each layer adding nothing, less that with
    all of them, in points; and the answers without one of them. Routing is left as it is, and the gate scores of the others too.

    Raises:
        BadInput: the model has no router, or there is no such expert.
    """
    some = items(look, chosen(look, params.questions))
    roles = [item.role for item in some]
    texts = look.task.texts([item.pair for item in some])
    models: dict[When, Any] = {"before": look.before, "after": look.after}
    lost = {
        when: gains(model, texts, partial(look.steps, phase=f"switching experts off, {when}"))
        for when, model in models.items()
    }
    mean = {
        (role, when): table[..., [one == role for one in roles]].mean(-1)
        for role in GROUPS
        if role in roles
        for when, table in lost.items()
    }
    maps: list[AnyPanel] = [
        _maps(look.before, {when: mean[role, when] for when in models}, role) for role in GROUPS if role in roles
    ]
    left = {
        when: 100 * np.exp(-likelihoods(model, texts).double().numpy())[[one == "forget" for one in roles]].mean()
        for when, model in models.items()
    }
    answer = _verdict(mean["forget", "after"], look.after, float(left["before"]), float(left["after"]))
    # with an expert that holds answers back, its answers are what to see; else those of the one that is missed most
    chosen_by = mean["forget", "after"] if answer.finding else -mean["forget", "before"]
    return [answer, *maps, _answers_without(look, params, some, roles, models, chosen_by)]


def _verdict(gained: NDArray[np.float64], model: Any, before: float, after: float) -> Verdict:
    """Whether the answers come back with one expert off: `gained` points [layers, experts] by what was to be forgotten, of a token's
    probability `before` and `after` in percent."""
    number, expert, points = highest(gained, model)
    sign, meaning = judged(before, after, points)
    which = f"expert {expert + 1} of layer {number + 1}"
    numbers = f"{percent(before)} a token before, {percent(after)} after, {percent(after + points)} with that one off"
    finding_by_sign = {
        "no": f"Turn off {which} alone and the forgotten answers are back, {points:+.1f} points: {numbers}.",
        "partly": f"Turn off {which} alone and a part of the forgotten answers is back, {points:+.1f} points: {numbers}.",
        "yes": f"Whichever single expert is turned off, the forgotten answers stay away: at most {points:+.1f} points, without {which}.",
    }
    return Verdict(
        title="Is it gone, whichever one expert is switched off?",
        how="No: with one expert adding nothing, at least half of the probability that the true answers lost comes back, so that expert holds them back and they are still in the model. Yes: less than a fifth, which says nothing of two experts at once.",
        says=finding_by_sign.get(sign, f"{meaning}."),
        sign=sign,
        finding=f"with {which} switched off the forgotten answers come back ({points:+.0f} points of probability)"
        if sign in ("no", "partly")
        else "",
        covers="one_expert_off",
    )


def judged(before: float, after: float, points: float) -> tuple[Literal["yes", "partly", "no", "unknown"], str]:
    """(sign, what it means) of percentages a token before and after, and the most that one expert brings back."""
    if not np.isfinite(before + after + points):
        return "unknown", "The model after gives no numbers any more"
    if before - after < HURT:
        return "unknown", "The answers are as likely as before, so there is nothing to come back"
    back = points / (before - after)
    return ("no", "back") if back >= BACK else ("partly", "partly back") if back >= SOME else ("yes", "away")


def _maps(model: Any, tables: dict[When, NDArray[np.float64]], role: Group) -> Switch:
    """The points by layer and expert, of both models on one scale."""
    layers = moe_layers(model)
    how = "A row is a layer, a column an expert: how many points of probability the true answers lose, or gain, where it adds nothing. Blue is lost with it, orange held back by it. What no longer needs any expert here was not known, or is known elsewhere. Both models share one scale."
    most = float(max(np.abs(np.nan_to_num(table)).max() for table in tables.values()))
    options = [
        Heatmap(
            title=MODELS[when],
            how=how,
            says=_extremes(table, layers),
            rows=[f"layer {layer.number + 1}" for layer in layers],
            columns=[f"expert {number + 1}" for number in range(layers[0].count)],
            z=[[float(value) for value in row] for row in table],
            unit="points",
            scale="difference",
            most=most or None,
            numbers=layers[0].count <= NUMBERED,
        )
        for when, table in tables.items()
    ]
    return Switch(title=f"Answers {NAMES[role]} without each expert", how=how, options=options, start=len(options) - 1)


def _extremes(table: NDArray[np.float64], layers: Sequence[MoeLayer]) -> str:
    """Which expert is missed most and which held most back, where there are such; the larger of the two first."""
    ends: list[tuple[float, str]] = []
    for words, sign in (("Missed most", -1), ("Held back most by", 1)):
        at, expert = np.unravel_index(int((sign * np.nan_to_num(table)).argmax()), table.shape)
        points = float(table[at, expert])
        if sign * points >= CHANGED:
            name = f"expert {expert + 1} of layer {layers[int(at)].number + 1}"
            ends.append((abs(points), f"{words}: {name}, {points:+.1f} points."))
    ends.sort(key=lambda end: -end[0])
    return " ".join(sentence for _, sentence in ends) or "Without any one of them nothing changes."


def _answers_without(
    look: InspectContext[LanguageModel],
    params: ExpertAblation,
    some: Any,
    roles: list[Group],
    models: dict[When, Any],
    weight: NDArray[np.float64],
) -> Words:
    layers = [layer.number for layer in moe_layers(look.before)]
    best = np.unravel_index(int(np.nan_to_num(weight).argmax()), weight.shape)
    number = params.layer - 1 if params.layer else layers[int(best[0])]
    row = weight[layers.index(number)] if number in layers else weight[0]
    expert = params.expert - 1 if params.expert else int(np.nan_to_num(row).argmax())
    selected = [at for group in GROUPS for at in [place for place, role in enumerate(roles) if role == group][:3]]
    questions = [some[at].pair.question for at in selected]
    columns: dict[str, list[str]] = {}
    for when, model in models.items():
        columns[when] = answers(model, look.task.reader, questions, 40)
        with switched_off(model, [(number, expert)]):
            columns[f"{when}, without it"] = answers(model, look.task.reader, questions, 40)
    others = [
        sum(one != two for one, two in zip(columns[when], columns[f"{when}, without it"], strict=True))
        for when in models
    ]
    return Words(
        title=f"Without expert {expert + 1} of layer {number + 1}",
        how="Each row is one question; without it: that expert adds nothing to any word. Choose another one by its layer and number.",
        says=f"Of these {len(selected)} answers, {others[0]} change without it in the model before, {others[1]} in the model after.",
        columns=["question", *columns],
        rows=[
            [plain(question), *(plain(texts[at]) for texts in columns.values())]
            for at, question in enumerate(questions)
        ],
        roles=[roles[at] for at in selected],
    )
