"""SEUF: unlearn one expert of a mixture of experts, and anchor the router on it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..families.language.experts import MoeLayer, can_choose, read, watched
from ..families.language.task import LanguageModel
from ..families.language.tokens import Texts, mean_nll, nll
from ._language import (
    LoopParams,
    UnlearnLoop,
    autocast,
    compute_retain_loss,
    forget_batch,
    npo_loss,
    reference_nll,
    retain_batch,
)
from ._steering import hidden_size, hidden_states, random_direction, state_distance

ATTRIBUTED = 512  # pairs that the experts are judged by
Objective = Literal["npo", "grad_diff", "kl_min", "rmu"]


class Seuf(LoopParams):
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
    title="Selected-Expert Unlearning (SEUF)",
    short="SEUF",
    summary="Lets only the expert that works most on it unlearn, and keeps the router sending it there.",
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
    kind="push",
    departures=(
        "Written after the paper; no code of it is public. The anchor takes the probabilities of all experts, before top-k, and "
        "only on tokens to be forgotten; the paper leaves both open. A smaller model, so other step sizes; the share of the "
        "weights that move is larger than the paper's 0.06 %, since there are fewer experts. KL-min is added to its objectives. "
        "For authors-moe 30 passes and a keep weight of 5, chosen on half of its authors and reported on the other half."
    ),
    needs=("answers", "router"),
    order=19,
)
def seuf(run: Run[LanguageModel], params: Seuf) -> None:
    """forget loss + retain loss + ||g - onehot||^2, one expert and its layer's router; in the paper 1e-4, batches of 16, all weights 1.

    Raises:
        BadInput: the model has no router, or the layer named has none.
    """
    location: list[int] = run.cached("looking for the expert", lambda: list(select_expert(run, params.layer)))
    target = _TargetExpert(next(layer for layer in can_choose(run.model) if layer.number == location[0]), location[1])
    loop = UnlearnLoop(run, params, trainable=[*target.layer.experts.parameters(), *target.layer.router.parameters()])
    hooks = target.mask_gradients()
    objective = _objective(run, params, location[0])
    try:
        for forget_rows, retain_rows in loop:
            router_inputs: list[Tensor] = []
            with autocast(run):
                texts = forget_batch(run, forget_rows)
                with watched([target.layer], partial(_record_inputs, router_inputs)):
                    forget_loss = objective.forget(forget_rows, texts)
                retain_loss = objective.retain(retain_rows)
                anchor = anchor_loss(target.layer.dense(router_inputs[0]), target.expert, texts.mask)
            loop.step(forget_loss + params.keep_weight * retain_loss + params.anchor_weight * anchor)
            run.log(forget=forget_loss.detach(), keep=retain_loss.detach(), anchor=anchor.detach())
    finally:
        for hook in hooks:
            hook.remove()


def _record_inputs(inputs: list[Tensor], _at: int, outputs: tuple[Tensor, Tensor, Tensor]) -> None:
    """Append the input of a router, the first of what `watched` reports."""
    inputs.append(outputs[0])


def select_expert(run: Run[LanguageModel], requested: int) -> tuple[int, int]:
    """(layer, expert), both from 0: the expert with the largest affinity, of all layers or of layer `requested`, counted from 1.

    Raises:
        BadInput: the layer has no router that chooses.
    """
    layers = [layer.number for layer in can_choose(run.original)]
    if requested and requested - 1 not in layers:
        names = ", ".join(str(number + 1) for number in layers)
        raise BadInput(f"seuf: layer was {requested}, but the layers with a router that chooses are {names}.")
    attribution = read(run.original, run.task.forget[:ATTRIBUTED])
    mass = attribution.mass()
    allowed = [at for at, number in enumerate(attribution.layers) if number in layers and requested in (0, number + 1)]
    at = max(allowed, key=lambda at: mass[at].max())
    return attribution.layers[at], int(mass[at].argmax())


def anchor_loss(probabilities: Tensor, expert: int, mask: Tensor) -> Tensor:
    """||g - onehot||^2, mean over tokens; router probabilities [n * length, experts], mask [n, length]."""
    one_hot = torch.zeros_like(probabilities)
    one_hot[:, expert] = 1
    each = (probabilities - one_hot).square().sum(-1)
    return (each * mask.flatten()).sum() / mask.sum()


@dataclass(frozen=True)
class _TargetExpert:
    """The expert that is trained to forget."""

    layer: MoeLayer
    expert: int

    def mask_gradients(self) -> list[torch.utils.hooks.RemovableHandle]:
        """Let no gradient reach the layer's other experts: without decay, AdamW then leaves them as they are."""

        def keep_expert(gradient: Tensor) -> Tensor:
            masked = torch.zeros_like(gradient)
            masked[self.expert] = gradient[self.expert]
            return masked

        return [weight.register_hook(keep_expert) for weight in self.layer.experts.parameters()]


@dataclass(frozen=True)
class _Losses:
    """The forget loss, of forget rows and their texts, and the retain loss, of retain rows."""

    forget: Callable[[Tensor, Texts], Tensor]
    retain: Callable[[Tensor], Tensor]


def _objective(run: Run[LanguageModel], params: Seuf, layer: int) -> _Losses:
    """The losses that `params.objective` names."""
    model: nn.Module = run.model
    if params.objective == "rmu":
        return _rmu_losses(run, params, layer)
    if params.objective == "npo":
        reference = reference_nll(run, "asking the model before", run.task.forget)
        return _Losses(
            lambda forget_rows, texts: npo_loss(nll(model, texts)[0], reference[forget_rows], params.beta),
            lambda retain_rows: compute_retain_loss(run, "likelihood", retain_rows),
        )
    kind: Literal["divergence", "likelihood"] = "divergence" if params.objective == "kl_min" else "likelihood"
    return _Losses(
        lambda _, texts: -mean_nll(model, texts), lambda retain_rows: compute_retain_loss(run, kind, retain_rows)
    )


def _rmu_losses(run: Run[LanguageModel], params: Seuf, layer: int) -> _Losses:
    """The losses of RMU, at the output of the expert's layer."""
    target = run.cached("direction", lambda: _steering_target(run, params, layer)).to(run.device)

    def retain_loss(retain_rows: Tensor) -> Tensor:
        texts = retain_batch(run, retain_rows)
        with torch.no_grad():
            reference = hidden_states(run.original, texts, layer)
        return state_distance(hidden_states(run.model, texts, layer), reference, texts.mask)

    return _Losses(
        lambda _, texts: state_distance(hidden_states(run.model, texts, layer), target, texts.mask), retain_loss
    )


@torch.no_grad()
def _steering_target(run: Run[LanguageModel], params: Seuf, layer: int) -> Tensor:
    """c u [d], with c in mean lengths of the original hidden states of the forget set."""
    texts = run.task.forget[:ATTRIBUTED].to(run.device)
    lengths: Tensor = hidden_states(run.original, texts, layer)[texts.mask.bool()].norm(dim=-1)
    return params.length * lengths.mean().cpu() * random_direction(hidden_size(run.original))
