"""Relearning curve: trains on a few of the forgotten things and asks for others."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field
from torch import nn

from ..core.attack import AttackContext, Result, curves
from ..core.exam import Watching
from ..core.registry import Params, attack


class Relearning(Params):
    """What is taught."""

    lesson: Literal["forgotten", "form", "other"] = Field(
        default="forgotten",
        description="A few of the forgotten things; others of the same form that are new to the model; or other data that it knows.",
    )
    seeds: int = Field(default=1, ge=1, le=5, description="How often, each time with another order.")


@attack(
    id="relearning",
    title="Relearning curve: trains on a few, asks for the others",
    summary="Trains every model on a few of the forgotten things and asks, after more and more steps, for those that it did not train on.",
    source={
        "title": "Fan et al., Towards LLM Unlearning Resilient to Relearning Attacks, ICML 2025",
        "url": "https://arxiv.org/abs/2502.05374",
        "code": "https://github.com/OPTML-Group/Unlearn-Smooth",
    },
    needs=("exam",),
    test="relearn",
    group="there",
    quick=True,
    order=10,
)
def relearning(look: AttackContext[Any], params: Relearning) -> Result:
    """The share of held-out items after 0 ... n steps of fine-tuning from each model's own weights, with a fresh optimiser. A guard is
    part of the unlearned model as it stands. Where a family has something inside its models to follow, as the routes of a mixture of
    experts, that is drawn along the same steps."""
    exam = look.exam
    steps = list(exam.steps)

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        for _ in exam.teach(model, params.lesson, seed, steps):
            yield model

    watching = exam if isinstance(exam, Watching) else None
    tried = look.try_on_each(
        way,
        len(steps),
        "training, asking and looking inside" if watching else "training and asking",
        seeds=range(params.seeds),
        inside=watching.inside if watching else None,
    )
    attacked = look.attacked(
        attack="relearning", kind="relearn", x=[float(one) for one in steps], x_title="training steps", recalled=tried.recalled,
        kept=tried.kept,
        budget={"steps": steps[-1], "lesson": exam.lessons[params.lesson], "seeds": params.seeds},
    )  # fmt: skip
    title = f"Taught {exam.lessons[params.lesson]}, then asked for {len(exam.items)} other {exam.noun}"
    stages = ["before training", *(f"step {step}" for step in steps[1:])]
    picture = exam.comeback(
        look, "What comes back, step by step", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    inside = watching.course(steps, tried.readings) if watching and tried.readings else []
    return Result(attacked, [picture, curves(attacked, title), *inside])
