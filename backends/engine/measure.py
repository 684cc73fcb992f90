"""Every metric of a finished job, for the model before, the model after and, where there is one, the retrained reference."""

import io
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..api.errors import LetheError
from ..api.results import Measured
from ..core.evidence import Evidence, Score, When
from ..core.registry import Registered, entries, get
from .outputs import Outputs


@dataclass
class Measurement:
    """What was measured.

    Attributes:
        metrics: by metric id.
        arrays: per-item values, keyed "<metric>/<when>", and the items they belong to, keyed "<metric>/ids".
        evidence: what the metrics looked at, by model.
        problems: metric id -> why it could not be measured, technical text.
    """

    metrics: dict[str, Measured] = field(default_factory=dict)
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    evidence: dict[When, Evidence[Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def value(self, metric: str, when: When) -> float:
        """A metric's value, NaN where it was not measured."""
        measured = self.metrics.get(metric)
        value = getattr(measured, when) if measured else None
        return nan if value is None else float(value)

    def packed(self) -> bytes:
        """The arrays as the bytes of an .npz file."""
        out = io.BytesIO()
        np.savez_compressed(out, allow_pickle=False, **self.arrays)
        return out.getvalue()


def chosen(names: Sequence[str], family: str) -> list[Registered]:
    """The metrics of these ids, or every one that fits the family, in the order a page shows them.

    Raises:
        BadInput: there is no metric of such an id.
    """
    requested = {get("metrics", name).id for name in names}
    return [
        metric
        for metric in entries("metrics").values()
        if metric.entry.works_with.get(family) is True and (not requested or metric.id in requested)
    ]


def measure(
    task: Any,
    outputs: dict[When, Outputs],
    names: Sequence[str] = (),
    seconds: dict[When, float] | None = None,
    memory: int | float = nan,
    stored: int | float = nan,
    moved: float = nan,
    tell: Callable[[int, int], None] = lambda step, of: None,
) -> Measurement:
    """Measure.

    Args:
        task: the job's, with its parts.
        outputs: what each model says about every item; "reference" only where there is one.
        names: which metrics; empty for all that fit the family and are not said to be none of the task's.
        seconds: what each model's making took, where it is known.
        memory: bytes at the job's peak.
        stored: bytes of the tensors that changed.
        moved: percent of the weights that changed.
        tell: called with (metrics done, metrics in all).

    Returns:
        One `Measured` a metric; a metric that fails is "not measured" (NaN), with the reason under `problems`.
    """
    measurement, scores = Measurement(), {}
    metrics = [metric for metric in chosen(names, task.family) if names or not metric.lacks(task)]

    def score(name: str, when: When) -> Score:
        if (name, when) not in scores:
            scores[name, when] = Score(nan)  # a metric that asks for itself gets "not measured"
            try:
                scores[name, when] = get("metrics", name).function(measurement.evidence[when])
            except Exception as error:
                why = str(error) if isinstance(error, LetheError) else traceback.format_exc(limit=-3)
                measurement.problems.setdefault(name, why)
        return scores[name, when]

    def value(name: str, when: When) -> float:
        return score(name, when).value if when in outputs else nan

    for when, model_outputs in outputs.items():
        took = (seconds or {}).get(when, nan)
        room = (memory, stored, moved) if when == "after" else (nan, nan, nan)
        measurement.evidence[when] = Evidence(
            when, task, model_outputs, value, took, *room, others=measurement.evidence
        )
    for step, metric in enumerate(metrics):
        tell(step, len(metrics))
        _add(measurement, metric, {when: score(metric.id, when) for when in outputs})
    tell(len(metrics), len(metrics))
    return measurement


def _add(measurement: Measurement, metric: Registered, scores: dict[When, Score]) -> None:
    entry = metric.entry
    measurement.metrics[metric.id] = Measured(
        before=scores["before"].value,
        after=scores["after"].value,
        reference=scores["reference"].value if "reference" in scores else None,
        unit=entry.unit,
        direction=entry.direction,
        title=entry.title,
        short=entry.short,
        parts={when: score.parts for when, score in scores.items() if score.parts},
    )
    for when, score in scores.items():
        if score.items is not None:
            measurement.arrays[f"{metric.id}/{when}"] = score.items
            if score.ids is not None:
                measurement.arrays[f"{metric.id}/ids"] = np.array(score.ids)
