"""Which family of models a run is of, said without opening the model."""

from typing import get_args

from backends.api import catalog
from backends.api.catalog import Family
from backends.api.runs import RunFolder


def of_model(model: str) -> Family | None:
    """The family of an embedded model; None of any other."""
    return next((entry.family for entry in catalog.load().models if entry.id == model), None)


def of_run(run: RunFolder) -> Family:
    """The family of the model that a finished run changed; of a person's own model it is told by what was measured."""
    return of_model(run.spec.model) or _measured(run) or "classifier"


def _measured(run: RunFolder) -> Family | None:
    """The family that every metric of a run works with, where there is one and no other."""
    known = [metric for metric in catalog.load().metrics if metric.id in run.metrics]
    fits = [family for family in get_args(Family) if known and all(m.works_with.get(family) is True for m in known)]
    return fits[0] if len(fits) == 1 else None
