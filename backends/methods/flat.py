"""FLAT: raise a refusal and lower the true answer, weighted by an f-divergence, without a retain set."""

import math
from collections.abc import Callable
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import IGNORED, Texts, logits
from ._language import STEADY, UnlearnLoop, autocast, forget_batch
from ._refusals import RefusalParams, refusal_batch

Divergence = Literal["TV", "KL", "JS", "Pearson"]
# -g(P_e) + f*(g(P_f)) of each divergence f, with P_e of the refusal and P_f of the answer to be forgotten
LOSSES: dict[Divergence, Callable[[Tensor, Tensor], Tensor]] = {
    "TV": lambda refusal, answer: (answer.tanh() - refusal.tanh()) / 2,
    "KL": lambda refusal, answer: (answer - 1).exp() - refusal,
    "JS": lambda refusal, answer: F.softplus(-refusal) + F.softplus(answer) - 2 * math.log(2),
    "Pearson": lambda refusal, answer: answer**2 / 4 + answer - refusal,
}


class Flat(RefusalParams):
    """Forget data only loss adjustment."""

    epochs: int = Field(default=10, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    divergence: Divergence = Field(
        default="TV",
        description="Between refusals and answers, what is to grow: total variation, Kullback-Leibler, Jensen-Shannon or "
        "Pearson's chi-squared. They differ in how hard a likely answer is pushed.",
    )


@method(
    id="flat",
    title="Forget-data-only Loss Adjustment (FLAT)",
    short="FLAT",
    summary="Raises a refusal and lowers the true answer; only the forget set is needed.",
    school="Say one sentence more and another one less, and count how far apart they are.",
    student=(
        "The f-divergence between the template answer and the answer to be forgotten is to grow, in its variational form: "
        "minimise -g(P_e) + f*(g(P_f)), where P is the mean probability of an answer's tokens. So refusing and forgetting get "
        "weights of their own: with KL 1 and exp(P_f - 1), with Pearson 1 and 1 + P_f / 2. As P is a probability and not its "
        "logarithm, every token pulls by p (1 - p): not at all once it is forgotten, where gradient ascent pulls ever harder."
    ),
    source={
        "title": "Wang et al., LLM Unlearning via Loss Adjustment with Only Forget Data, ICLR 2025",
        "url": "https://arxiv.org/abs/2410.11143",
        "code": "https://github.com/UCSC-REAL/FLAT",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "P is a mean over the tokens of each answer, and the loss a mean over answers; the released code takes P over all "
        "positions and the whole batch, prompts and padding counted as 0, which makes every divergence nearly linear. Four of "
        "its eight divergences. A smaller model, so a larger step size; our own 20 refusals as templates. Such a model never says "
        "them, so P_e starts near 0 and hardly rises: here most of the pull is away from the true answer." + STEADY
    ),
    needs=("answers",),
    order=35,
)
def flat(run: Run[LanguageModel], params: Flat) -> None:
    """Minimise -g(P_e) + f*(g(P_f)); on Harry Potter 5 epochs at 2e-7, total variation."""
    loop = UnlearnLoop(run, params)
    for forget_rows, _ in loop:
        texts = refusal_batch(run, forget_rows, params.instead)
        with autocast(run):
            refusal, answer = probability(run.model, texts), probability(run.model, forget_batch(run, forget_rows))
        loop.step(flat_loss(refusal, answer, params.divergence))
        run.log(refusal=refusal.detach().mean(), forget=answer.detach().mean())


def flat_loss(refusal: Tensor, answer: Tensor, divergence: Divergence) -> Tensor:
    """-g(P_e) + f*(g(P_f)), mean over pairs; both [n], from 0 to 1."""
    return LOSSES[divergence](refusal, answer).mean()


def probability(model: nn.Module, texts: Texts) -> Tensor:
    """Mean probability of each answer's tokens [n], from 0 to 1."""
    token_logits, labels = logits(model, texts)
    marked = labels != IGNORED
    probabilities = token_logits.softmax(-1).gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    return (probabilities * marked).sum(1) / marked.sum(1)
