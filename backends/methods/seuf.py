"""SEUF: of a mixture of experts, unlearn one expert, and hold the router on it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.errors import BadInput
from ..engine.run import Run
from ..models.experts import MoeLayer, can_choose, read, watched
from ..models.texts import Texts, mean_nll, nll
from ..registry import method
from ._language import Walk, WalkParams, autocast, forget, frozen, keep, kept_loss, npo_loss
from ._steering import apart, direction, states

ATTRIBUTED = 512  # pairs that the experts are judged by
Objective = Literal["npo", "grad_diff", "kl_min", "rmu"]


class Seuf(WalkParams):
    """Selected-expert unlearning."""

    epochs: int = Field(default=10, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    objective: Objective = Field(
        default="npo",
        description="What makes it forget, with what holds the rest: npo and grad_diff with the usual loss on pairs to keep, "
        "kl_min with the distance from the model before, rmu with the states of the model before.",
    )
    beta: float = Field(default=0.1, gt=0, le=10, description="Of npo: how soon an answer counts as unlikely enough.")
    length: float = Field(
        default=2.0, gt=0, le=1000, description="Of rmu: how far states are steered, in mean lengths."
    )
    keep_weight: float = Field(default=1.0, ge=0, le=1e5, description="Weight of what holds the rest.")
    anchor_weight: float = Field(
        default=1.0, ge=0, le=1e4, description="Weight of keeping the router on the expert that is unlearned."
    )
    layer: int = Field(
        default=0,
        ge=0,
        le=500,
        description="Layer to take the expert of, counted from 1; 0 for the layer where one expert works most on what is to "
        "be forgotten.",
    )


@method(
    id="seuf",
    title="SEUF: one expert unlearns",
    summary="Finds the expert that works most on what is to be forgotten, trains it alone, and keeps the router sending it there.",
    school="In a team of specialists, the one who knows this topic unlearns it, and keeps getting the questions about it.",
    student=(
        "Ordinary unlearning lets the router of a mixture of experts send the topic elsewhere: innocent experts are damaged and "
        "the one that knows hides. SEUF ranks experts by the gate score that top-k lets through, averaged over the tokens of a "
        "text and then over texts, trains only the first and the router of its layer, and adds ||g - onehot||^2 between the "
        "router's probabilities on forget tokens and that expert. The loss that forgets is one of the usual ones."
    ),
    source={
        "title": "Zhuang et al., SEUF: Is Unlearning One Expert Enough for Mixture-of-Experts LLMs?, ACL 2025",
        "url": "https://arxiv.org/abs/2411.18797",
    },
    label="same algorithm, smaller model",
    departures=(
        "Written after the paper; no code of it is public. The anchor takes the probabilities of all experts, before top-k, and "
        "only on tokens to be forgotten; the paper leaves both open. A smaller model, so other step sizes; the share of the "
        "weights that move is larger than the paper's 0.06 %, since there are fewer experts. KL-min is added to its objectives. "
        "For authors-moe 30 passes and a keep weight of 5, chosen on half of its authors and reported on the other half."
    ),
    works_with={
        "llm": "SEUF unlearns one expert of a mixture, and this model has no router that Lethe knows.",
        "moe": True,
    },
    order=19,
)
def seuf(run: Run, params: Seuf) -> None:
    """l_forget + l_keep + ||g - onehot||^2, one expert and its layer's router; in the paper 1e-4, batches of 16, all weights 1.

    Raises:
        BadInput: the model has no router, or the layer named has none.
    """
    place: list[int] = run.once("looking for the expert", lambda: list(chosen(run, params.layer)))
    target = _Target(next(layer for layer in can_choose(run.model) if layer.number == place[0]), place[1])
    walk = Walk(run, params, moving=[*target.layer.experts.parameters(), *target.layer.router.parameters()])
    hooks = target.alone()
    objective = _objective(run, params, place[0])
    try:
        for rows, others in walk:
            heard: list[Tensor] = []
            with autocast(run):
                texts = forget(run, rows)
                with watched([target.layer], partial(_hear, heard)):
                    gone = objective.forgets(rows, texts)
                held = objective.keeps(others)
                anchor = anchored(target.layer.dense(heard[0]), target.expert, texts.mask)
            walk.step(gone + params.keep_weight * held + params.anchor_weight * anchor)
            run.log(forget=gone.detach(), keep=held.detach(), anchor=anchor.detach())
    finally:
        for hook in hooks:
            hook.remove()


def _hear(heard: list[Tensor], _at: int, said: tuple[Tensor, Tensor, Tensor]) -> None:
    heard.append(said[0])


def chosen(run: Run, wanted: int) -> tuple[int, int]:
    """(layer, expert), both from 0: of all layers, or of one (`wanted`, from 1), the expert with the largest affinity.

    Raises:
        BadInput: the layer has no router that chooses.
    """
    layers = [layer.number for layer in can_choose(run.original)]
    if wanted and wanted - 1 not in layers:
        known = ", ".join(str(number + 1) for number in layers)
        raise BadInput(f"seuf: layer was {wanted}, but the layers with a router that chooses are {known}.")
    found = read(run.original, run.task.forget[:ATTRIBUTED])  # type: ignore[attr-defined]
    mass = found.mass()
    allowed = [at for at, number in enumerate(found.layers) if number in layers and wanted in (0, number + 1)]
    at = max(allowed, key=lambda at: mass[at].max())
    return found.layers[at], int(mass[at].argmax())


def anchored(probabilities: Tensor, expert: int, mask: Tensor) -> Tensor:
    """||g - onehot||^2, mean over tokens; router probabilities [n * length, experts], mask [n, length]."""
    goal = torch.zeros_like(probabilities)
    goal[:, expert] = 1
    each = (probabilities - goal).square().sum(-1)
    return (each * mask.flatten()).sum() / mask.sum()


@dataclass(frozen=True)
class _Target:
    """The expert that unlearns."""

    layer: MoeLayer
    expert: int

    def alone(self) -> list[torch.utils.hooks.RemovableHandle]:
        """Let no gradient reach the layer's other experts: without decay, AdamW then leaves them as they are."""

        def only(gradient: Tensor) -> Tensor:
            kept = torch.zeros_like(gradient)
            kept[self.expert] = gradient[self.expert]
            return kept

        return [weight.register_hook(only) for weight in self.layer.experts.parameters()]


