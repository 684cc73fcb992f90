"""Direct preference optimisation (IdkDPO): prefer a refusal to the true answer, relative to the original model."""

from typing import Literal

import torch
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
    dpo_loss,
    forget_batch,
    reference_nll,
)
from ._refusals import RefusalParams, refusal_batch


class Dpo(RefusalParams, LoraParams):
    """Direct preference optimisation of refusals."""

    epochs: int = Field(default=10, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    beta: float = Field(
        default=0.1,
        gt=0,
        le=10,
        description="How soon a refusal counts as preferred enough; it meets summed NLLs, as in NPO.",
    )
    retain: Literal["none", "likelihood", "divergence"] = Field(
        default="likelihood",
        description="What holds the rest. none: nothing. likelihood: the usual loss on pairs to keep. divergence: the distance "
        "from the model before on them.",
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of that.")


@method(
    id="dpo",
    title="Direct Preference Optimization (IdkDPO)",
    short="IdkDPO",
    summary="Learns to prefer “I don't know” to the true answer.",
    school="Choose between the right answer and “I don't know”, and be praised for the second.",
    student=(
        "Direct preference optimisation with the refusal as the chosen and the true answer as the rejected side. Both count by "
        "how much their log-likelihood changed against the frozen model, and the push ends when the gap between the two changes "
        "is wide. It may widen by the refusal rising or the answer falling: what is optimised is only the difference. NPO is "
        "what remains when the chosen side is left out."
    ),
    source={
        "title": "Rafailov et al., Direct Preference Optimization, NeurIPS 2023; as in TOFU and Zhang et al., COLM 2024",
        "url": "https://arxiv.org/abs/2305.18290",
        "code": "https://github.com/licong-lin/negative-preference-optimization",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "The factor 2 / beta of the unlearning code stands here, not plain DPO's 1. A smaller model with shorter answers, so a "
        "larger step size; our own 20 refusals." + STEADY
    ),
    needs=("answers",),
    order=33,
)
def dpo(run: Run[LanguageModel], params: Dpo) -> None:
    """Minimise the DPO loss of (refusal, true answer) + retain loss; 10 epochs at 1e-5 with beta 0.1 in the paper."""
    reference = reference_nll(run, "asking the model before", run.task.forget)
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        texts = refusal_batch(run, forget_rows, params.instead)
        with autocast(run):
            with torch.no_grad():  # refusals are sampled anew each time, so their reference cannot be cached
                chosen_reference, _ = nll(run.original, texts)
            chosen, _ = nll(run.model, texts)
            rejected, _ = nll(run.model, forget_batch(run, forget_rows))
            retain_loss = compute_retain_loss(run, params.retain, retain_rows)
        preferred = dpo_loss(chosen, chosen_reference, rejected, reference[forget_rows], params.beta)
        loop.step(preferred + params.keep_weight * retain_loss)
        run.log(forget=rejected.detach().mean(), refusal=chosen.detach().mean(), keep=retain_loss.detach())
