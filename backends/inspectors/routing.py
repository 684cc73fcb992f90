"""Routing shift: where the router of a mixture of experts sends tokens, in the original and in the unlearned model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.goals import CHANGED
from ..api.panels import AnyPanel, Bars, Heatmap, Lines, Role, Series, Switch, Verdict
from ..api.runs import RunFolder
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ..families.language.experts import Routing, jaccard, overlap, read, same
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts
from ..metrics._answers import SEUF
from ._common import percent
from ._routing_shift import shift

# Share of tokens with the same experts from which routing counts as kept, and below which as lost.
STEADY, LOOSE = 0.95, 0.5
NUMBERED = 16  # experts up to which the cells of a matrix carry their numbers


class RoutingParams(Params):
    """How much to look at."""

    tokens: int = Field(
        default=2000, ge=50, le=100_000, description="At most about this many tokens, half of them of the retain set."
    )


@inspector(
    id="routing",
    title="Routing shift: which expert works on which token",
    summary="Which experts the router sends each token of a sentence to, in both models, and what is answered with the old routing or without one expert.",
    source=SEUF,
    needs=("answers", "router"),
    order=-3,
    group="change",
)
def routing(look: InspectContext[LanguageModel], params: RoutingParams) -> list[AnyPanel]:
    """Sentences with the experts of each token, and the answers with the old routing and without the strongest experts; the share of
    tokens whose experts are all the same; the share of the top-k choices by layer and expert on questions with true answers.

    Raises:
        BadInput: the model has no router.
    """
    texts = {
        "forget": _some(look.task.forget, params.tokens // 2),
        "unrelated": _some(look.task.keep, params.tokens // 2),
    }
    before = {role: read(look.before, some) for role, some in look.steps(texts.items(), "following tokens, original")}
    after = {role: read(look.after, some) for role, some in look.steps(texts.items(), "following tokens, unlearned")}
    return [
        shift(look, before["forget"], after["forget"]),
        _verdict(before, after),
        _stability(before, after),
        *(
            _use(before[role], after[role], words)
            for role, words in (("forget", "forget set"), ("unrelated", "retain set"))
        ),
        *_through(look),
    ]


def _some(texts: Texts, tokens: int) -> Texts:
    """Texts of about so many tokens in all, at least one, drawn the same each time."""
    order = np.random.default_rng(0).permutation(len(texts))
    count = int((np.cumsum(texts.mask.sum(1).cpu().numpy()[order]) <= tokens).sum())
    return texts[np.sort(order[: max(1, count)])]


def _verdict(before: dict[str, Routing], after: dict[str, Routing]) -> Verdict:
    was, now = before["forget"], after["forget"]
    how = "A token goes to the best few experts of each layer. Yes: at least 95 % of the tokens of the forget set still go to exactly the same ones; no: fewer than half."
    title = "Do the tokens still go to the same experts?"
    if was.chosen.shape[2] >= was.count:
        return Verdict(
            title=title,
            how=how,
            says=f"Every token goes to all {was.count} experts, so routing cannot shift.",
            sign="unknown",
        )
    share, unrelated_share = (
        float(same(before[role].chosen, after[role].chosen).mean()) for role in ("forget", "unrelated")
    )
    finding = (
        f"{percent(100 * share)} of the tokens of the forget set go to exactly the same experts as before, over all layers "
        f"({percent(100 * unrelated_share)} of those of the retain set); their experts overlap by {float(overlap(was.chosen, now.chosen).mean()):.2f}, "
        f"Jaccard {float(jaccard(was.chosen, now.chosen).mean()):.2f}."
    )
    return Verdict(
        title=title, how=how, says=finding, sign="yes" if share >= STEADY else "no" if share < LOOSE else "partly"
    )


def _stability(before: dict[str, Routing], after: dict[str, Routing]) -> Bars:
    names: dict[str, tuple[str, Role]] = {"forget": ("forget set", "forget"), "unrelated": ("retain set", "unrelated")}
    each = {role: 100 * same(before[role].chosen, after[role].chosen).mean(1) for role in names}
    labels = _layers(before["forget"])
    least = int(each["forget"].argmin())
    return Bars(
        title="How many tokens keep their experts, by layer",
        how="The share of tokens whose experts are all the same in both models. Where nothing below a router changed, it cannot choose otherwise, and its 100 % says nothing.",
        says=f"Fewest in {labels[least]}: {percent(float(each['forget'][least]))} of the tokens of the forget set.",
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


def _use(before: Routing, after: Routing, words: str) -> Switch:
    tables = {"original": 100 * before.use(), "unlearned": 100 * after.use()}
    most = float(max(table.max() for table in tables.values()))
    chance = 100 / before.count
    how = f"A row is a layer, a column an expert: its share of the layer's choices. Used alike, each would have {chance:.1f} %. Both models share one scale."
    moved = tables["unlearned"] - tables["original"]
    at, expert = np.unravel_index(int(np.abs(moved).argmax()), moved.shape)
    largest = f"Most in layer {before.layers[at] + 1}, expert {expert + 1}: {moved[at, expert]:+.1f} points."

    def table(name: str, values: NDArray[np.float64], **other: Any) -> Heatmap:
        z: list[list[float | None]] = [[float(value) for value in row] for row in values]
        return Heatmap(
            title=name,
            how=how,
            rows=_layers(before),
            columns=_experts(before),
            z=z,
            numbers=before.count <= NUMBERED,
            **other,
        )

    return Switch(
        title=f"Who is used how much: experts on the {words}",
        how=how,
        says=largest if np.abs(moved).max() >= CHANGED else "No expert is used more or less than before.",
        options=[
            *(table(name, values, says=_most(values, before), unit="%", most=most) for name, values in tables.items()),
            table(
                "difference",
                moved,
                says=f"Points of a layer's choices that an expert gained or lost. {largest}",
                unit="points",
                scale="difference",
            ),
        ],
        start=1,
    )


def _most(table: NDArray[np.float64], token_routing: Routing) -> str:
    at, expert = np.unravel_index(int(table.argmax()), table.shape)
    return f"Most used: expert {expert + 1} of layer {token_routing.layers[at] + 1}, with {percent(float(table[at, expert]))} of the choices."


def _through(look: InspectContext[LanguageModel]) -> list[AnyPanel]:
    """Through the steps, where the run wrote it down."""
    rounds: Sequence[Any] = RunFolder(look.run).samples()
    names: dict[Role, str] = {"forget": "forget set", "neighbour": "neighbours", "unrelated": "unrelated"}
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
            how="The share of tokens of the watched questions that go to exactly the experts of the original model, as the job went on.",
            says=f"Of the forget set, {percent(values['forget'][-1] or 0)} at the end.",
            x=[str(number) for number in range(len(rounds))],
            series=[Series(name=names[role], values=by_step, role=role) for role, by_step in values.items()],
            x_title="look",
            y_title="tokens with the same experts, %",
        )
    ]
