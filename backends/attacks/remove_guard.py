"""Guard removed: asks the model without what stands in front of it."""

from collections.abc import Iterator
from typing import Any

from torch import nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack


class RemoveGuard(Params):
    """Nothing to set."""


@attack(
    id="remove_guard",
    title="Guard removed: asks what stands behind the filter",
    summary="Takes the guard away, as whoever has the weights can, and asks the same items.",
    source={
        "title": "Łucki et al., An Adversarial Perspective on Machine Unlearning for AI Safety, TMLR 2025",
        "url": "https://arxiv.org/abs/2409.18025",
    },
    needs=("exam",),
    lacks=lambda look: "" if look.guarded else "No guard stands in front of this model: its weights were changed.",
    test="guard",
    group="there",
    quick=True,
    order=5,
)
def remove_guard(look: AttackContext[Any], params: RemoveGuard) -> Result:
    """The items asked with the guard and without it. Without it the unlearned model is the original by construction; it is asked all
    the same. The original and the references have no guard: both places are the same for them."""

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        yield model
        yield look.before if model is look.after else model

    tried = look.try_on_each(way, 2, "asking with and without the guard", copies=False)
    exam = look.exam
    attacked = look.attacked(
        attack="remove_guard", kind="guard", x=[0.0, 1.0], x_title="guard: 0 in place, 1 removed", recalled=tried.recalled,
        kept=tried.kept,
    )  # fmt: skip
    outputs, reference = tried.outputs["after"], tried.outputs.get("reference")
    picture = exam.comeback(
        look, "With the guard, and without it", ["guard in place", "guard removed"], outputs, reference
    )
    return Result(attacked, [picture, curves(attacked, "With the guard, and without it")])
