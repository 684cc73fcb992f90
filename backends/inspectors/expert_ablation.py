"""Switch experts off, one after the other, in the model before and after: what goes with each?"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Heatmap, Words
from ..engine.evidence import Look, When
from ..metrics._answers import SEUF
from ..models.experts import moe_layers, switched_off
from ..models.texts import Texts, answers, nll
from ..registry import Params, inspector
from ._answers import NO_EXPERTS, chosen, items, plain
from ._common import GROUPS, Group, percent

NAMES: dict[Group, str] = {"forget": "to be forgotten", "neighbour": "of neighbours", "unrelated": "that are unrelated"}


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
    title="Switch experts off",
    summary="What is no longer known when one expert adds nothing, in the model before and in the unlearned one.",
    source=SEUF,
    works_with=NO_EXPERTS | {"moe": True},
    order=-1,
)
def expert_ablation(look: Look, params: ExpertAblation) -> list[AnyPanel]:
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
        when: losses(model, texts, lambda experts, when=when: look.steps(experts, f"switching experts off, {when}"))  # type: ignore[misc]
        for when, model in models.items()
    }
    mean = {
        (role, when): table[..., [one == role for one in roles]].mean(-1)
        for role in GROUPS
        if role in roles
        for when, table in lost.items()
    }
    panels: list[AnyPanel] = [_map(look.before, table, role, when) for (role, when), table in mean.items()]
    return [*panels, _told(look, params, some, roles, models, mean["forget", "before"])]


@torch.no_grad()
def losses(model: Any, texts: Texts, steps: Callable[[list[Any]], Iterable[Any]] = iter) -> NDArray[np.float64]:
    """Points of probability of each answer that each expert brings [layers, experts, texts], negative where it is missed; `steps`
    gives the experts back one by one."""
    texts = texts.to(next(model.parameters()).device)

    def share() -> NDArray[np.float64]:
        lost, count = nll(model, texts)
        return (100 * (-lost / count).exp()).double().cpu().numpy()  # type: ignore[no-any-return]

    whole, rows, layers = share(), [], moe_layers(model)
    for layer, expert in steps([(one, number) for one in layers for number in range(one.count)]):
        with switched_off(model, [(layer.number, expert)]):
            rows.append(share() - whole)
    return np.stack(rows).reshape(len(layers), -1, len(whole))


def _map(model: Any, table: NDArray[np.float64], role: Group, when: When) -> Heatmap:
    layers = moe_layers(model)
    at, expert = np.unravel_index(int(np.nan_to_num(table).argmin()), table.shape)
    return Heatmap(
        title=f"Answers {NAMES[role]}, {when}",
        how="A row is a layer, a column an expert: how many points of probability the true answers lose where it adds nothing. What no longer needs any expert here was not known, or is known elsewhere.",
        says=f"Missed most: expert {expert + 1} of layer {layers[at].number + 1}, {table[at, expert]:+.1f} points.",
        rows=[f"layer {layer.number + 1}" for layer in layers],
        columns=[f"expert {number + 1}" for number in range(layers[0].count)],
        z=[[float(value) for value in row] for row in table],
        unit="points",
        scale="difference",
        numbers=True,
        marked=[],
    )


def _told(
    look: Look,
    params: ExpertAblation,
    some: Any,
    roles: list[Group],
    models: dict[When, Any],
    lost: NDArray[np.float64],
) -> Words:
    layers = [layer.number for layer in moe_layers(look.before)]
    best = np.unravel_index(int(np.nan_to_num(lost).argmin()), lost.shape)
    number = params.layer - 1 if params.layer else layers[int(best[0])]
    row = lost[layers.index(number)] if number in layers else lost[0]
    expert = params.expert - 1 if params.expert else int(np.nan_to_num(row).argmin())
    shown = [at for group in GROUPS for at in [place for place, role in enumerate(roles) if role == group][:3]]
    questions = [some[at].pair.question for at in shown]
    columns: dict[str, list[str]] = {}
    for when, model in models.items():
        columns[when] = answers(model, look.task.reader, questions, 40)
        with switched_off(model, [(number, expert)]):
            columns[f"{when}, without it"] = answers(model, look.task.reader, questions, 40)
    other = sum(one != two for one, two in zip(columns["before"], columns["before, without it"], strict=True))
    return Words(
        title=f"Without expert {expert + 1} of layer {number + 1}",
        how="Each row is one question; without it: that expert adds nothing to any word. Choose another one by its layer and number.",
        says=f"In the model before, {percent(100 * other / len(shown))} of these {len(shown)} answers change without it.",
        columns=["question", *columns],
        rows=[
            [plain(question), *(plain(texts[at]) for texts in columns.values())]
            for at, question in enumerate(questions)
        ],
        roles=[roles[at] for at in shown],
    )
