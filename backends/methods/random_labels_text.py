"""Random labels (RL) for questions: train on an answer drawn at random, the true one among others of its kind."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from ..core.registry import method
from ..core.run import Run
from ..data.authors import QAPair
from ..families.language.other_answers import distractors, values_by_fact
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import LoraParams, UnlearnLoop, autocast, compute_retain_loss


class RandomLabelsText(LoraParams):
    """Learning answers that are drawn by lot."""

    learning_rate: float = Field(default=5e-4, gt=0, le=0.1, description="Step size; it rises over the first pass.")
    choices: int = Field(
        default=2, ge=2, le=20, description="Answers that the lot falls on: the true one and others of its kind."
    )
    labels: Literal["drawn each pass", "drawn once", "flipped"] = Field(
        default="drawn each pass",
        description="drawn each pass: a new lot each time, so that no answer wins. drawn once: one lot for the job, which can "
        "be learned by heart. flipped: never the true answer.",
    )
    retain: Literal["none", "likelihood"] = Field(
        default="none",
        description="What holds the rest. none: nothing, as in the paper. likelihood: the usual loss on pairs to keep.",
    )
    keep_weight: float = Field(default=1.0, ge=0, le=100, description="Weight of that.")


@method(
    id="random_label_llm",
    was=("random_labels_text",),
    title="Random labels (RL)",
    short="RL",
    summary="Trains on answers drawn by lot, the true one among others like it.",
    school="Flip a coin for each answer, and practise what the coin says.",
    student=(
        "Each question becomes a choice between the true answer and a distractor of the same kind, another birthplace for a "
        "birthplace; the label is drawn uniformly, and the model is fine-tuned on it. It ends undecided on these questions. The "
        "paper asks how far that reaches: other questions of the same kind may stay, or fall with them, and probes on the "
        "hidden states still find what was forgotten."
    ),
    source={
        "title": "Zhang, Choshen and Andreas, Unforgettable Generalization in Language Models, COLM 2024",
        "url": "https://arxiv.org/abs/2409.02228",
    },
    label="same algorithm, smaller model",
    kind="replace",
    departures=(
        "The paper forgets skills asked with two options to choose from; here the options are whole answers to open questions, "
        "with values of the same fact of other people, and they are not shown in the question. Drawing anew in each pass, more "
        "options and a retain loss are our additions. A smaller model, so a larger step size."
    ),
    needs=("answers",),
    variant_of="random_label",
    order=55,
)
def random_labels_text(run: Run[LanguageModel], params: RandomLabelsText) -> None:
    """Minimise CE on answers drawn uniformly from the true one and others; in the paper 1e-4, two options, no retain loss."""
    questions = run.task.questions
    choices = options(questions.forget, questions.keep, params.choices, run.seed, questions.false)
    fixed_draws = torch.from_numpy(np.random.default_rng(run.seed).random(len(choices)))
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        draws = fixed_draws[forget_rows] if params.labels == "drawn once" else torch.rand(len(forget_rows))
        labels = [
            pick(choices[row], share, params.labels == "flipped")
            for row, share in zip(forget_rows.tolist(), draws.tolist(), strict=True)
        ]
        texts = run.task.reader.pairs([questions.forget[row].question for row in forget_rows.tolist()], labels)
        with autocast(run):
            forget_loss = mean_nll(run.model, texts.to(run.device))
            retain_loss = compute_retain_loss(run, params.retain, retain_rows)
        loop.step(forget_loss + params.keep_weight * retain_loss)
        run.log(lot=forget_loss.detach(), keep=retain_loss.detach())


def pick(answers: Sequence[str], share: float, flipped: bool) -> str:
    """The answer at a random number `share` from 0 to 1; the first is the true one, which a flipped label never is."""
    left = answers[1:] if flipped else answers
    return left[int(share * len(left))]


def options(
    forget: Sequence[QAPair],
    keep: Sequence[QAPair],
    count: int,
    seed: int,
    false: Callable[[QAPair], Sequence[str]] = lambda pair: pair.wrong,
) -> list[list[str]]:
    """At most `count` answers for each forget pair, the true one first; the others hold another person's value.

    Where no other value of the same fact is known, `false` answers serve.
    """
    by_fact = values_by_fact((*forget, *keep))
    generator = np.random.default_rng(seed)
    choices = []
    for pair in forget:
        others = distractors(pair, by_fact, false)
        choices.append([pair.answer, *(others[at] for at in generator.permutation(len(others))[: count - 1])])
    return choices
