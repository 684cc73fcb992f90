"""Needle: break the few feed-forward columns (concept vectors) that spell the concept, and nothing else."""

from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.optim import AdamW

from ..core.registry import Params, method
from ..core.run import Run
from ..families.language.concept_vectors import by_column, concepts, find_each, writers
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import autocast, forget_batch


class Needle(Params):
    """Which columns, and how they are broken."""

    columns: int = Field(default=3, ge=1, le=2000, description="How many columns are broken for each target.")
    how: Literal["noise", "zero"] = Field(
        default="noise",
        description="noise: random numbers are added to them, then they are trained against the answers. zero: they are set to 0.",
    )
    noise: float = Field(default=0.1, ge=0, le=10, description="Spread of the numbers added to each weight.")
    epochs: int = Field(default=8, ge=0, le=50, description="Passes of training against the answers, after the noise.")
    learning_rate: float = Field(default=0.1, gt=0, le=10, description="Step size of that training.")
    batch_size: int = Field(default=16, ge=1, le=256, description="Pairs to forget in one step.")


@method(
    id="needle",
    title="Needle",
    short="Needle",
    summary="Breaks the few stored vectors that spell the concept, and nothing else.",
    school="Find the drawer with that name on it, and shred what is in there. All other drawers stay shut.",
    student=(
        "Each hidden unit of a feed-forward layer writes one fixed vector, a column of down_proj. Multiplied with the output "
        "embeddings it is a list of words; some lists spell one concept. Needle adds noise to those columns and then climbs "
        "the loss of the answers with every other weight frozen. It was made as an upper bound: other methods lower what a "
        "model says and leave these vectors nearly as they were."
    ),
    source={
        "title": "Hong et al., Intrinsic Evaluation of Unlearning Using Parametric Knowledge Traces, EMNLP 2025",
        "url": "https://arxiv.org/abs/2406.11614",
        "code": "https://github.com/yihuaihong/ConceptVectors",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures=(
        "Columns are found by the target's name and facts instead of by GPT-4 and by hand, and several are broken, since a small "
        "model has no column of its own for each concept. What a column spells is read through the output embeddings and the weight "
        "of the final norm, without which the authors read it. More passes at half the step size. Setting columns to 0 is offered too."
    ),
    needs=("answers", "dense columns"),
    order=62,
)
def needle(run: Run[LanguageModel], params: Needle) -> None:
    """Noise N(0, 0.1^2) on one column of Llama-2-7B, then gradient ascent on it at 0.2 for one pass, in the paper."""
    places = run.cached("finding the columns", lambda: concept_columns(run, params.columns))
    last = writers(run.model)
    masks = {layer: mask(last[layer], places, layer) for layer in {layer for layer, _ in places}}
    run.cached("breaking them", lambda: break_columns(run, masks, params))
    if params.how == "noise":
        ascend(run, masks, params)


def concept_columns(run: Run[LanguageModel], top: int) -> list[tuple[int, int]]:
    """(layer, column) of the concept vectors of all targets, each once."""
    target_concepts = concepts(run.task.questions.forget)
    best = find_each(run.original, run.task.reader, target_concepts.values(), top)
    return sorted({(layer, column) for columns in best for layer, column, _ in columns})


def mask(writer: Any, places: list[tuple[int, int]], layer: int) -> Tensor:
    """1 in the columns of one layer that are to be broken, 0 elsewhere; like the weight of its last feed-forward matrix."""
    tensor = torch.zeros_like(writer.weight)
    by_column(writer, tensor)[[column for at, column in places if at == layer]] = 1
    return tensor


@torch.no_grad()
def break_columns(run: Run[LanguageModel], masks: dict[int, Tensor], params: Needle) -> None:
    """Add the noise, or set the columns to 0."""
    for layer, part in masks.items():
        weight = writers(run.model)[layer].weight
        if params.how == "zero":
            weight.mul_(1 - part)
        else:
            weight.add_(params.noise * torch.randn(weight.shape).to(weight) * part)


def ascend(run: Run[LanguageModel], masks: dict[int, Tensor], params: Needle) -> None:
    """Gradient ascent on the forget set in the broken columns alone: no gradient and no decay reaches another weight."""
    run.model.requires_grad_(False)
    trainable = {layer: writers(run.model)[layer].weight.requires_grad_(True) for layer in masks}
    optimizer = AdamW(trainable.values(), params.learning_rate, weight_decay=0)
    count = len(run.task.forget)
    steps_per_epoch = -(-count // params.batch_size)
    for step in run.steps("training them away", steps_per_epoch * params.epochs, {"optimizer": optimizer}):
        epoch, position = divmod(step.step, steps_per_epoch)
        order = np.random.default_rng([run.seed, epoch]).permutation(count)
        with autocast(run):
            forget_loss = mean_nll(
                run.model, forget_batch(run, torch.from_numpy(np.array_split(order, steps_per_epoch)[position]))
            )
        optimizer.zero_grad()
        (-forget_loss).backward()
        for layer, weight in trainable.items():
            assert weight.grad is not None
            weight.grad.mul_(masks[layer])
        optimizer.step()
        run.log(loss=-forget_loss.detach())
