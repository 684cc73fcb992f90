"""Which tensors moved, and how far."""

from pydantic import Field

from ..api.panels import AnyPanel, Bars, Series
from ..engine.evidence import Look
from ..registry import Params, inspector


class WeightChange(Params):
    """What to show."""

    most: int = Field(default=30, ge=3, le=200, description="How many tensors to show, those that moved most.")


@inspector(
    id="weight_change",
    title="Which weights moved",
    summary="How far each tensor of the model moved, relative to its own size.",
    source={"title": "Relative Frobenius distance, as commonly used"},
    works_with={"classifier": True, "text-to-image": True, "llm": True, "moe": True},
    order=20,
)
def weight_change(look: Look, params: WeightChange) -> list[AnyPanel]:
    """|after - before| / |before| by tensor (Frobenius norms); buffers that count steps are left out."""
    before, after = look.before.state_dict(), look.after.state_dict()
    moved: dict[str, float] = {}
    for name, tensor in before.items():
        if tensor.is_floating_point():
            size = float(tensor.norm())
            distance = float((after[name] - tensor).norm())
            moved[name] = distance / size if size else (float("inf") if distance else 0.0)
    top = sorted(moved, key=lambda name: -moved[name])[: params.most]
    still = sum(value == 0 for value in moved.values())
    return [
        Bars(
            title="Relative change by tensor",
            how="Each bar is one tensor of the model; 10 % means that it moved by a tenth of its own length.",
            says=f"{top[0]} moved most ({100 * moved[top[0]]:.1f} %); {still} of {len(moved)} tensors did not move at all.",
            labels=top,
            series=[Series(name="relative change", values=[100 * moved[name] for name in top], role="difference")],
            unit="%",
            horizontal=True,
        )
    ]
