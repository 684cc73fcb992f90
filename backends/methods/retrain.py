"""Retraining from scratch on the retain set: the reference of all approximate methods."""

from pydantic import Field

from ..core.registry import Params, method
from ..core.run import Run
from ..core.task import ClassifierTask
from ..models.recipe import train


class Retrain(Params):
    """How long new weights are trained."""

    epochs: int = Field(
        default=0,
        ge=0,
        le=500,
        description="Passes over what is kept. 0: as many as the model had, without which it is no reference.",
    )


@method(
    id="retrain",
    title="Retraining from scratch (Retrain)",
    short="Retrain",
    summary="Starts from new weights and never sees the forget set; slow, and right by definition.",
    school="Begin again as a newborn and never hear about it.",
    student=(
        "The same architecture with a fresh initialisation is trained on the retain set with the model's own recipe: epochs, "
        "batch size, learning-rate schedule, augmentation. Nothing of the forget set can be left, so this is exact unlearning, "
        "and its accuracies are what the approximate methods aim at: equal to it is better than beyond it. Two retrained "
        "models differ by their seeds alone, which is why more than one should be looked at."
    ),
    source={
        "title": "The reference in Fan et al. (SalUn), ICLR 2024, and Jia et al., NeurIPS 2023",
        "url": "https://arxiv.org/abs/2310.12508",
        "code": "https://github.com/OPTML-Group/Unlearn-Saliency",
    },
    label="same algorithm, smaller model",
    kind="retain",
    departures="The recipe is that of the model's card; the paper's models were trained for 182 epochs.",
    reference=True,
    needs=("labelled items",),
    order=90,
)
def retrain(run: Run[ClassifierTask], params: Retrain) -> None:
    """Train new weights on the retain set, by the recipe of the model's card."""
    train(run, params.epochs or None)
