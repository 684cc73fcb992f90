"""Interpolation back: undoes a share of the change."""

import copy
from collections.abc import Iterator
from typing import Any

from torch import nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..core.run import set_dose

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


class Interpolation(Params):
    """Nothing to set."""


@attack(
    id="interpolation",
    title="Interpolation back: undoes a share of the change",
    summary="Moves the weights in a straight line back to the original model: a deep edit returns late, a shallow one early.",
    source={
        "title": "Linear interpolation of weights: Goodfellow et al., ICLR 2015; task arithmetic: Ilharco et al., ICLR 2023",
        "url": "https://arxiv.org/abs/2212.04089",
    },
    needs=("exam", "weights"),
    lacks=lambda look: "A guard changes no weight, so there is nothing to move back." if look.guarded else "",
    test="weights",
    counts=False,
    group="there",
    order=50,
)
def interpolation(look: AttackContext[Any], params: Interpolation) -> Result:
    """(1 - a) w + a w_original for a of 0 ... 1, of the unlearned model and of each reference (which has other
    random weights, so that the way between them leads through models that know little). At 1 all is back by construction, and
    whoever has the original's weights needs no attack: this explains how deep an edit lies and is not weighed by the court."""

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        end = copy.deepcopy(model)
        for share in SHARES:
            set_dose(model, look.before, end, 1 - share)
            yield model

    tried = look.try_on_each(way, len(SHARES), "moving back and asking")
    attacked = look.attacked(
        attack="interpolation", kind="weights", x=[100 * share for share in SHARES], x_title="of the change undone, %",
        recalled=tried.recalled, kept=tried.kept, at=2, counts=False,
    )  # fmt: skip
    return Result(attacked, [curves(attacked, "With a share of the change undone")])
