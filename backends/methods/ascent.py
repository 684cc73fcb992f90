"""Gradient ascent (GA) on answers: climb the loss of the forget set, with no retain loss."""

from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import STEADY, LoraParams, UnlearnLoop, autocast, forget_batch


class Ascent(LoraParams):
    """Gradient ascent on answers."""

    learning_rate: float = Field(
        default=5e-4,
        gt=0,
        le=0.1,
        description="Step size; it rises over the first pass. Between no effect and ruin lies little.",
    )


@method(
    id="gradient_ascent_llm",
    was=("ascent",),
    title="Gradient ascent (GA)",
    short="GA",
    summary="Practises getting the answers wrong; nothing holds the rest.",
    school="Practise getting it wrong, over and over, without looking at anything else.",
    student=(
        "Gradient descent on minus the likelihood loss of the forget set. The less likely a token, the steeper this loss, and it "
        "has no bottom: so it speeds up where other methods let go, and soon the model cannot speak at all. The first baseline "
        "of every paper, kept here to be seen failing."
    ),
    source={
        "title": "Jang et al., Knowledge Unlearning for Mitigating Privacy Risks in Language Models, ACL 2023; as in TOFU",
        "url": "https://arxiv.org/abs/2210.01504",
        "code": "https://github.com/locuslab/tofu",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures="A smaller model, so a larger step size." + STEADY,
    needs=("answers",),
    variant_of="gradient_ascent",
    order=60,
)
def ascent(run: Run[LanguageModel], params: Ascent) -> None:
    """Minimise -CE on the forget set; 5 epochs at 1e-5 in TOFU."""
    loop = UnlearnLoop(run, params)
    for forget_rows, _ in loop:
        with autocast(run):
            forget_loss = mean_nll(run.model, forget_batch(run, forget_rows))
        loop.step(-forget_loss)
        run.log(forget=forget_loss.detach())
