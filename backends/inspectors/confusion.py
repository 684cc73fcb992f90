"""Confusion matrix: how the images of each class are labelled, before and after, and what changed."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Heatmap
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.classifier.task import Classifier
from ..metrics._common import predictions
from ._common import percent

READ = "One row a true class, one column what the model says; a row adds up to 100 %, and the diagonal is what it gets right."


class Confusion(Params):
    """What to show."""

    most: int = Field(
        default=20, ge=2, le=100, description="How many classes to show where there are more: those that changed most."
    )


@inspector(
    id="confusion",
    title="Confusion matrix: what it calls things now",
    summary="How new images of every class are labelled before and after, and where the forgotten ones went.",
    source={"title": "Confusion matrix on the test images, rows in percent"},
    needs=("classes",),
    order=4,
    group="sees",
    quick=True,
)
def confusion(look: InspectContext[Classifier], params: Confusion) -> list[AnyPanel]:
    """Row-normalised confusion on all test images, in percent; a class without test images is a row of "not measured".

    Where there are more classes than `most`, the forgotten ones, their neighbours and those that changed most are shown,
    and a row adds up to less than 100 %.
    """
    before, after = matrix(look, "before"), matrix(look, "after")
    classes = _chosen(look, np.abs(np.nan_to_num(after - before)).sum(1), params.most)
    panels: list[AnyPanel] = [
        _heatmap(look, "Original model", before, classes, READ, _sure(look, before)),
        _heatmap(look, "Unlearned model", after, classes, READ, _went(look, after, before)),
        _heatmap(
            look, "What changed", after - before, classes, _DIFFERENCE, _largest(look, after - before), signed=True
        ),
    ]
    if look.reference is not None:
        reference = matrix(look, "reference")
        panels.append(_heatmap(look, "Retrained reference", reference, classes, READ, _sure(look, reference)))
        gap = after - reference
        finding = f"On average a row differs by {percent(float(np.nanmean(np.abs(gap).sum(1) / 2)))} of its images."
        panels.append(
            _heatmap(
                look, "Unlearned model, minus retrained reference", gap, classes, _DIFFERENCE, finding, signed=True
            )
        )
    return panels


_DIFFERENCE = "Orange cells are said more often than in the model compared with, blue ones less often, white ones as often; in percentage points of the row."


def matrix(look: InspectContext[Classifier], when: When) -> NDArray[np.float64]:
    """[classes, classes] in percent: row i, how test images of class i are labelled. Answers that are no numbers fall out."""
    own = look.task.data.own_test
    labelled_as, labels = predictions(look.outputs(when)["test"][own]), look.task.data.test.labels[own]
    count = len(look.task.names)
    sound = labelled_as >= 0
    table = np.bincount(labels[sound] * count + labelled_as[sound], minlength=count * count).reshape(count, count)
    totals = np.bincount(labels, minlength=count)[:, None]
    return np.where(totals > 0, 100 * table / np.maximum(totals, 1), np.nan)


def _chosen(look: InspectContext[Classifier], change: NDArray[np.float64], most: int) -> list[int]:
    """The classes to show, in the model's order."""
    first = [*look.task.forgotten_classes, *look.task.neighbours]
    remaining = [int(i) for i in np.argsort(-change, kind="stable") if i not in first]
    return sorted([*first, *remaining][:most])


def _heatmap(
    look: InspectContext[Classifier],
    title: str,
    z: NDArray[np.float64],
    classes: list[int],
    how: str,
    finding: str,
    *,
    signed: bool = False,
) -> Heatmap:
    names = [look.task.names[i] for i in classes]
    return Heatmap(
        title=title,
        how=how,
        says=finding,
        rows=names,
        columns=names,
        z=[[float(z[i, j]) for j in classes] for i in classes],
        unit="%",
        scale="difference" if signed else "amount",
        row_title="true class",
        column_title="what the model says",
        numbers=len(classes) <= 20,
        marked=[place for place, number in enumerate(classes) if number in look.task.forgotten_classes],
    )


def _sure(look: InspectContext[Classifier], z: NDArray[np.float64]) -> str:
    """The class it gets right most rarely."""
    diagonal = np.diag(z)
    worst = int(np.nanargmin(diagonal))
    return f"It gets {percent(float(np.nanmean(diagonal)))} right on average; {look.task.names[worst]} least often ({percent(float(diagonal[worst]))})."


def _went(look: InspectContext[Classifier], after: NDArray[np.float64], before: NDArray[np.float64]) -> str:
    """Where the forgotten classes went, or, where single images were forgotten, what happened on the whole."""
    names, clauses = look.task.names, []
    for number in look.task.forgotten_classes[:3]:
        others = np.where(np.arange(len(names)) == number, -1, np.nan_to_num(after[number]))
        to = int(others.argmax())
        clauses.append(
            f"{names[number]} is now called {names[number]} {percent(float(after[number, number]))} of the time "
            f"(before {percent(float(before[number, number]))}), most often {names[to]} otherwise ({percent(float(others[to]))})"
        )
    return "; ".join(clauses) + "." if clauses else _sure(look, after)


def _largest(look: InspectContext[Classifier], change: NDArray[np.float64]) -> str:
    """The cell that changed most."""
    if not np.nan_to_num(change).any():
        return "Nothing changed: every class is labelled as before."
    row, column = np.unravel_index(int(np.nanargmax(np.abs(change))), change.shape)
    value = float(change[row, column])
    return f"The largest change: {look.task.names[row]} is called {look.task.names[column]} {abs(value):.1f} points {'more' if value > 0 else 'less'} often than before."
