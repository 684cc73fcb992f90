"""SCRUB: a student that first moves away from the original on the forget set, then back to it on the rest."""

import numpy as np
from pydantic import Field
from torch.nn import functional as F

from ..engine.run import Run
from ..registry import Params, method
from ._common import sgd
from ._teacher import answers, distillation


class Scrub(Params):
    """First away from the teacher, then back to it."""

    msteps: int | None = Field(
        default=None,
        ge=1,
        le=2000,
        description="Steps of the first part, away from the teacher. Empty: 16 for classes, 32 for anything else.",
    )
    epochs: int = Field(default=2, ge=1, le=100, description="Passes over the rest in the second part.")
    learning_rate: float = Field(default=0.0025, gt=0, le=1, description="Step size of both parts.")
    alpha: float = Field(default=1.0, ge=0, le=100, description="Weight of the distance to the teacher.")
    temperature: float = Field(default=4.0, gt=0, le=100, description="Temperature that softens both models' answers.")
    batch_size: int = Field(default=128, ge=8, le=1024, description="Images in one step.")


@method(
    id="scrub",
    title="SCRUB: disagree, then agree",
    summary="Moves away from the original model on what is to be forgotten, then back to it on everything else.",
    school="First say the opposite of your teacher about one thing, then listen to the teacher about all the others.",
    student=(
        "The frozen original is the teacher. With l = cross-entropy + alpha * KL(teacher || student) at temperature 4, the "
        "student first maximises l on the forget set for a number of steps, then minimises l on the retain set, which "
        "repairs what the first part broke. Both parts share one optimiser, so its momentum carries over."
    ),
    source={
        "title": "Kurmanji et al., Towards Unbounded Machine Unlearning, NeurIPS 2023; as in Goel et al., TMLR 2024",
        "url": "https://arxiv.org/abs/2302.09880",
        "code": "https://github.com/drimpossible/corrective-unlearning-bench",
    },
    label="same algorithm, smaller model",
    departures=(
        "The first part runs in one piece, then the second; the released loop lets passes over the forget set and over the "
        "rest take turns until the first part's steps are used up. The learning rate is constant instead of falling. "
        "Pictures are not augmented, so that the teacher's answers are computed once. Defaults are tuned on the embedded "
        "models."
    ),
    works_with={"classifier": True},
    order=44,
)
def scrub(run: Run, params: Scrub) -> None:
    """Maximise l on the forget set for `msteps` steps, then minimise it on what is kept for `epochs` passes."""
    teacher = run.once("teacher", lambda: answers(run, run.original, ("forget", "keep"))).to(run.device)
    msteps = params.msteps or (16 if run.task.forgotten_classes else 32)
    # One pass of exactly `msteps` batches: the forget set repeated, or a part of it.
    forget = np.random.default_rng(run.seed).permutation(run.task.parts["forget"])
    size = min(params.batch_size, len(forget))
    run.task.parts["ascent"] = np.resize(forget, msteps * size)
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for name, parts, batch_size, sign in (
        ("away from the teacher", ["ascent"], size, -1.0),
        ("back to the teacher", ["keep"] * params.epochs, params.batch_size, 1.0),
    ):
        for batch in run.passes(name, parts, batch_size, {"optimizer": optimizer}, augment=False):
            logits = run.forward(run.model, batch.x)
            distance = distillation(logits, teacher[batch.index], params.temperature)
            loss = F.cross_entropy(logits, batch.y) + params.alpha * distance
            optimizer.zero_grad()
            (sign * loss).backward()
            optimizer.step()
            run.log(loss=loss.detach(), distance=distance.detach())
