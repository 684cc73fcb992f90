"""Random labels (RL): train on random labels for the forget set and true labels for the retain set."""

from ..core.registry import method
from ..core.run import Run
from ..core.task import ClassifierTask
from ._common import RelabelParams, falling, relabelled, relabelled_loss, sgd


class RandomLabel(RelabelParams):
    """Learning random labels."""


@method(
    id="random_label",
    title="Random labels (RL)",
    short="RL",
    summary="Trains on random labels for the forget set and on the right ones for the rest.",
    school="Hear a different name for it each time, until no name sticks.",
    student=(
        "Cross-entropy to labels drawn uniformly over all classes on the forget set, and to the true labels on the retain "
        "set. The answers on the forget set become undecided. That is not how a model behaves that never saw these images: "
        "it would still guess many single images right, so for a random share of the data this overshoots."
    ),
    source={
        "title": "Golatkar et al., CVPR 2020; as in Fan et al. (SalUn), ICLR 2024",
        "url": "https://arxiv.org/abs/2310.12508",
        "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "Fewer epochs; the forget set is shuffled into the rest, as the authors do for CIFAR-100; the step size falls to zero "
        "during the run and is tuned for the embedded models."
    ),
    needs=("classes",),
    order=30,
)
def random_label(run: Run[ClassifierTask], params: RandomLabel) -> None:
    """Minimise CE to random labels on the forget set and true labels on the retain set: SalUn without its mask."""
    run.model.train()
    optimizer = sgd(run.model, params.learning_rate)
    for batch, labels in relabelled(run, params, {"optimizer": optimizer}):
        loss = relabelled_loss(run.forward(run.model, batch.x), labels, batch, params.alpha)
        falling(optimizer, params.learning_rate, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss.detach())
