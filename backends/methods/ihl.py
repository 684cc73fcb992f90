"""Inverted hinge loss (IHL): lower the true token's probability only until another token is likelier."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import logits, mean_nll
from ._language import STEADY, LanguageParams, UnlearnLoop, autocast, forget_batch, inverted_hinge, retain_batch


class Ihl(LanguageParams):
    """Inverted hinge loss."""

    epochs: int = Field(default=12, ge=1, le=200, description="Passes over what is to be forgotten.")
    learning_rate: float = Field(default=7e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    forget_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of forgetting.")
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of the usual loss on pairs to keep.")


@method(
    id="ihl",
    title="Inverted hinge loss (IHL)",
    short="IHL",
    summary="Pushes each true word down until the runner-up takes its place.",
    school="Do not forget how to speak; just say the next word that comes to mind.",
    student=(
        "Gradient ascent spreads the true token's probability over the whole vocabulary, and its loss has no bottom. The "
        "inverted hinge loss, 1 + p(true) - max p(other), is bounded between 0 and 2: its gradient takes from the true token "
        "and gives to the runner-up, and vanishes when that one has won. What is kept is held by the usual loss."
    ),
    source={
        "title": "Cha et al., Towards Robust and Parameter-Efficient Knowledge Unlearning for LLMs, ICLR 2025",
        "url": "https://arxiv.org/abs/2408.06621",
        "code": "https://github.com/csm9493/efficient-llm-unlearning",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures="A smaller model, so a larger step size; all weights move (LoKU, beside it, has the paper's low-rank layers)."
    + STEADY,
    needs=("answers",),
    order=30,
)
def ihl(run: Run[LanguageModel], params: Ihl) -> None:
    """Minimise IHL on the forget set + CE on the retain set; 5 epochs in the paper."""
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        with autocast(run):
            forget_loss = inverted_hinge(*logits(run.model, forget_batch(run, forget_rows)))
            retain_loss = mean_nll(run.model, retain_batch(run, retain_rows))
        loop.step(params.forget_weight * forget_loss + params.keep_weight * retain_loss)
        run.log(forget=forget_loss.detach(), keep=retain_loss.detach())
