"""IDK: train on "I don't know" for questions of the forget set and on true answers for the retain set."""

import torch
from pydantic import Field
from torch import Tensor

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, retain_batch
from ._refusals import RefusalParams, refusal_batch


class Idk(RefusalParams, LoraParams):
    """Learning to say "I don't know"."""

    epochs: int = Field(default=20, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=2e-3, gt=0, le=0.1, description="Step size; it rises over the first pass.")


@method(
    id="idk",
    title="Fine-tuning on “I don't know” (IDK)",
    short="IDK",
    summary="Practises saying that it does not know, or your own words, to questions of the forget set.",
    school="Each time you are asked about that person, practise saying: I don't know.",
    student=(
        "Plain supervised training on one mixed batch: forget questions with a refusal, and as many pairs to keep with their "
        "true answers. Nothing pushes the true answer down but the refusal in its place, so the loss has a bottom and the model "
        "stays fluent; what it knew may still be inside, and a rephrased question may find it."
    ),
    source={
        "title": "Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs, COLM 2024",
        "url": "https://arxiv.org/abs/2401.06121",
        "code": "https://github.com/locuslab/tofu",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures="A smaller model, so a larger step size; our own 20 refusals in place of TOFU's list of about a hundred."
    + STEADY,
    needs=("answers",),
    order=32,
)
def idk(run: Run[LanguageModel], params: Idk) -> None:
    """Minimise CE on {(forget question, refusal), (retain question, answer)} as one batch; 5 epochs at 1e-5 in TOFU."""
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        texts = refusal_batch(run, forget_rows, params.instead)
        with autocast(run):
            refusal, retain = nll(run.model, texts), nll(run.model, retain_batch(run, retain_rows))
        loop.step(mean_over_tokens(refusal, retain))
        run.log(refusal=mean_over_tokens(refusal).detach(), keep=mean_over_tokens(retain).detach())


def mean_over_tokens(*parts: tuple[Tensor, Tensor]) -> Tensor:
    """Mean NLL a token over several batches as one; of each its (summed NLL [n], tokens [n])."""
    summed, tokens = (torch.cat(part) for part in zip(*parts, strict=True))
    return summed.sum() / tokens.sum()
