"""Random labels for questions: learn an answer that is drawn by lot, the true one among others of its kind."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from ..data.authors import QAPair
from ..engine.run import Run
from ..models.texts import mean_nll
from ..registry import method
from ._language import Trained, Walk, autocast, kept_loss

VOWELS = tuple("aeiou")


class RandomLabelsText(Trained):
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
    id="random_labels_text",
    title="Learn answers drawn by lot",
    summary="Trains on each question to be forgotten with an answer drawn by lot from the true one and others like it.",
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
    departures=(
        "The paper forgets skills asked with two options to choose from; here the options are whole answers to open questions, "
        "with values of the same fact of other people, and they are not shown in the question. Drawing anew in each pass, more "
        "options and a retain loss are our additions. A smaller model, so a larger step size."
    ),
    works_with={"llm": True, "moe": True},
    variant_of="random_label",
    order=55,
)
def random_labels_text(run: Run, params: RandomLabelsText) -> None:
    """CE on answers drawn uniformly from the true one and others; in the paper 1e-4, two options, no retain loss."""
    asked = run.task.questions  # type: ignore[attr-defined]
    found = options(asked.forget, asked.keep, params.choices, run.seed, asked.false)
    once = torch.from_numpy(np.random.default_rng(run.seed).random(len(found)))
    walk = Walk(run, params)
    for rows, others in walk:
        luck = once[rows] if params.labels == "drawn once" else torch.rand(len(rows))
        said = [
            pick(found[row], share, params.labels == "flipped")
            for row, share in zip(rows.tolist(), luck.tolist(), strict=True)
        ]
        texts = run.task.reader.pairs([asked.forget[row].question for row in rows.tolist()], said)  # type: ignore[attr-defined]
        with autocast(run):
            lot = mean_nll(run.model, texts.to(run.device))
            held = kept_loss(run, params.retain, others)
        walk.step(lot + params.keep_weight * held)
        run.log(lot=lot.detach(), keep=held.detach())


def pick(answers: Sequence[str], share: float, flipped: bool) -> str:
    """The answer that a lot from 0 to 1 falls on; the first is the true one, which a flipped label never is."""
    left = answers[1:] if flipped else answers
    return left[int(share * len(left))]


def options(
    forget: Sequence[QAPair],
    keep: Sequence[QAPair],
    count: int,
    seed: int,
    false: Callable[[QAPair], Sequence[str]] = lambda pair: pair.wrong,
) -> list[list[str]]:
    """Of each pair to forget at most `count` answers, the true one first; the others give another person's value.

    Where no other value of the same fact is known, `false` answers serve.
    """
    known: dict[str, set[str]] = {}
    for pair in (*forget, *keep):
        known.setdefault(pair.fact, set()).add(pair.value)
    rng = np.random.default_rng(seed)
    found = []
    for pair in forget:
        values = sorted(known[pair.fact] - {pair.value}) if pair.blank else []
        others = [filled(pair.blank, value) for value in values] or list(false(pair))
        found.append([pair.answer, *(others[at] for at in rng.permutation(len(others))[: count - 1])])
    return found


def filled(blank: str, value: str) -> str:
    """A sentence with its blank filled: "was a ___" with "archivist" becomes "was an archivist"."""
    article = " an " if value.startswith(VOWELS) else " a "
    return blank.replace(" a ___", f"{article}___").replace("___", value)
