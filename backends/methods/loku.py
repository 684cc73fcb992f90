"""LoKU: the inverted hinge loss in LoRA factors, initialised by Fisher information of forget and retain set (FILA)."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, Texts, logits, mean_nll
from ..models import low_rank
from ..models.low_rank import DOWN, SCALE, UP, SelfSaving, fila, linear_layers
from ._language import (
    STEADY,
    LanguageParams,
    UnlearnLoop,
    autocast,
    forget_batch,
    inverted_hinge,
    layers_in,
    retain_batch,
)

PAIRS = 2  # pairs in a batch whose gradient is squared


class Loku(LanguageParams):
    """Low-rank knowledge unlearning."""

    epochs: int = Field(default=12, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    rank: int = Field(default=16, ge=1, le=256, description="Width of the two factors of a layer.")
    start: Literal["FILA", "random"] = Field(
        default="FILA",
        description="FILA: begin in the directions that matter to what is forgotten and not to the rest. random: as LoRA does.",
    )
    looked_at: int = Field(
        default=100, ge=2, le=100_000, description="At most so many pairs to keep are asked where they weigh."
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of the usual loss on pairs to keep.")


@method(
    id="loku",
    title="Low-rank Knowledge Unlearning (LoKU)",
    short="LoKU",
    summary="Learns in two thin factors a layer, begun in the directions that matter to the forget set.",
    school="Leave the book as it is and write the correction on a slip of paper.",
    student=(
        "LoRA: each linear layer's change is a product of two thin matrices. FILA chooses where they begin: from the Fisher "
        "informations of the forget and the retain set follows how much each row of a weight matters to the one and not to "
        "the other, and the weighted weight's largest singular directions become the factors, which are taken out of the "
        "frozen base, so that nothing changes before the first step. The loss is IHL + CE."
    ),
    source={
        "title": "Cha et al., Towards Robust and Parameter-Efficient Knowledge Unlearning for LLMs, ICLR 2025",
        "url": "https://arxiv.org/abs/2408.06621",
        "code": "https://github.com/csm9493/efficient-llm-unlearning",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "A smaller model, so a larger step size and a smaller rank than 32; the retain set's Fisher information is taken from "
        "a sample. The factors are merged into the weights at each step, so the changed base can never be lost: the authors' "
        "adapter, put on the original base, would count its start twice." + STEADY
    ),
    needs=("answers",),
    order=31,
)
def loku(run: Run[LanguageModel], params: Loku) -> None:
    """Minimise IHL + CE with factors of rank 32 in every linear layer but the head, 5 epochs at 1e-4 to 2e-4 in the paper."""
    initial: dict[str, list[Tensor]] = run.cached("where it weighs", lambda: initial_factors(run, params))
    factors = {
        name + end: factor for name, both in initial.items() for end, factor in zip((DOWN, UP), both, strict=True)
    }
    adapted = low_rank.beside(run.original, factors)
    if params.start == "FILA":
        low_rank.take_out(adapted)
    loop = UnlearnLoop(run, params)
    run.model.requires_grad_(False)
    loop.trainable = [factor for factor in adapted.parameters() if factor.requires_grad]
    loop.optimizer = SelfSaving(loop.trainable, params.learning_rate, weight_decay=params.weight_decay)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_loss = inverted_hinge(*logits(adapted, forget_batch(run, forget_rows)))
            retain_loss = mean_nll(adapted, retain_batch(run, retain_rows))
        loop.step(forget_loss + params.keep_weight * retain_loss)
        low_rank.merge(run.model, adapted)
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())


def initial_factors(run: Run[LanguageModel], params: Loku) -> dict[str, list[Tensor]]:
    """Initial LoRA factors: layer -> [down [rank, inputs], up [outputs, rank]].

    Raises:
        BadInput: the model has no linear layers.
    """
    names = layers_in(run.model, linear_layers(run.model), params.weights)
    if not names:
        raise BadInput(
            f"LoKU puts factors beside linear layers, and {run.task.id} has none; choose a model of the Llama kind."
        )
    weights = {name: _linear(run.original, name).weight for name in names}
    if params.start == "random":
        shapes = {name: (weight.shape[0], weight.shape[1]) for name, weight in weights.items()}
        factors = low_rank.fresh_factors(shapes, params.rank)
        return {name: [factors[name + end].to(run.device) for end in (DOWN, UP)] for name in names}
    task = run.task
    sample = torch.randperm(len(task.keep))[: params.looked_at]
    forget_fisher = fisher(run, task.forget.to(run.device), names)
    retain_fisher = fisher(run, task.keep[sample].to(run.device), names)
    return {
        name: [
            factor.contiguous() for factor in fila(weight, forget_fisher[name], retain_fisher[name], params.rank, SCALE)
        ]
        for name, weight in weights.items()
    }


def fisher(run: Run[LanguageModel], texts: Texts, names: Sequence[str]) -> dict[str, Tensor]:
    """Empirical Fisher information of each entry of some layers' weights, by layer.

    It is the mean, weighed by answer tokens, of the squared gradient of the loss of two pairs; the square of a batch's
    gradient, not the mean of the squares of each pair's, as in the released code.
    """
    weights = [_linear(run.model, name).weight for name in names]
    total = [torch.zeros_like(weight) for weight in weights]
    count = (texts.labels != IGNORED).sum()
    for rows in torch.arange(len(texts)).split(PAIRS):
        run.report("where it weighs", int(rows[0]), len(texts))
        part = texts[rows]
        share = (part.labels != IGNORED).sum() / count
        for summed, gradient in zip(total, torch.autograd.grad(mean_nll(run.model, part), weights), strict=True):
            summed += share * gradient**2
    return dict(zip(names, total, strict=True))


def _linear(model: nn.Module, name: str) -> nn.Linear:
    layer = model.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    return layer
