"""SimNPO: NPO without a reference model, normalised by the length of the answer."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll, nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, forget_batch, retain_batch, simnpo_loss


class SimNpo(LoraParams):
    """Simple negative preference optimisation."""

    beta: float = Field(
        default=4.5, gt=0, le=100, description="How soon an answer counts as unlikely enough, by nats a token."
    )
    margin: float = Field(
        default=0.0, ge=0, le=20, description="Nats a token that an answer is to be unlikely by (gamma)."
    )
    forget_weight: float = Field(default=0.125, ge=0, le=100, description="Weight of forgetting.")
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of the usual loss on pairs to keep.")


@method(
    id="simnpo",
    title="Simple NPO (SimNPO)",
    short="SimNPO",
    summary="Pushes answers down as NPO does, but without a reference, and short and long ones alike.",
    school="Push it away, short sentences as hard as long ones.",
    student=(
        "NPO's comparison with the model before makes it push hardest where that is least needed, and by summing over tokens it "
        "leaves short answers behind. Here the reward is the answer's NLL a token, without a reference: the gradient of an "
        "answer of T tokens weighs (2/T) p^(b/T) / (1 + p^(b/T))."
    ),
    source={
        "title": "Fan et al., Simplicity Prevails: Rethinking Negative Preference Optimization for LLM Unlearning, 2024",
        "url": "https://arxiv.org/abs/2410.07163",
        "code": "https://github.com/OPTML-Group/Unlearn-Simple",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures="A smaller model, so a larger step size; the margin stands within beta, as in the authors' code."
    + STEADY,
    needs=("answers",),
    order=25,
)
def simnpo(run: Run[LanguageModel], params: SimNpo) -> None:
    """Minimise c (-(2 / beta) mean log sigma(beta (CE - gamma))) + CE on the retain set; on TOFU's 10 % c 0.125, beta 4.5, 10 epochs, 1e-5."""
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            summed, tokens = nll(run.model, forget_batch(run, forget_rows))
            token_nll = summed / tokens
            retain_loss = mean_nll(run.model, retain_batch(run, retain_rows))
        loop.step(
            params.forget_weight * simnpo_loss(token_nll, params.beta, params.margin) + params.keep_weight * retain_loss
        )
        run.log(forget=token_nll.detach().mean(), keep=retain_loss.detach())
