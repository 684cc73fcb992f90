"""Expose before you defend (EBYD): unlearn the clean task, see which filters it can do without, and close them."""

from typing import Literal

import torch
from pydantic import Field

from ..api.errors import BadInput
from ..core.registry import Params, method
from ..core.run import Run
from ..families.classifier import exposure
from ..families.classifier.task import Classifier


class Ebyd(Params):
    """How the backdoor is exposed, and how many filters are closed."""

    exposure: Literal["clean unlearning", "random labels", "weight perturbation", "sparsity"] = Field(
        default="random labels", description="How the clean task is taken from a copy of the model."
    )
    clean_images: int = Field(
        default=300, ge=20, le=20_000, description="Training images that somebody looked through."
    )
    exposure_epochs: int = Field(default=20, ge=1, le=200, description="Passes over them to expose, at most.")
    learning_rate: float = Field(default=3e-4, gt=0, le=1, description="Step size of the exposure.")
    stop_at: float = Field(
        default=30, ge=0, le=100, description="Clean accuracy, in percent, at which the copy is exposed."
    )
    recovery_epochs: int = Field(
        default=20, ge=1, le=200, description="Passes in which the factors of the filters learn."
    )
    recovery_rate: float = Field(default=0.05, gt=0, le=10, description="Step size of the factors.")
    accuracy_lost: float = Field(
        default=12,
        ge=0,
        le=100,
        description="Percentage points of clean accuracy that closing may cost on these images.",
    )
    filters: float = Field(
        default=10, gt=0, le=50, description="How many of all filters are closed at most, in percent."
    )


@method(
    id="ebyd",
    title="Expose before you defend (EBYD)",
    short="EBYD",
    summary="Takes the clean task from a copy to see which filters carry a backdoor, and closes them in the model.",
    school="Make a copy forget all that is right. What it still does then is the secret trick, and that is taken out of the real one.",
    student=(
        "A backdoor hides behind a high clean accuracy. Training on a few hundred clean images with random labels, or gradient ascent on them, takes "
        "that accuracy away while the trigger goes on working: the backdoor is exposed. A factor between 0 and 1 beside every filter of the exposed copy then learns to "
        "do the clean task again with all weights frozen; filters whose factors fall are of no use for it. They are closed in the original, "
        "lowest first, as long as the clean images bear it. Nothing is trained afterwards: on our model a few passes over clean images bring the trigger back. No manipulated image is read and nothing is known of the trigger."
    ),
    source={
        "title": "Li et al., Expose Before You Defend, 2024",
        "url": "https://arxiv.org/abs/2410.19427",
        "code": "https://github.com/bboylyg/Expose-Before-You-Defend",
    },
    label="same algorithm, smaller model",
    kind="edit",
    stage="repair",
    departures=(
        "Exposed by random labels with Adam at 3e-4 on 300 images until 30 % of them are right (the paper: gradient ascent at 1e-5 on 500 of "
        "CIFAR-10, which the exposure `clean unlearning` is). As many filters are closed as cost at most 12 points of the clean accuracy on these images, where the paper "
        "reports a range of thresholds: on two other models, whose triggers stand for Sneaker and Dress, every choice from 8 to 15 closed the "
        "backdoor with each of three seeds, and 12 is the most that cost their testing accuracy no more than 10 points. The clipping that its code calls before the gradients exist "
        "does nothing there and is left out. What it is told to forget is not read: it only names what is measured."
    ),
    needs=("classes",),
    order=95,
)
def ebyd(run: Run[Classifier], params: Ebyd) -> None:
    """Exposure on clean images, factors per filter on the exposed copy, the lowest closed in the model.

    Raises:
        BadInput: the model has no filters with batch normalisation.
    """
    if not exposure.filters(run.original):
        raise BadInput(
            f"{run.task.id} has no filters with batch normalisation, which EBYD closes; take a convolutional network such as a ResNet."
        )
    index = exposure.defence_set(run.task, run.seed, params.clean_images)

    def factors() -> dict[str, torch.Tensor]:
        copy = run.original
        for epoch, copied, accuracy in exposure.exposed(
            run.task, run.original, index, params.exposure, epochs=params.exposure_epochs, learning_rate=params.learning_rate,
            stop=params.stop_at, seed=run.seed,
        ):  # fmt: skip
            run.report("expose", epoch, params.exposure_epochs)
            run.log(clean_accuracy=accuracy)
            copy = copied
        return exposure.masks(
            run.task, copy, index, epochs=params.recovery_epochs, learning_rate=params.recovery_rate, seed=run.seed,
            tell=lambda done, of: run.report("recover", done, of),
        )  # fmt: skip

    learned = run.cached("factors", factors)

    def close() -> int:
        order = exposure.in_order(learned)
        order = order[: max(1, round(params.filters / 100 * len(order)))]
        closed = exposure.spared(
            run.task,
            run.model,
            index,
            order,
            params.accuracy_lost,
            lambda done, of: run.report("close filters", done, of),
        )
        exposure.prune(run.model, closed)
        return len(closed)

    run.log(filters_closed=run.cached("close filters", close))
