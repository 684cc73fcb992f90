"""Gradient ascent (GA): climb the loss of the forget set, with no retain loss."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import SgdParams, sgd


class GradientAscent(SgdParams):
    """Climbing the loss of the forget set."""

    epochs: int = Field(default=5, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="Step size.")


@method(
    id="gradient_ascent",
    title="Gradient ascent (GA)",
    short="GA",
    summary="Practises getting the forget set wrong; nothing holds the rest.",
    school="Practise getting it wrong, over and over, without looking at anything else.",
    student=(
        "Gradient descent on minus the cross-entropy of the forget set. The loss has no upper bound and nothing holds the "
        "rest of the model, so there is a narrow range between no effect and a broken model. What goes first are the "
        "features that the forget set shares with its neighbours."
    ),
    source={
        "title": "Thudi et al., EuroS&P 2022; as in Jia et al., Model Sparsity Can Simplify Machine Unlearning, NeurIPS 2023",
        "url": "https://arxiv.org/abs/2304.04934",
        "code": "https://github.com/OPTML-Group/Unlearn-Sparse",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures="The step size is tuned for the embedded models.",
    needs=("labelled items",),
    order=40,
)
def gradient_ascent(run: Run[ClassifierTask], params: GradientAscent) -> None:
    """Minimise minus the cross-entropy of the forget set; in the paper 5 epochs at a learning rate of 1e-4."""
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch in run.epochs("ascend", ["forget"] * params.epochs, params.batch_size, {"optimizer": optimizer}):
        loss = run.loss(run.forward(run.model, batch.x), batch.y)
        optimizer.zero_grad()
        (-loss).backward()
        optimizer.step()
        run.log(forget_loss=loss.detach())
