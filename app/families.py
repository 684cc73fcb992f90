"""Which family of models a run is of, said without opening the model."""

from backends.api import catalog
from backends.api.catalog import Family
from backends.api.runs import RunFolder

DRAWN = "in_domain_retain_accuracy"  # measured of models that draw, and of no others


def of_model(model: str) -> Family | None:
    """The family of an embedded model; None of any other."""
    return next((entry.family for entry in catalog.load().models if entry.id == model), None)


def of_run(run: RunFolder) -> Family:
    """The family of the model that a finished run changed; of a person's own model it is told by what was measured."""
    return of_model(run.spec.model) or ("text-to-image" if DRAWN in run.metrics else "classifier")
