"""Density of the predictions on the forget set: what the original, the unlearned and the retrained model say there."""

from typing import Any

import numpy as np

from ..api.panels import AnyPanel, Band, Histogram, Role, Series, When
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector

BINS = 36


class PredictionDensity(Params):
    """Nothing to set."""


@inspector(
    id="prediction_density",
    title="Density of predictions: where they went on the forget set",
    summary="How often each number is predicted for the forget set by the original, the unlearned and the retrained model.",
    source={
        "title": "Tarun et al., Deep Regression Unlearning, ICML 2023",
        "url": "https://arxiv.org/abs/2210.08196",
        "code": "https://github.com/ayu987/deep-regression-unlearning",
    },
    needs=("numeric labels",),
    group="change",
    quick=True,
    order=11,
)
def prediction_density(look: InspectContext[Any], params: PredictionDensity) -> list[AnyPanel]:
    """Percent of the forget set's training items in each of 36 equally wide bins over all predictions."""
    task, forget = look.task, look.task.parts["forget"]
    predictions = {"before": look.outputs("before")["train"][forget], "after": look.outputs("after")["train"][forget]}
    if look.reference is not None:
        predictions["reference"] = look.outputs("reference")["train"][forget]
    finite = {when: each[np.isfinite(each)] for when, each in predictions.items()}
    every = np.concatenate([*finite.values(), task.data.train.labels])
    edges = np.linspace(float(every.min()), float(every.max()) or 1.0, BINS + 1)
    names: dict[str, tuple[str, Role, When]] = {
        "before": ("original", "amount", "before"),
        "after": ("unlearned", "forget", "after"),
        "reference": ("retrained reference", "reference", ""),
    }
    series = []
    for when, each in finite.items():
        name, role, side = names[when]
        counts = 100 * np.histogram(each, edges)[0] / max(1, len(forget))
        series.append(Series(name=name, values=[float(one) for one in counts], role=role, when=side))
    middles = [
        f"{task.written(float(np.median(each)))} ({names[when][0]})" for when, each in finite.items() if len(each)
    ]
    return [
        Histogram(
            title="What is predicted for the forget set",
            how="Each outline is one model: the higher, the more of the forget set it gives that number. Shaded is the forgotten range, where the "
            "true numbers are. What never saw the range guesses near its edge.",
            says=f"Half of the predictions lie below {', '.join(middles)}.",
            edges=[float(edge) for edge in edges],
            series=series,
            x_title=f"predicted {task.data.label}",
            y_title="items, %",
            bands=[Band(low=low, high=high, name="forgotten") for low, high in task.bands],
        )
    ]