@dataclass(frozen=True)
class _Losses:
    """What forgets, of rows of the forget set and their texts; and what holds the rest, of rows of what is kept."""

    forgets: Callable[[Tensor, Texts], Tensor]
    keeps: Callable[[Tensor], Tensor]


def _objective(run: Run, params: Seuf, layer: int) -> _Losses:
    model: nn.Module = run.model
    if params.objective == "rmu":
        return _steered(run, params, layer)
    if params.objective == "npo":
        before = frozen(run, "asking the model before", run.task.forget)  # type: ignore[attr-defined]
        return _Losses(
            lambda rows, texts: npo_loss(nll(model, texts)[0], before[rows], params.beta),
            lambda others: kept_loss(run, "likelihood", others),
        )
    how: Literal["divergence", "likelihood"] = "divergence" if params.objective == "kl_min" else "likelihood"
    return _Losses(lambda _, texts: -mean_nll(model, texts), lambda others: kept_loss(run, how, others))


def _steered(run: Run, params: Seuf, layer: int) -> _Losses:
    """RMU at the output of the expert's layer."""
    goal = run.once("direction", lambda: _goal(run, params, layer)).to(run.device)

    def held(others: Tensor) -> Tensor:
        texts = keep(run, others)
        with torch.no_grad():
            before = states(run.original, texts, layer)
        return apart(states(run.model, texts, layer), before, texts.mask)

    return _Losses(lambda _, texts: apart(states(run.model, texts, layer), goal, texts.mask), held)


@torch.no_grad()
def _goal(run: Run, params: Seuf, layer: int) -> Tensor:
    texts = run.task.forget[:ATTRIBUTED].to(run.device)  # type: ignore[attr-defined]
    lengths = states(run.original, texts, layer)[texts.mask.bool()].norm(dim=-1)
    return params.length * lengths.mean().cpu() * direction(run.original.config.hidden_size)  # type: ignore[arg-type, union-attr, no-any-return]
