"""Worst-case forget set: search the images that are hardest to forget, then run any method on them."""

from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..api.errors import BadInput
from ..core import registry
from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask, Index
from ._common import chosen, project, sign_step

BATCH = 512  # items in one pass without gradients
ROUND = "round {} of {}"


class WorstCase(Params):
    """Which images are searched, how long, and what forgets them then."""

    candidates: int = Field(
        default=2000,
        ge=10,
        le=100_000,
        description="Images to search among, at most: drawn from what is named to forget.",
    )
    share: float = Field(default=0.1, gt=0, le=0.9, description="Share of the candidates that makes the set.")
    mode: Literal["worst", "easiest"] = Field(
        default="worst", description="worst: the set that is hardest to forget; easiest: the opposite, to compare with."
    )
    rounds: int = Field(default=5, ge=1, le=50, description="How often the set is chosen anew.")
    steps: int = Field(default=2, ge=1, le=20, description="Passes of trial forgetting in each round.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step of every weight in trial forgetting.")
    weight_rate: float = Field(default=100.0, gt=0, le=1000, description="Step of the candidates' weights.")
    gamma: float = Field(default=0.0, ge=0, le=10, description="Pull towards weights that are not all or nothing.")
    batch_size: int = Field(default=128, ge=8, le=1024, description="Images in one step.")
    then: str = Field(
        default="fine_tune",
        max_length=60,
        description="Id of the method that forgets the found set, with its own defaults.",
        json_schema_extra={"catalog": "methods"},
    )


@method(
    id="worst_case",
    title="Worst-case forget set",
    short="Worst-case forget set",
    summary="Searches the images that are hardest to forget, then runs any method on them.",
    school="Which pictures could you take away and it would still know them? Those are the hard ones to forget.",
    student=(
        "A bi-level search. Below: starting from the model, forget the chosen set by fine-tuning on the others with the sign "
        "of the gradient. Above: the weight of each candidate falls by its loss under that model, and all are projected to "
        "0 <= w <= 1 with a fixed sum; the largest become the next set. Because the sign has no derivative, no implicit "
        "gradient is needed. What it finds is not outliers but the opposite: typical, redundant images that the rest "
        "of the data teaches anyway. Even a reference retrained without them still gets them right."
    ),
    source={
        "title": "Fan et al., Challenging Forgets: Unveiling the Worst-Case Forget Sets in Machine Unlearning, ECCV 2024",
        "url": "https://arxiv.org/abs/2403.07362",
        "code": "https://github.com/OPTML-Group/Unlearn-WorstCase",
    },
    label="same algorithm, smaller model",
    kind="retain",
    departures=(
        "The search runs over a sample of candidates, and trial forgetting over the other candidates and as many kept images, "
        "not over all data. The candidates' weights take longer steps (released: 0.01 in 2 rounds), so that a few rounds "
        "change the set. Losses are taken in eval mode, where the released code leaves batch normalisation in train mode."
    ),
    finds=True,
    needs=("classes",),
    order=80,
)
def worst_case(run: Run[ClassifierTask], params: WorstCase) -> None:
    """min over w of sum w_i loss_i(theta_u(w)) + gamma |w|^2, theta_u by signSGD on the remainder; then `then` on the set it found.

    Raises:
        BadInput: `then` names no method that can follow, or fewer than two images were named.
    """
    other = registry.get("methods", params.then)
    if other.entry.finds:
        raise BadInput(
            f"worst_case: then was {params.then!r}, which searches a set itself; name a method that forgets."
        )
    pool, others = candidate_pool(run, params.candidates)
    if len(pool) < 2:
        raise BadInput("worst_case needs at least two images to search among, but one was named to forget.")
    count = max(1, round(params.share * len(pool)))
    sign = 1.0 if params.mode == "worst" else -1.0
    run.task.parts["candidates"] = pool

    def improved(weights: Tensor) -> Tensor:
        return upper(weights, sign * losses(run), count, params)

    typical = run.cached("losses before", lambda: sign * losses(run))
    weights = run.cached("start", lambda: start(len(pool), count))
    for number in range(1, params.rounds + 1):
        name = ROUND.format(number, params.rounds)
        run.cached(f"reset, {name}", lambda: reset(run))
        run.task.parts["others"] = np.union1d(pool[~chosen(weights, count)], others)
        trial(run, name, params)
        weights = run.cached(f"choose, {name}", partial(improved, weights))
        run.log(same_as_lowest_loss=overlap(chosen(weights, count), chosen(-typical, count)))
    run.cached("reset", lambda: reset(run))
    run.model.eval()
    run.set_part("forget", np.sort(pool[chosen(weights, count)]))
    other.function(run, other.parse({}))


def candidate_pool(run: Run[ClassifierTask], candidates: int) -> tuple[Index, Index]:
    """(candidates to search among, in order; at most as many images of the retain set for trial forgetting)."""
    rng = np.random.default_rng(run.seed)
    pool = np.sort(rng.permutation(run.task.parts["forget"])[:candidates])
    return pool, np.sort(rng.permutation(run.task.parts["keep"])[: len(pool)])


def reset(run: Run[ClassifierTask]) -> None:
    """Restore the original weights."""
    run.model.load_state_dict(run.original.state_dict())


def start(candidates: int, count: int) -> Tensor:
    """A random set as weights [candidates] of 0 and 1."""
    weights = torch.zeros(candidates)
    weights[torch.randperm(candidates)[:count]] = 1
    return weights


def trial(run: Run[ClassifierTask], name: str, params: WorstCase) -> None:
    """The lower level: fine-tune on all but the chosen set, each weight by a fixed step against its gradient's sign."""
    run.model.train()
    for batch in run.epochs(name, ["others"] * params.steps, params.batch_size):
        loss = F.cross_entropy(run.forward(run.model, batch.x), batch.y)
        run.model.zero_grad()
        loss.backward()
        sign_step(run.model, params.learning_rate)
        run.log(loss=loss.detach())


@torch.no_grad()
def losses(run: Run[ClassifierTask]) -> Tensor:
    """Cross-entropy [candidates] of every candidate, on the CPU, model in eval mode."""
    run.model.eval()
    batches = [
        F.cross_entropy(run.forward(run.model, batch.x), batch.y, reduction="none").cpu()
        for batch in run.batches("candidates", BATCH)
    ]
    return torch.cat(batches)


def upper(weights: Tensor, loss: Tensor, count: int, params: WorstCase) -> Tensor:
    """One step of the upper level: w <- Proj(w - rate * (loss + 2 gamma w))."""
    return project(weights - params.weight_rate * (loss + 2 * params.gamma * weights), count)


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the first set that is in the second."""
    return float((first & second).sum() / first.sum())
