"""Plain question: asks every model as it is, without any attack."""

from typing import Any

from ..core.attack import AttackContext, Result
from ..core.registry import Params, attack


class PlainQuestion(Params):
    """Nothing to set."""


@attack(
    id="plain_question",
    title="Plain question: asks as it is",
    summary="Asks the held-out items and the kept ones without any attack: what every other test is compared with.",
    source={
        "title": "Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs, COLM 2024",
        "url": "https://arxiv.org/abs/2401.06121",
    },
    needs=("exam",),
    test="plain",
    group="there",
    quick=True,
    order=0,
)
def plain_question(look: AttackContext[Any], params: PlainQuestion) -> Result:
    """One pass over the items and the kept ones, [1 seed, 1 place, items]."""
    tried = look.try_on_each(lambda model, seed: iter([model]), 1, "asking", copies=False)
    exam = look.exam
    attacked = look.attacked(
        attack="plain_question", kind="plain", x=[0.0], x_title="", recalled=tried.recalled, kept=tried.kept,
        broken=tried.broken,
    )  # fmt: skip
    outputs, reference = tried.outputs["after"], tried.outputs.get("reference")
    return Result(attacked, [exam.comeback(look, "Asked as it is", ["asked"], outputs, reference)])
