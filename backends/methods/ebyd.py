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
        default="clean unlearning", description="How the clean task is taken from a copy of the model."
    )
    clean_images: int = Field(
        default=300, ge=20, le=20_000, description="Training images that somebody looked through."
    )
    epochs: int = Field(default=20, ge=1, le=200, description="Passes over them to expose, at most.")
    learning_rate: float = Field(default=3e-4, gt=0, le=1, description="Step size of the exposure.")
    stop_at: float = Field(
        default=20, ge=0, le=100, description="Clean accuracy, in percent, at which the copy is exposed."
    )
    recovery_epochs: int = Field(
        default=20, ge=1, le=200, description="Passes in which the factors of the filters learn."
    )
    recovery_rate: float = Field(default=0.2, gt=0, le=10, description="Step size of the factors.")
    most_lost: float = Field(
        default=1.5,
        ge=0,
        le=100,
        description="Filters are closed until accuracy on the clean images has lost this many points.",
    )
    most_filters: float = Field(default=20, gt=0, le=100, description="At most so many of all filters, in percent.")


@method(
    id="ebyd",
    title="Expose before you defend (EBYD)",
    short="EBYD",
    summary="Takes the clean task from a copy to see which filters carry a backdoor, and closes them in the model.",
    school="Make a copy forget all that is right. What it still does then is the secret trick, and that is taken out of the real one.",
    student=(
        "A backdoor hides behind a high clean accuracy. Gradient ascent on a few hundred clean images takes that accuracy away while the "
        "trigger goes on working: the backdoor is exposed. A factor between 0 and 1 beside every filter of the exposed copy then learns to "
        "do the clean task again with all weights frozen; filters whose factors fall are of no use for it. They are closed in the original, "
        "lowest first, as long as accuracy on the clean images allows. No manipulated image is read and nothing is known of the trigger."
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
        "Exposed with Adam at 3e-4 on 300 images (the paper: 1e-5 on 500 of CIFAR-10), until 20 % clean accuracy. How many filters are closed "
        "follows from the clean images alone, 1.5 points lost at most, where the paper reports a range of thresholds. The clipping that its "
        "code calls before the gradients exist does nothing there and is left out. What it is told to forget is not read: it only names what "
        "is measured."
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
            run.task, run.original, index, params.exposure, epochs=params.epochs, learning_rate=params.learning_rate,
            stop=params.stop_at, seed=run.seed,
        ):  # fmt: skip
            run.report("expose", epoch, params.epochs)
            run.log(clean_accuracy=accuracy)
            copy = copied
        return exposure.masks(
            run.task, copy, index, epochs=params.recovery_epochs, learning_rate=params.recovery_rate, seed=run.seed
        )

    learned = run.cached("factors", factors)

    def close() -> int:
        order = exposure.in_order(learned)
        batch = run.task.batch(index)
        was = exposure.right(run.task, run.original, batch.x, batch.y)
        most = max(1, int(params.most_filters / 100 * len(order)))
        closed = 0
        for place in range(most):
            scale = exposure.filters(run.model)[order[place][0]].weight
            before = float(scale.detach()[order[place][1]])
            exposure.prune(run.model, order[place : place + 1])
            if was - exposure.right(run.task, run.model, batch.x, batch.y) > params.most_lost:
                with torch.no_grad():
                    scale[order[place][1]] = before
                break
            closed += 1
            run.report("close filters", place, most)
        return closed

    run.log(filters_closed=run.cached("close filters", close))
