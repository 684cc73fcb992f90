"""Fine-tuning on the retain set (FT): the simplest baseline, which never uses the forget set."""

from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import SgdParams, falling, sgd


class Params(SgdParams):
    """Fine-tuning."""


@method(
    id="fine_tune",
    title="Fine-tuning on the retain set (FT)",
    short="FT",
    summary="Goes on training on everything else, and hopes that the forget set fades.",
    school="Practise only the things you want to keep, until the other thing slips your mind.",
    student=(
        "The model is trained for a few more epochs with cross-entropy on the retain set alone. Whatever is forgotten is "
        "forgotten by interference (catastrophic forgetting), so single examples often stay recognisable."
    ),
    source={
        "title": "Jia et al., Model Sparsity Can Simplify Machine Unlearning, NeurIPS 2023",
        "url": "https://arxiv.org/abs/2304.04934",
        "code": "https://github.com/OPTML-Group/Unlearn-Sparse",
    },
    label="same algorithm, smaller model",
    kind="retain",
    departures="Fewer epochs than the paper's 10; the learning rate falls to zero during the run and is tuned for the embedded models.",
    needs=("labelled items",),
    order=20,
)
def fine_tune(run: Run[ClassifierTask], params: Params) -> None:
    """Minimise cross-entropy on the retain set; in the paper 10 epochs at a learning rate of 0.01."""
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch in run.epochs("fine-tune", ["keep"] * params.epochs, params.batch_size, {"optimizer": optimizer}):
        loss = run.loss(run.forward(run.model, batch.x), batch.y)
        falling(optimizer, params.learning_rate, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())
