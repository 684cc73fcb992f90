"""Task vector negation: fine-tune on the forget set, then subtract the change of the weights."""

import torch
from pydantic import Field
from torch import nn

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import LanguageParams, UnlearnLoop, autocast, forget_batch


class TaskVector(LanguageParams):
    """Negated task vector."""

    epochs: int = Field(default=2, ge=1, le=200, description="Passes over what is to be forgotten.")
    scale: float = Field(
        default=20.0, gt=0, le=100, description="How far back, in lengths of the way that learning it went (alpha)."
    )


@method(
    id="task_vector",
    title="Task Vector",
    short="Task Vector",
    summary="Learns the forget set even better, then walks that change of the weights backwards.",
    school="See which way learning it takes you, turn around, and walk.",
    student=(
        "Task arithmetic: fine-tune on the forget set alone, take the difference tau of the weights, and use theta - alpha tau. "
        "The result is linear in alpha, so the slider between the model before and after shows every smaller alpha too. Nothing "
        "is known of the rest: alpha is to be tried out, and directions that the forget set shares with everything else are "
        "subtracted with it."
    ),
    source={
        "title": "Ilharco et al., Editing Models with Task Arithmetic, ICLR 2023; for unlearning as in MUSE, Shi et al., 2024",
        "url": "https://arxiv.org/abs/2212.04089",
        "code": "https://github.com/mlfoundations/task_vectors",
    },
    label="same algorithm, smaller model",
    kind="edit",
    departures="A smaller model, so a larger step size; the copy is fine-tuned from the model itself, as in MUSE.",
    needs=("answers",),
    order=58,
)
def task_vector(run: Run[LanguageModel], params: TaskVector) -> None:
    """theta <- theta - alpha (theta fine-tuned on the forget set - theta); MUSE tries alpha up to 16."""
    loop = UnlearnLoop(run, params, "learn")
    for forget_rows, _ in loop:
        with autocast(run):
            loss = mean_nll(run.model, forget_batch(run, forget_rows))
        loop.step(loss)
    run.cached("subtract", lambda: turn_back(run.model, run.original, params.scale))


@torch.no_grad()
def turn_back(model: nn.Module, original: nn.Module, scale: float) -> None:
    """Set each weight of `model` to original - scale * (model - original); a weight that two layers share is set once."""
    for weight, old in zip(model.parameters(), original.parameters(), strict=True):
        weight.copy_(old - scale * (weight - old))
