"""Negative preference optimisation (NPO): lower the likelihood of the answers to forget, less the lower it is."""

from typing import Literal

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import nll
from ._language import (
    STEADY,
    LoraParams,
    UnlearnLoop,
    autocast,
    compute_retain_loss,
    forget_batch,
    npo_loss,
    reference_nll,
)


class Npo(LoraParams):
    """Negative preference optimisation."""

    beta: float = Field(
        default=0.1,
        gt=0,
        le=10,
        description="How soon an answer counts as unlikely enough; near 0 it is gradient ascent. It meets the NLL summed over "
        "the answer, so shorter answers want a larger one.",
    )
    retain: Literal["none", "likelihood", "divergence"] = Field(
        default="likelihood",
        description="What holds the rest. none: nothing (NPO). likelihood: the usual loss on pairs to keep (NPO + RT). "
        "divergence: the distance from the model before on them (NPO + KL).",
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of that.")


@method(
    id="npo",
    title="Negative Preference Optimization (NPO)",
    short="NPO",
    summary="Pushes the answers down until they are unlikely against what they were; then it lets go.",
    school="Push it away, and stop pushing when it is gone.",
    student=(
        "Preference learning with only a rejected side: the answers to be forgotten. Where gradient ascent pushes ever harder, "
        "the weight of each answer's gradient here is 2 p^b / (p^b + p0^b), with p and p0 its probability now and before: 1 "
        "at the start, and going to 0 as the answer becomes unlikely. The model before is asked once."
    ),
    source={
        "title": "Zhang et al., Negative Preference Optimization, COLM 2024",
        "url": "https://arxiv.org/abs/2404.05868",
        "code": "https://github.com/licong-lin/negative-preference-optimization",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures="A smaller model with shorter answers, so a larger step size; beta is to be chosen for their length."
    + STEADY,
    needs=("answers",),
    order=20,
)
def npo(run: Run[LanguageModel], params: Npo) -> None:
    """Minimise -(2 / beta) mean log sigma(beta (NLL - reference NLL)) + retain loss; 10 epochs at 1e-5 in the paper."""
    reference = reference_nll(run, "asking the model before", run.task.forget)
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_nll, _ = nll(run.model, forget_batch(run, forget_rows))
            retain_loss = compute_retain_loss(run, params.retain, retain_rows)
        loop.step(npo_loss(forget_nll, reference[forget_rows], params.beta) + params.keep_weight * retain_loss)
        run.log(forget=forget_nll.detach().mean(), keep=retain_loss.detach())
