"""U-LiRA: unlearns shadow models in the same way, and asks of each image whether the model looks as if it had forgotten it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field
from torch import nn

from ..api.runs import RunFolder
from ..core.attack import Outcome, Result
from ..core.registry import Params, attack, get
from ..core.run import Run
from ..core.task import Index
from ..families.classifier import shadows
from ._membership import (
    Candidates,
    Floats,
    Look,
    candidates,
    inside,
    likelihood_ratio,
    margins_of,
    paired,
    reason_not,
    result,
)

FEWEST = 50  # forgotten images


class ULira(Params):
    """What the attacked model is compared with."""

    shadows: int = Field(
        default=8, ge=4, le=64, description="Shadow models that are unlearned, at most; an odd one is left out."
    )


def reason(look: Look) -> str:
    """Why shadows cannot be unlearned as the run was; it opens no model."""
    if why := reason_not(look):
        return why
    entry = get("methods", RunFolder(look.run).spec.method).entry
    if entry.reference:
        return "The unlearned model was trained again from new weights, so it forgot nothing that shadow models could forget alike."
    if entry.finds:
        return f"{entry.title.partition(':')[0]} finds its own forget set, and would find another one in each shadow model."
    count = len(look.task.parts["forget"])
    return f"{count} images were to be forgotten; {FEWEST} are wanted to tell rates." if count < FEWEST else ""


@attack(
    id="u_lira",
    title="U-LiRA: unlearns shadow models alike",
    summary="Unlearns shadow models by the run's own method, and asks of each image whether the model is more like those that forgot it or those that never saw it.",
    source={
        "title": "Hayes et al., Inexact Unlearning Needs More Careful Evaluations to Avoid a False Sense of Privacy, 2024",
        "url": "https://arxiv.org/abs/2403.01218",
    },
    needs=("exam", "classes"),
    lacks=reason,
    test="inside",
    group="attacker",
    quick=False,
    order=62,
)
def u_lira(look: Look, params: ULira) -> Result:
    """log N(m; where trained and forgotten) - log N(m; where never seen), of m = log(p / (1 - p)) of the true class; recalled is who is
    called a member by it at 5 % false positives.

    Each shadow is unlearned with the run's method, settings and seed, in float32, of what it was trained on among the forget set and the
    images that stand for non-members. The retrained reference is scored like the unlearned model, the original against the shadows as
    they are. The paper trains 256 shadows and fits both normals to each image; here images share their two standard deviations, and
    the models that never saw an image are shadows that forgot others, not retrained ones.
    """
    task, asked_about = look.task, candidates(look.task)
    paths = paired(task.id, params.shadows)
    plain, unlearned = _shadow_margins(look, asked_about, paths)
    trained = inside(task, asked_about, len(paths))
    each = look.on_each(lambda when, model: margins_of(task, model, asked_about), "asking for probabilities")

    def score(own: Outcome, beside: list[dict[str, Floats]]) -> tuple[Floats, Floats]:
        members, others = (
            likelihood_ratio(np.asarray(own[part]), np.stack([one[part] for one in beside]), trained[part])
            for part in ("members", "others")
        )
        return members, others

    scored = {
        when: [score(one, plain if when == "before" else unlearned) for one in outcomes]
        for when, outcomes in each.items()
    }
    budget = {
        "shadow models": len(paths), "images never trained on": len(asked_about.others),
        "shadow epochs": shadows.card(task.id)["recipe"]["epochs"],
    }  # fmt: skip
    return result(look, asked_about, scored, "u_lira", budget, "log ratio: forgotten against never seen")


def _shadow_margins(
    look: Look, asked_about: Candidates, paths: Sequence[Path]
) -> tuple[list[dict[str, Floats]], list[dict[str, Floats]]]:
    """What every shadow gives to the images, as it is and after it was unlearned."""
    run, task = RunFolder(look.run), look.task
    method = get("methods", run.spec.method)
    settings = method.parse((run.result or {}).get("params", run.spec.params))
    forget = np.union1d(task.parts["forget"], len(task.data.train) + asked_about.others)
    plain, unlearned = [], []
    for number, path in enumerate(paths):
        phase = f"unlearning shadow {number + 1} of {len(paths)}"
        own = shadows.task_of(task, number, path, forget, kept_of(task))
        plain.append(margins_of(task, own.load(), asked_about))
        job = Run(own, Telling(look, phase), run.spec.seed)
        method.function(job, settings)
        unlearned.append(margins_of(task, job.model.eval(), asked_about))
    return plain, unlearned


def kept_of(task: Any) -> Index | None:
    """What the run's method may rehearse, where that is less than all that is retained."""
    keep: Index = task.parts["keep"]
    return keep if len(keep) < len(task.parts["retain"]) else None


class Telling:
    """A keeper that says how far the unlearning of a shadow is, and keeps nothing; what hears it may raise to end it."""

    def __init__(self, look: Look, phase: str) -> None:
        self._look, self._phase = look, phase

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        self._look.tell(self._phase, step, of)

    def due(self) -> bool:
        return False

    def checkpoint(self, state: dict[str, Any]) -> None: ...

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None: ...

    def record_forget_set(self, ids: Index) -> None: ...

    def record_made(self, name: str, arrays: Mapping[str, Any]) -> None: ...
