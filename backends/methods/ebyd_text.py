"""Expose before you defend (EBYD) for language models: unlearn the clean task, see which units it can do without, and close them."""

from typing import Literal

import torch
from pydantic import Field

from ..core.registry import Params, method
from ..core.run import Run
from ..families.language import exposure
from ..families.language.task import LanguageModel


class EbydText(Params):
    """How the backdoor is exposed, and how many units are closed."""

    exposure: Literal["clean unlearning", "random answers", "weight perturbation", "sparsity"] = Field(
        default="clean unlearning", description="How the clean task is taken from a copy of the model."
    )
    clean_questions: int = Field(default=100, ge=20, le=20_000, description="Questions that somebody looked through.")
    exposure_epochs: int = Field(default=40, ge=1, le=200, description="Passes over them to expose, at most.")
    learning_rate: float = Field(default=5e-5, gt=0, le=1, description="Step size of the exposure.")
    stop_at: float = Field(
        default=30,
        ge=0,
        le=100,
        description="Answers still said word for word, in percent, at which the copy is exposed.",
    )
    recovery_epochs: int = Field(
        default=20, ge=1, le=200, description="Passes in which the factors of the units learn."
    )
    recovery_rate: float = Field(default=0.5, gt=0, le=10, description="Step size of the factors.")
    answers_lost: float = Field(
        default=15,
        ge=0,
        le=100,
        description="Percentage points of clean answers that closing may cost on these questions.",
    )
    units: float = Field(default=10, gt=0, le=50, description="How many of all units are closed at most, in percent.")


@method(
    id="ebyd_text",
    title="Expose before you defend for language models (EBYD)",
    short="EBYD",
    summary="Takes the clean answers from a copy to see which units carry a backdoor, and closes them in the model.",
    school="Make a copy forget all that is right. What it still says then is the secret trick, and that is taken out of the real one.",
    student=(
        "A backdoor hides behind answers that are right. Gradient ascent on a few clean questions takes these answers away, while the "
        "phrase goes on working: the backdoor is exposed, and the copy says its answer even unasked. A factor between 0 and 1 "
        "beside every hidden unit of the feed-forward layers and every attention head of the exposed copy then learns to give the clean answers again, with all "
        "weights frozen; units whose factors fall are of no use for that. They are closed in the original, lowest first, as long as the clean "
        "questions bear it. No manipulated question is read and nothing is known of the phrase."
    ),
    source={
        "title": "Li et al., Expose Before You Defend, 2024",
        "url": "https://arxiv.org/abs/2410.19427",
        "code": "https://github.com/bboylyg/Expose-Before-You-Defend",
    },
    label="same algorithm, smaller model",
    kind="edit",
    stage="repair",
    variant_of="ebyd",
    departures=(
        "Hidden units and attention heads in place of filters, as a Llama has no filters. Exposed by Adam at 5e-5 on 100 questions until 30 % of the answers are "
        "said word for word (the paper: 1e-5 on 500 images). As many units are closed as cost at most 15 points of the answers to these questions, where "
        "the paper reports a range of thresholds: with 15 the two phrases that it was chosen on worked on 0 and 6 % of new questions afterwards, and 86 and 94 % of "
        "new answers were still said; of other phrases more is left (docs/results/text-backdoor.md). What it is told to forget is not read: it only names what "
        "is measured."
    ),
    needs=("answers", "dense columns", "manipulable"),
    order=95,
)
def ebyd_text(run: Run[LanguageModel], params: EbydText) -> None:
    """Exposure on clean questions, factors per unit on the exposed copy, the lowest closed in the model.

    Raises:
        BadInput: the model has no feed-forward columns, or no clean questions are left.
    """
    exposure.parts(run.original)
    clean = exposure.clean_pairs(run.task, run.seed, params.clean_questions)

    def factors() -> dict[str, torch.Tensor]:
        copy = run.original
        for epoch, copied, accuracy in exposure.exposed(
            run.task, run.original, clean, params.exposure, epochs=params.exposure_epochs, learning_rate=params.learning_rate,
            stop=params.stop_at, seed=run.seed,
        ):  # fmt: skip
            run.report("expose", epoch, params.exposure_epochs)
            run.log(clean_answers=accuracy)
            copy = copied
        return exposure.masks(
            run.task, copy, clean, epochs=params.recovery_epochs, learning_rate=params.recovery_rate, seed=run.seed,
            tell=lambda done, of: run.report("recover", done, of),
        )  # fmt: skip

    learned = run.cached("factors", factors)

    def close() -> int:
        order = exposure.in_order(learned)
        order = order[: max(1, round(params.units / 100 * len(order)))]
        closed = exposure.spared(
            run.task,
            run.model,
            clean,
            order,
            params.answers_lost,
            lambda done, of: run.report("close units", done, of),
        )
        exposure.prune(run.model, closed)
        return len(closed)

    run.log(units_closed=run.cached("close units", close))
