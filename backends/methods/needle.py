"""Needle: the few columns of the feed-forward layers that spell the concept are broken, and nothing else is touched."""

from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.optim import AdamW

from ..engine.run import Run
from ..models.concept_vectors import by_column, concepts, find_each, writers
from ..models.texts import mean_nll
from ..registry import Params, method
from ._language import autocast, forget


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
    title="Needle: break the columns that spell it",
    summary="Finds the few stored vectors that read like the thing to be forgotten, and destroys only those.",
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
    departures=(
        "Columns are found by the target's name and facts instead of by GPT-4 and by hand, and several are broken, since a small "
        "model has no column of its own for each concept. What a column spells is read through the output embeddings and the weight "
        "of the final norm, without which the authors read it. More passes at half the step size. Setting columns to 0 is offered too."
    ),
    works_with={
        "llm": True,
        "moe": "It works on single units of a dense feed-forward layer; an expert has units only for the tokens that are sent to it.",
    },
    order=62,
)
def needle(run: Run, params: Needle) -> None:
    """Noise N(0, 0.1^2) on one column of Llama-2-7B, then gradient ascent on it at 0.2 for one pass, in the paper."""
    places = run.once("finding the columns", lambda: spelling(run, params.columns))
    last = writers(run.model)
    masks = {layer: mask(last[layer], places, layer) for layer in {layer for layer, _ in places}}
    run.once("breaking them", lambda: shatter(run, masks, params))
    if params.how == "noise":
        ascend(run, masks, params)


def spelling(run: Run, top: int) -> list[tuple[int, int]]:
    """(layer, column) of the columns that spell each target best, each once."""
    told = concepts(run.task.questions.forget)  # type: ignore[attr-defined]
    best = find_each(run.original, run.task.reader, told.values(), top)  # type: ignore[attr-defined]
    return sorted({(layer, column) for found in best for layer, column, _ in found})


def mask(writer: Any, places: list[tuple[int, int]], layer: int) -> Tensor:
    """1 in the columns of one layer that are to be broken, 0 elsewhere; like the weight of its last feed-forward matrix."""
    made = torch.zeros_like(writer.weight)
    by_column(writer, made)[[column for at, column in places if at == layer]] = 1
    return made


@torch.no_grad()
def shatter(run: Run, masks: dict[int, Tensor], params: Needle) -> None:
    """Add the noise, or set the columns to 0."""
    for layer, part in masks.items():
        weight = writers(run.model)[layer].weight
        if params.how == "zero":
            weight.mul_(1 - part)
        else:
            weight.add_(params.noise * torch.randn(weight.shape).to(weight) * part)


def ascend(run: Run, masks: dict[int, Tensor], params: Needle) -> None:
    """Climb the loss of the answers with the broken columns alone: no gradient and no decay reaches another weight."""
    run.model.requires_grad_(False)
    moving = {layer: writers(run.model)[layer].weight.requires_grad_(True) for layer in masks}
    optimizer = AdamW(moving.values(), params.learning_rate, weight_decay=0)
    count = len(run.task.forget)  # type: ignore[attr-defined]
    a_pass = -(-count // params.batch_size)
    for step in run.steps("training them away", a_pass * params.epochs, {"optimizer": optimizer}):
        turn, place = divmod(step.step, a_pass)
        order = np.random.default_rng([run.seed, turn]).permutation(count)
        with autocast(run):
            lost = mean_nll(run.model, forget(run, torch.from_numpy(np.array_split(order, a_pass)[place])))
        optimizer.zero_grad()
        (-lost).backward()  # type: ignore[no-untyped-call]
        for layer, weight in moving.items():
            assert weight.grad is not None
            weight.grad.mul_(masks[layer])
        optimizer.step()
        run.log(loss=-lost.detach())
