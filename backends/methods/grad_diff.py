"""Gradient difference (GradDiff): the loss on the forget set goes up, that on the retain set down."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, forget_batch, retain_batch


class GradDiff(LoraParams):
    """Gradient difference."""

    learning_rate: float = Field(default=5e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of the usual loss on pairs to keep.")


@method(
    id="grad_diff",
    title="Gradient difference (GradDiff)",
    short="GradDiff",
    summary="Practises getting the forget set wrong and the retain set right.",
    school="Unlearn one page while reading the others.",
    student=(
        "The simplest loss there is: minus the likelihood loss on the forget set plus that on the retain set. The first has no "
        "bottom, so it goes on growing after everything is forgotten and soon drags the rest along; a literature's baseline, "
        "kept here to be seen failing."
    ),
    source={
        "title": "Liu, Liu and Stone, Continual Learning and Private Unlearning, 2022; in this form in TOFU",
        "url": "https://arxiv.org/abs/2401.06121",
        "code": "https://github.com/locuslab/tofu",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "A smaller model, so a larger step size. Its two kin stand on their own: without the second loss it is gradient ascent "
        "(gradient_ascent_llm), and with a divergence from the model before in its place KL-min (kl_min)." + STEADY
    ),
    needs=("answers",),
    order=40,
)
def grad_diff(run: Run[LanguageModel], params: GradDiff) -> None:
    """Minimise CE on the retain set - CE on the forget set; 5 epochs at 1e-5 in TOFU."""
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_loss = mean_nll(run.model, forget_batch(run, forget_rows))
            retain_loss = mean_nll(run.model, retain_batch(run, retain_rows))
        loop.step(params.keep_weight * retain_loss - forget_loss)
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())
