"""Routing: where the router of a mixture of experts sends words, before and after."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.errors import BadInput
from ..api.panels import AnyPanel, Bars, Flow, Heatmap, Lines, Role, Routed, Routes, Series, Verdict
from ..api.runs import RunFolder
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.experts import Routing, jaccard, overlap, read, same
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ..metrics._answers import SEUF
from ._common import percent

STEADY, LOOSE = (
    0.95,
    0.5,
)  # share of words with the same experts from which routing counts as kept, and below which as lost
SHOWN: dict[Role, int] = {"forget": 5, "unrelated": 3}  # texts whose words are coloured


class RoutingParams(Params):
    """How much to look at, and which expert to follow."""

    tokens: int = Field(
        default=2000, ge=50, le=100_000, description="At most about this many words, half of them kept ones."
    )
    layer: int = Field(
        default=0, ge=0, le=500, description="Layer of the expert to follow, counted from 1; 0: where use changed most."
    )
    expert: int = Field(
        default=0, ge=0, le=1000, description="Expert of that layer, counted from 1; 0: where use changed most."
    )


@inspector(
    id="routing",
    title="Routing: which experts each word goes to",
    summary="Which experts the router sends the words to, before and after, of what was to be forgotten and of what is kept.",
    source=SEUF,
    needs=("answers", "router"),
    order=-3,
    group="change",
)
def routing(look: InspectContext[LanguageModel], params: RoutingParams) -> list[AnyPanel]:
    """Share of the top-k choices by layer and expert on questions with true answers; the words of one expert; the way from old
    to new experts in its layer; and the share of words whose experts are all the same, by layer and through the steps.

    Raises:
        BadInput: the model has no router, or not that layer or expert.
    """
    texts = {
        "forget": _some(look.task.forget, params.tokens // 2),
        "unrelated": _some(look.task.keep, params.tokens // 2),
    }
    before = {role: read(look.before, some) for role, some in look.steps(texts.items(), "following words, before")}
    after = {role: read(look.after, some) for role, some in look.steps(texts.items(), "following words, after")}
    changed = after["forget"].use() - before["forget"].use()
    at, expert = _followed(before["forget"], changed, params)
    panels: list[AnyPanel] = [_verdict(before, after), _stability(before, after)]
    for role, words in (("forget", "what was to be forgotten"), ("unrelated", "what is kept")):
        panels += _maps(before[role], after[role], words)
    panels.insert(1, _routes(look, texts, before, after, at, expert))
    panels.append(_flow(before["forget"], after["forget"], at))
    return panels + _through(look)


def _some(texts: Texts, tokens: int) -> Texts:
    """Texts of about so many tokens in all, at least one, drawn the same each time."""
    order = np.random.default_rng(0).permutation(len(texts))
    count = int((np.cumsum(texts.mask.sum(1).cpu().numpy()[order]) <= tokens).sum())
    return texts[np.sort(order[: max(1, count)])]


def _followed(token_routing: Routing, changed: NDArray[np.float64], params: RoutingParams) -> tuple[int, int]:
    """(place of the layer in `token_routing`, expert from 0)."""
    numbers = [number + 1 for number in token_routing.layers]
    if params.layer and params.layer not in numbers:
        raise BadInput(f"Layer {params.layer} has no router; those that have are {', '.join(map(str, numbers))}.")
    if params.expert > token_routing.count:
        raise BadInput(f"There is no expert {params.expert}; a layer has {token_routing.count}.")
    size = np.abs(changed)
    at = numbers.index(params.layer) if params.layer else int(size.max(1).argmax())
    return at, params.expert - 1 if params.expert else int(size[at].argmax())


def _verdict(before: dict[str, Routing], after: dict[str, Routing]) -> Verdict:
    was, now = before["forget"], after["forget"]
    how = "A word goes to the best few experts of each layer. Yes: at least 95 % of the words to be forgotten still go to exactly the same ones; no: fewer than half."
    title = "Do the words still go to the same experts?"
    if was.chosen.shape[2] >= was.count:
        return Verdict(
            title=title,
            how=how,
            says=f"Every word goes to all {was.count} experts, so routing cannot shift.",
            sign="unknown",
        )
    share, unrelated_share = (
        float(same(before[role].chosen, after[role].chosen).mean()) for role in ("forget", "unrelated")
    )
    finding = (
        f"{percent(100 * share)} of the words to be forgotten go to the same experts as before, over all layers "
        f"({percent(100 * unrelated_share)} of those kept); their experts overlap by {float(overlap(was.chosen, now.chosen).mean()):.2f}, "
        f"Jaccard {float(jaccard(was.chosen, now.chosen).mean()):.2f}."
    )
    return Verdict(
        title=title, how=how, says=finding, sign="yes" if share >= STEADY else "no" if share < LOOSE else "partly"
    )


def _stability(before: dict[str, Routing], after: dict[str, Routing]) -> Bars:
    names: dict[str, tuple[str, Role]] = {"forget": ("to be forgotten", "forget"), "unrelated": ("kept", "unrelated")}
    each = {role: 100 * same(before[role].chosen, after[role].chosen).mean(1) for role in names}
    labels = _layers(before["forget"])
    least = int(each["forget"].argmin())
    return Bars(
        title="How many words keep their experts, by layer",
        how="The share of words whose experts are all the same before and after. Where nothing below a router changed, it cannot choose otherwise, and its 100 % says nothing.",
        says=f"Fewest in {labels[least]}: {percent(float(each['forget'][least]))} of the words to be forgotten.",
        labels=labels,
        series=[
            Series(name=name, values=[float(one) for one in each[role]], role=meant)
            for role, (name, meant) in names.items()
        ],
        unit="%",
    )


def _layers(token_routing: Routing) -> list[str]:
    return [f"layer {number + 1}" for number in token_routing.layers]


def _experts(token_routing: Routing) -> list[str]:
    return [f"expert {number + 1}" for number in range(token_routing.count)]


def _maps(before: Routing, after: Routing, words: str) -> list[AnyPanel]:
    tables = {"before": 100 * before.use(), "after": 100 * after.use()}
    chance = 100 / before.count
    panels: list[AnyPanel] = [
        Heatmap(
            title=f"Experts on {words}, {when}",
            how=f"A row is a layer, a column an expert: its share of the layer's choices. Used alike, each would have {chance:.1f} %.",
            says=_most(table, before),
            rows=_layers(before),
            columns=_experts(before),
            z=[[float(value) for value in row] for row in table],
            unit="%",
            numbers=True,
        )
        for when, table in tables.items()
    ]
    moved = tables["after"] - tables["before"]
    at, expert = np.unravel_index(int(np.abs(moved).argmax()), moved.shape)
    return [
        *panels,
        Heatmap(
            title=f"Experts on {words}, difference",
            how="Points of a layer's choices that an expert gained or lost. A row adds up to 0.",
            says=f"Most in layer {before.layers[at] + 1}, expert {expert + 1}: {moved[at, expert]:+.1f} points.",
            rows=_layers(before),
            columns=_experts(before),
            z=[[float(value) for value in row] for row in moved],
            unit="points",
            scale="difference",
            numbers=True,
        ),
    ]


def _most(table: NDArray[np.float64], token_routing: Routing) -> str:
    at, expert = np.unravel_index(int(table.argmax()), table.shape)
    return f"Most used: expert {expert + 1} of layer {token_routing.layers[at] + 1}, with {percent(float(table[at, expert]))} of the choices."


def _routes(
    look: InspectContext[LanguageModel],
    texts: dict[str, Texts],
    before: dict[str, Routing],
    after: dict[str, Routing],
    at: int,
    expert: int,
) -> Routes:
    routed_texts = [
        _text(look, texts[role], before[role], after[role], row, role)
        for role, most in SHOWN.items()
        for row in range(min(most, len(texts[role])))
    ]
    was, now = (100 * by_role["forget"].assignment().mean(1) for by_role in (before, after))
    counts = [int((by_role["forget"].chosen[at] == expert).any(1).sum()) for by_role in (before, after)]
    name = f"expert {expert + 1} of layer {before['forget'].layers[at] + 1}"
    return Routes(
        title="Which expert works on which word",
        how="Choose a layer and an expert, or click a word: the words that go to that expert are framed. The line under a word is the shade of its first expert. Beside each expert: its share of the words to be forgotten, before → after.",
        says=f"Of {before['forget'].chosen.shape[1]} words to be forgotten, {counts[0]} went to {name} before, and {counts[1]} go there after.",
        layers=_layers(before["forget"]),
        experts=before["forget"].count,
        texts=routed_texts,
        shares=[list(zip(*pair, strict=True)) for pair in zip(was.tolist(), now.tolist(), strict=True)],
        layer=at,
        expert=expert,
    )


def _text(
    look: InspectContext[LanguageModel], texts: Texts, before: Routing, after: Routing, row: int, role: Role
) -> Routed:
    """One text; of each word its experts, the one with the largest gate score first."""
    tokens = np.flatnonzero(before.rows == row)
    decode = look.task.reader.tokenizer.decode
    goes = [
        np.take_along_axis(
            token_routing.chosen[:, tokens], (-token_routing.gates[:, tokens]).argsort(-1, kind="stable"), -1
        ).tolist()
        for token_routing in (before, after)
    ]
    words = [str(decode([int(texts.ids[row, before.places[token]])])) for token in tokens]
    return Routed(role=role, words=words, before=goes[0], after=goes[1])


def flow(before: NDArray[np.int64], after: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """From old to new experts [experts, experts], share of all choices: a choice that stayed lies on the diagonal, one that went
    is spread evenly over the new ones of its token; chosen experts [tokens, k]."""
    table = np.zeros((count, count))
    for was, now in zip(before.tolist(), after.tolist(), strict=True):
        left, new = sorted(set(was) - set(now)), sorted(set(now) - set(was))
        for one in set(was) & set(now):
            table[one, one] += 1
        for old in left:
            table[old, new] += 1 / len(new)
    return table / before.size


def _flow(before: Routing, after: Routing, at: int) -> Flow:
    table = 100 * flow(before.chosen[at], after.chosen[at], before.count)
    stayed = float(np.trace(table))
    away = table - np.diag(np.diag(table))
    old, new = np.unravel_index(int(away.argmax()), away.shape)
    most = (
        f"; the widest other way goes from expert {old + 1} to {new + 1}: {percent(float(away[old, new]))}"
        if away.max() > 0
        else ""
    )
    return Flow(
        title=f"From old to new expert, layer {before.layers[at] + 1}",
        how="Left the experts that the words to be forgotten went to before, right those they go to after, as wide as their share of the choices. Grey stayed where it was, orange went elsewhere.",
        says=f"{percent(stayed)} of the choices stayed{most}.",
        labels=_experts(before),
        z=[[float(value) for value in row] for row in table],
        unit="%",
    )


def _through(look: InspectContext[LanguageModel]) -> list[AnyPanel]:
    """Through the steps, where the run wrote it down."""
    rounds: Sequence[Any] = RunFolder(look.run).samples()
    names: dict[Role, str] = {"forget": "to be forgotten", "neighbour": "neighbours", "unrelated": "unrelated"}
    shares = {
        role: [
            [item["routed"] for item in one["items"] if item.get("role") == role and "routed" in item] for one in rounds
        ]
        for role in names
    }
    if not rounds or not all(shares["forget"]):
        return []
    values = {role: [100 * float(np.mean(one)) if one else None for one in by_step] for role, by_step in shares.items()}
    return [
        Lines(
            title="Through the steps",
            how="The share of words of the watched questions that go to exactly the experts they went to before, as the job went on.",
            says=f"Of those to be forgotten, {percent(values['forget'][-1] or 0)} at the end.",
            x=[str(number) for number in range(len(rounds))],
            series=[Series(name=names[role], values=by_step, role=role) for role, by_step in values.items()],
            x_title="look",
            y_title="words with the same experts, %",
        )
    ]
