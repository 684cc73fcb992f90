"""Prediction against truth: what a model predicts for kept and forgotten items, before and after, beside what is true."""

from typing import Any

import numpy as np
from pydantic import Field

from ..api.panels import AnyPanel, Band, Point, Points, Role
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector


class PredictionScatter(Params):
    """How many are drawn."""

    count: int = Field(default=150, ge=20, le=1000, description="Items of the forget set, and as many of the rest.")


@inspector(
    id="prediction_scatter",
    title="Prediction against truth: what else moved when a range was forgotten",
    summary="Every item at its true and its predicted number, before and after; forgetting a range can bend all others.",
    source={"title": "Predicted against observed values, as commonly used"},
    needs=("numeric labels",),
    group="change",
    quick=True,
    order=12,
)
def prediction_scatter(look: InspectContext[Any], params: PredictionScatter) -> list[AnyPanel]:
    """Points (truth, prediction) of test items where a range was forgotten, else of training items; shaded is the forgotten range."""
    task = look.task
    test = bool(len(task.parts["test_forget"]))
    split = "test" if test else "train"
    sets: dict[Role, str] = {"unrelated": "test" if test else "retain", "forget": "test_forget" if test else "forget"}
    before, after = (look.outputs(when)[split] for when in ("before", "after"))
    labels = task.splits[split].labels
    points, moved = [], {}
    for role, part in sets.items():
        items = look.some(part, params.count)
        moved[role] = float(np.mean(np.abs(after[items] - before[items]))) if len(items) else float("nan")
        for item in items.tolist():
            ends = [float(before[item]), float(after[item])]
            if not np.isfinite(ends).all():
                continue
            truth = float(labels[item])
            words = f"true {task.written(truth)}\noriginal {task.written(ends[0])}\nunlearned {task.written(ends[1])}"
            points.append(
                Point(
                    id=f"{split}-{item}",
                    label=task.written(truth),
                    role=role,
                    before=(truth, ends[0]),
                    after=(truth, ends[1]),
                    text=words,
                )
            )
    items_word = "new items" if test else "training items"
    return [
        Points(
            title="Prediction against truth",
            how=f"Each dot is one of the {items_word}: to the right what is true, upwards what the model predicts. On the dotted line both are equal. "
            "The slider moves the dots from the original model to the unlearned one; shaded is the forgotten range.",
            says=f"Predictions moved by {task.written(moved['forget'])} on average in the forget set, by {task.written(moved['unrelated'])} elsewhere.",
            points=points,
            x_title=f"true {task.data.label}",
            y_title=f"predicted {task.data.label}",
            scaled=True,
            bands=[Band(low=low, high=high, name="forgotten") for low, high in task.bands],
        )
    ]
