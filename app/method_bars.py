"""Measured bars of methods: how much each one forgets and keeps, and how much comes back, by the tables that came with Lethe."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from statistics import mean
from types import MappingProxyType
from typing import Any, NamedTuple

from app import axes
from app.target_choice import targets_in_words
from backends.api import benchmarks, catalog, comebacks, families, files
from backends.api.catalog import Model


class Bars(NamedTuple):
    """What was measured of one method on one model, in percent; None: not measured.

    Attributes:
        forgets: how much of the forget set it gets wrong, or no longer says or draws.
        keeps: how much is left of what the original model is right about in all else.
        returns: how much of the forget set is right again under the strongest test that can tell; where no test was made, in the way of asking
            that the family names.
    """

    forgets: float | None = None
    keeps: float | None = None
    returns: float | None = None


class Measured(NamedTuple):
    """The bars of the methods on one model, and what was forgotten for them, in words; no words where nothing was measured."""

    bars: Mapping[str, Bars]
    target: str


@cache
def of_model(model_id: str) -> Measured:
    """The bars of every method that was measured on an embedded model with its recommended settings; of any other, none."""
    entry = next((entry for entry in catalog.load().models if entry.id == model_id), None)
    rows = [row for table in benchmarks.tables().values() for row in table if row.model == model_id and not row.given]
    if entry is None or not rows:
        return Measured(MappingProxyType({}), "")
    targets = list(dict.fromkeys(row.target for row in rows))
    target = next((text for text in entry.default_forget if text in targets), targets[0])
    same = [row for row in rows if row.target == target]
    names = axes.usual(axes.choices({name for row in same for name in row.metrics}))
    methods = dict.fromkeys(row.method for row in same)
    tested = {row.method: row.strongest for row in comebacks.rows(model_id) if row.target == target}
    bars = {method: _bars(entry, [row for row in same if row.method == method], *names) for method in methods}
    for method, strongest in tested.items():
        if strongest is not None and strongest.unlearned is not None:
            bars[method] = bars.get(method, Bars())._replace(returns=100 * strongest.unlearned)
    return Measured(MappingProxyType(bars), targets_in_words([target], entry.family))


def _bars(entry: Model, rows: Sequence[benchmarks.Row], forgetting: str, keeping: str) -> Bars:
    """The means over the seeds of one method."""
    forgets, keeps = _mean(rows, forgetting, "after"), _mean(rows, keeping, "after")
    original, returning = _mean(rows, keeping, "before"), families.get(entry.family).returns
    axis = axes.Axis(catalog.load().get("metrics", forgetting), "right")
    if forgets is not None:
        forgets = axis.points(forgets) + (100 if axis.backwards else 0)
    return Bars(
        forgets=forgets,
        keeps=min(100.0, 100 * keeps / original) if keeps is not None and original else None,
        returns=_mean(rows, returning, "after") if returning else None,
    )


def _mean(rows: Sequence[benchmarks.Row], name: str, when: str) -> float | None:
    values = [files.number(_of(row, name).get(when)) for row in rows]
    return mean(values) if values and all(map(math.isfinite, values)) else None


def _of(row: benchmarks.Row, name: str) -> Mapping[str, Any]:
    return row.metrics.get(name, {})
