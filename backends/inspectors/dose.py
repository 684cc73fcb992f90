"""What if the change had been smaller, or larger? Accuracy along the line from before to after."""

import copy
import math

import torch
from pydantic import Field
from torch import Tensor, nn

from ..api.panels import AnyPanel, Lines, Role, Series
from ..engine.evidence import Look
from ..models.task import Index
from ..registry import Params, inspector
from ._common import percent, right


class Dose(Params):
    """How finely to look."""

    steps: int = Field(default=7, ge=4, le=31, description="How many doses between 0 and 1.5.")
    images: int = Field(default=400, ge=20, le=20_000, description="At most this many images of each set.")


@inspector(
    id="dose",
    title="The dose",
    summary="Applies only a part of the change, or more than all of it, and measures what is forgotten and what is kept.",
    source={
        "title": "Linear interpolation of weights: Goodfellow et al., ICLR 2015",
        "url": "https://arxiv.org/abs/1412.6544",
    },
    works_with={"classifier": True},
    order=22,
)
def dose(look: Look, params: Dose) -> list[AnyPanel]:
    """Accuracy of theta(a) = before + a * (after - before) for a in 0..1.5, in percent.

    Buffers of batch normalisation are interpolated too; a variance that would fall below 0 beyond a = 1 is set to 0. Where
    the change is a picture added to the input, that picture is scaled. Doses 0 and 1 are always among those measured.
    """
    doses = sorted({0.0, 1.0, *(round(1.5 * i / (params.steps - 1), 4) for i in range(params.steps))})
    sets = _sets(look, params.images)
    curves: dict[str, list[float]] = {name: [] for name in sets}
    model = copy.deepcopy(look.after)
    for amount in doses:
        set_dose(model, look.before, look.after, amount)
        for name, (index, test, _) in sets.items():
            curves[name].append(right(look.task, model, index, test=test))
    series: list[Series] = [
        Series(name=name, values=list(values), role=sets[name][2]) for name, values in curves.items()
    ]
    return [
        Lines(
            title="How much of the change is needed",
            how="0 is the model before, 1 the model after; between them only a part of the change is made, and beyond 1 more than all of it.",
            says=_said(doses, curves),
            x=doses,
            series=series,
            x_title="dose of the change",
            y_title="right, %",
        )
    ]


def set_dose(model: nn.Module, before: nn.Module, after: nn.Module, amount: float) -> None:
    """Bring `model` (built like `after`) to before + amount * (after - before), tensor by tensor."""
    start, end = before.state_dict(), after.state_dict()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            first = start[name] if name in start else torch.zeros_like(end[name])
            tensor.copy_(_between(name, first, end[name], amount))


def _between(name: str, first: Tensor, last: Tensor, amount: float) -> Tensor:
    if not last.is_floating_point():
        return first if amount < 0.5 else last
    mixed = torch.lerp(first, last, amount)
    return mixed.clamp(min=0) if name.endswith("running_var") else mixed


def _sets(look: Look, most: int) -> dict[str, tuple[Index, bool, Role]]:
    """What is measured, by name: items, whether they are test images, and what they mean. Empty sets are left out."""
    sets: dict[str, tuple[Index, bool, Role]] = {
        "forget": (look.some("forget", most), False, "forget"),
        "forgotten classes, new images": (look.some("test_forget", most), True, "forget"),
        "keep": (look.some("retain", most), False, "neighbour"),
        "new images": (look.some("test", most), True, "unrelated"),
    }
    return {name: found for name, found in sets.items() if len(found[0])}


def _said(doses: list[float], curves: dict[str, list[float]]) -> str:
    forget, new = curves["forget"], curves.get("new images", curves["keep"])
    start, end = doses.index(0.0), doses.index(1.0)
    drop = forget[start] - forget[end]
    if not drop > 1:
        return f"The whole change takes accuracy on the forget set from {percent(forget[start])} to {percent(forget[end])}."
    enough = next(amount for amount, value in zip(doses, forget, strict=True) if forget[start] - value >= drop / 2)
    last = new[-1]
    beyond = (
        ""
        if math.isnan(last)
        else f"; at {doses[-1]:g} new images stand at {percent(last)} (before {percent(new[start])})"
    )
    return f"Half of the forgetting is done at dose {enough:g}{beyond}."
