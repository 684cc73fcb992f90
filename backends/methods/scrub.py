"""SCRUB: a student maximises KL from the original on the forget set, in turn with minimising it on the retain set."""

from pydantic import Field
from torch.nn import functional as F

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import sgd
from ._teacher import distillation, teacher_logits


class Scrub(Params):
    """Settings of max-steps and min-steps."""

    msteps: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Passes over the forget set, one before each of the first passes over the rest.",
    )
    epochs: int = Field(default=3, ge=1, le=100, description="Passes over the rest.")
    learning_rate: float = Field(default=5e-4, gt=0, le=1, description="Step size of both.")
    forget_batch_size: int = Field(default=32, ge=1, le=1024, description="Images in one step away from the teacher.")
    batch_size: int = Field(default=128, ge=8, le=1024, description="Images in one step back to it.")
    gamma: float = Field(default=0.99, ge=0, le=100, description="Weight of the cross-entropy on the rest.")
    alpha: float = Field(default=0.001, ge=0, le=100, description="Weight of the distance to the teacher on the rest.")
    temperature: float = Field(default=4.0, gt=0, le=100, description="Temperature that softens both models' answers.")


@method(
    id="scrub",
    title="SCRUB",
    short="SCRUB",
    summary="Disagrees with the original on the forget set and agrees with it on the rest, in turn.",
    school="First say the opposite of your teacher about one thing, then listen to the teacher about all the others.",
    student=(
        "The frozen original is the teacher. A max-step is a pass over the forget set that raises KL(teacher || student) at "
        "temperature 4, and nothing else; a min-step is a pass over the retain set that lowers gamma * cross-entropy + alpha "
        "* KL, which repairs what the max-step broke. They take turns, then min-steps alone follow. Both share one optimiser, "
        "so its momentum carries over. A student equal to its teacher has no KL to raise: what gets it going are the "
        "statistics of its batches, which the teacher does not take, or else the first min-step."
    ),
    source={
        "title": "Kurmanji et al., Towards Unbounded Machine Unlearning, NeurIPS 2023",
        "url": "https://arxiv.org/abs/2302.09880",
        "code": "https://github.com/meghdadk/SCRUB",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "Pictures are not augmented, so that the teacher's answers are computed once. The step size, falling by steps in the "
        "authors' longer runs, is constant, as in their runs of three epochs. The defaults are theirs for large models; on "
        "fashion-resnet, where they cost the rest three points and more, step size and images per step away were chosen on "
        "other classes (T-shirt, Coat, Bag) and other single images than the tables show."
    ),
    needs=("classes",),
    order=44,
)
def scrub(run: Run[ClassifierTask], params: Scrub) -> None:
    """max KL on the forget set, then min gamma CE + alpha KL on the retain set, in turn; in the authors' code 2 and 3 passes at 5e-4."""
    teacher = run.cached("teacher", lambda: teacher_logits(run, run.original, ("forget", "keep"))).to(run.device)
    parts = [
        part for epoch in range(params.epochs) for part in ("forget", "keep") if part == "keep" or epoch < params.msteps
    ]
    sizes = {"forget": params.forget_batch_size, "keep": params.batch_size}
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch in run.epochs("away and back", parts, sizes, {"optimizer": optimizer}, augment=False):
        logits = run.forward(run.model, batch.x)
        distance = distillation(logits, teacher[batch.index], params.temperature)
        loss = -distance
        if batch.part == "keep":
            loss = params.gamma * F.cross_entropy(logits, batch.y) + params.alpha * distance
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach(), distance=distance.detach())
