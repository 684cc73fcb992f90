"""Weight change: which tensors moved, and how far."""

import math
from collections.abc import Iterable
from typing import Any

from pydantic import Field

from ..api.panels import AnyPanel, Bars, Series
from ..core.evidence import InspectContext
from ..core.registry import Params, inspector
from ._common import TEXT_KEYS, from_entrance, layer, nothing_moved, percent


class WeightChange(Params):
    """What to show."""

    most: int = Field(default=30, ge=3, le=200, description="How many tensors to show, those that moved most.")


@inspector(
    id="weight_change",
    title="Weight change: which weights moved",
    summary="How far each tensor of the model moved, relative to its own size.",
    source={"title": "Relative Frobenius distance: the norm of the difference over the norm of the original"},
    needs=("weights",),
    order=20,
    group="change",
    quick=True,
)
def weight_change(look: InspectContext[Any], params: WeightChange) -> list[AnyPanel]:
    """|after - before| / |before| by tensor and by layer (Frobenius norms); buffers that count steps are left out.

    A tensor that was all zero before, or that is no longer a number, has no relative change and is "not measured".
    """
    change, by_layer = _distances(look)
    moved = {name: value for name, value in change.items() if value != 0}
    if not moved:
        return [nothing_moved(look, len(change))]
    top = sorted(moved, key=lambda name: -_rank(moved[name]))[: params.most]
    broken = sum(math.isnan(value) for value in change.values())
    finding = f"{top[0]} moved most ({percent(change[top[0]])}); {len(change) - len(moved)} of {len(change)} tensors did not move."
    if broken:
        finding += f" {broken} have no relative change: they were zero before or are no longer numbers."
    read = sum(layer(name, look.before).endswith(TEXT_KEYS) for name in top)
    if read:
        finding += f" {read} of the {len(top)} shown are keys or values of cross-attention (attn2.to_k, attn2.to_v), where the prompt enters the U-Net."
    furthest = max(by_layer, key=lambda name: _rank(by_layer[name]))
    return [
        Bars(
            title="Relative change by layer",
            how=f"Each bar is one layer, from the input to the output; 10 % means that all its weights together moved by a tenth of their own length.{_entrance(by_layer)}",
            says=f"{furthest} moved furthest ({percent(by_layer[furthest])}).",
            labels=list(by_layer),
            series=[Series(name="relative change", values=list(by_layer.values()), role="difference")],
            unit="%",
        ),
        Bars(
            title="Relative change by tensor",
            how="Each bar is one tensor of the model; 10 % means that it moved by a tenth of its own length.",
            says=finding,
            labels=top,
            series=[Series(name="relative change", values=[change[name] for name in top], role="difference")],
            unit="%",
            horizontal=True,
        ),
    ]


def _entrance(names: Iterable[str]) -> str:
    """What the layers of a model that draws are called, where there are such."""
    if not any(name.endswith(TEXT_KEYS) for name in names):
        return ""
    return " “Text keys/values” are the keys and values of cross-attention, where the prompt enters the U-Net."


def _distances(look: InspectContext[Any]) -> tuple[dict[str, float], dict[str, float]]:
    """Relative change in percent by tensor, and by layer in the model's order."""
    before, after = look.before.state_dict(), look.after.state_dict()
    change: dict[str, float] = {}
    squares: dict[str, list[float]] = {}
    for name in look.steps(from_entrance(before, look.before), "comparing weights"):
        tensor = before[name]
        if tensor.is_floating_point():
            size, distance = float(tensor.double().norm()), float((after[name] - tensor).double().norm())
            change[name] = _relative(distance, size)
            total = squares.setdefault(layer(name, look.before), [0.0, 0.0])
            total[0] += distance**2
            total[1] += size**2
    return change, {name: _relative(math.sqrt(d), math.sqrt(s)) for name, (d, s) in squares.items()}


def _relative(distance: float, size: float) -> float:
    if distance == 0:
        return 0.0
    return 100 * distance / size if size and math.isfinite(distance) else math.nan


def _rank(value: float) -> float:
    """What cannot be measured comes last among what moved."""
    return -1.0 if math.isnan(value) else value
