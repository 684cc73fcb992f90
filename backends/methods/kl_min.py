"""KL minimisation (KL-min): gradient ascent on the forget set, KL divergence from the original model on the retain set."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, compute_retain_loss, forget_batch


class KlMin(LoraParams):
    """KL-min."""

    learning_rate: float = Field(default=5e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of staying like the model before.")


@method(
    id="kl_min",
    title="KL minimization (KL-min)",
    short="KL-min",
    summary="Practises getting the forget set wrong, and keeps every word about the rest as likely as it was.",
    school="Unlearn one page, and let a copy of your old self check that you still say the rest as before.",
    student=(
        "Minus the likelihood loss on the forget set, plus the Kullback-Leibler divergence KL(before || now) between the next-"
        "token distributions of the frozen model and of this one on pairs to keep. Against gradient difference, it asks for the "
        "old behaviour, mistakes included, rather than for the true answers. The first term still has no bottom."
    ),
    source={
        "title": "Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs, COLM 2024",
        "url": "https://arxiv.org/abs/2401.06121",
        "code": "https://github.com/locuslab/tofu",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "A smaller model, so a larger step size. The divergence is a mean over the answers' tokens; the released code takes it "
        "over every position, prompts and padding too, so there the same answer counts less the longer the question and the "
        "batch are." + STEADY
    ),
    needs=("answers",),
    order=42,
)
def kl_min(run: Run[LanguageModel], params: KlMin) -> None:
    """Minimise KL(original || model) on the retain set - CE on the forget set; 5 epochs at 1e-5 in TOFU."""
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_loss = mean_nll(run.model, forget_batch(run, forget_rows))
            retain_loss = compute_retain_loss(run, "divergence", retain_rows)
        loop.step(params.keep_weight * retain_loss - forget_loss)
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())
