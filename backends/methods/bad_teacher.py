"""Bad Teacher: distil from a random network on the forget set and from the original on the retain set."""

import numpy as np
import torch
from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import SgdParams, sgd
from ._teacher import distillation, teacher_logits


class BadTeacher(SgdParams):
    """Learning from two teachers."""

    epochs: int = Field(default=2, ge=1, le=200, description="Passes over the data.")
    learning_rate: float = Field(default=0.05, gt=0, le=1, description="Step size.")


@method(
    id="bad_teacher",
    title="Bad Teacher",
    short="Bad Teacher",
    summary="Copies two teachers, a clueless one on the forget set and the original on the rest.",
    school="About one thing you listen to someone who has never seen it, about all the rest to someone who knows.",
    student=(
        "The student starts as the original and minimises KL(teacher || student) at temperature 1. On the forget set the "
        "teacher is a network with random weights, on the rest the frozen original. No label is used. The answers on the "
        "forget set become those of an untrained network, which is more uncertain than a retrained reference would be, so "
        "a membership attack can notice it."
    ),
    source={
        "title": "Chundawat et al., Can Bad Teaching Induce Forgetting?, AAAI 2023; as in Goel et al., TMLR 2024",
        "url": "https://arxiv.org/abs/2205.08096",
        "code": "https://github.com/drimpossible/corrective-unlearning-bench",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "The divergence is summed over classes; the released loss also divides by their number, which a larger step makes "
        "up for. It is trained by SGD with momentum, as in the benchmark; Chundawat et al. take Adam. The learning rate is "
        "constant instead of falling. Pictures are not augmented, so that both teachers' "
        "answers are computed once."
    ),
    needs=("classes",),
    order=46,
)
def bad_teacher(run: Run[ClassifierTask], params: BadTeacher) -> None:
    """Minimise KL to softmax(random network) on the forget set and to softmax(original) on the retain set, in mixed batches."""

    def both_teachers() -> torch.Tensor:
        return teacher_logits(run, run.original, ("keep",)) + teacher_logits(run, run.fresh(1), ("forget",))

    teacher = run.cached("teachers", both_teachers).to(run.device)
    run.task.parts["both"] = np.union1d(run.task.parts["forget"], run.task.parts["keep"])
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    passes = ["both"] * params.epochs
    for batch in run.epochs("listen", passes, params.batch_size, {"optimizer": optimizer}, augment=False):
        loss = distillation(run.forward(run.model, batch.x), teacher[batch.index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())
