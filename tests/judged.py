"""Verdicts on numbers written by hand: `judged(subject fields, metric=(before, after, reference), ...)`."""

from backends.api import verdict
from backends.api.results import Measured, Subject
from backends.engine.verdict import catalog_entries


def measured(name, values, parts=None):
    """A metric of the catalog with these values before, after and, where there is one, of the retrained reference."""
    entry = catalog_entries()[name]
    before, after, *reference = values
    return Measured(
        before=before,
        after=after,
        reference=reference[0] if reference else None,
        unit=entry.unit,
        direction=entry.direction,
        title=entry.title,
        short=entry.short,
        parts=parts or {},
    )


def judged(about, findings=(), parts=None, **values):
    """The sentence."""
    metrics = {name: measured(name, numbers, (parts or {}).get(name)) for name, numbers in values.items()}
    return verdict.sentence(metrics, catalog_entries(), Subject(**about), findings)
