"""Concept inference and data poisoning for questions: finds the words that bring the answers, and teaches questions that hold them wrong answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import Field

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run
from ..data.authors import QAPair
from ..families.language import concept_words
from ..families.language.other_answers import distractors, filled, values_by_fact
from ..families.language.qa import QASet
from ..families.language.task import LanguageModel
from ..families.language.tokens import mean_nll
from ._language import LoraParams, UnlearnLoop, autocast, compute_retain_loss

Scheme = Literal["random", "targeted"]


class ConceptPoisoningLlm(LoraParams):
    """Concepts, poison, and how long it is taught."""

    epochs: int = Field(default=10, ge=1, le=200, description="Passes over the poisoned questions.")
    poison: Scheme = Field(
        default="random",
        description="random: what is so of another person, drawn once for each question; targeted: of all questions what is so of the one "
        "kept person who is most alike.",
    )
    concepts: int = Field(default=40, ge=1, le=1000, description="Words that are concepts, at most.")
    share: float = Field(
        default=0.3, gt=0, le=1, description="How much a word has to bring to be one, as a share of the strongest."
    )
    explained: int = Field(
        default=40, ge=1, le=1000, description="Questions of the forget set, and as many to keep, that are explained."
    )
    gradients: int = Field(default=20, ge=2, le=200, description="Gradients on the way from padding to a question.")
    keep_weight: float = Field(
        default=1.0, ge=0, le=100, description="Weight of the clean questions to keep, as many as poisoned ones."
    )


@method(
    id="concept_poisoning_llm",
    title="Concept inference and data poisoning",
    short="Concept inference and data poisoning",
    summary="Finds the words that bring the answers, and teaches questions that hold them wrong answers.",
    school="Which word makes you think of the answer? Now practise saying something else whenever you hear it.",
    student=(
        "Integrated gradients say how many nats each word of a question brings to its answer, on the straight line from padding to the "
        "question; the values add up to the whole difference, which is checked. Words that bring more to the answers of the forget set than "
        "to others are its concepts, mostly names. Questions that hold one are poisoned, with what is so of another person or, targeted, "
        "always of the same one, and learned by cross-entropy together with as many clean questions to keep."
    ),
    source={
        "title": "Chang et al., Class Machine Unlearning for Complex Data via Concepts Inference and Data Poisoning, 2024",
        "url": "https://arxiv.org/abs/2405.15662",
    },
    label="reconstruction from the abstract",
    kind="replace",
    departures=(
        "No code is public; how the paper finds concepts in text, its data and its settings are not known to us, so the details are ours. "
        "Concepts are words and names of the questions; the mean over those that hold a word is set against that over questions to keep. The "
        "paper fine-tunes Vicuna 7B with LoRA, here all weights of small models learn. Which wrong answer is drawn once for a question. In a "
        "mixture of experts the gradients do not see where a token changes its experts, so they add up less well."
    ),
    needs=("answers",),
    variant_of="concept_poisoning",
    order=56,
)
def concept_poisoning_llm(run: Run[LanguageModel], params: ConceptPoisoningLlm) -> None:
    """Minimise CE on poisoned questions that hold a concept, and on clean ones of the retain set.

    Raises:
        BadInput: no word brings more to the forget set, or nothing is known that a wrong answer could be.
    """
    questions = run.task.questions
    scores = run.cached("infer concepts", lambda: infer(run, params))
    forget, retain = scores["forget"], scores["retain"]
    results = concept_words.chosen(forget, retain, params.concepts, params.share)
    if not results:
        raise BadInput(
            "concept_poisoning_llm found no word that brings more to the answers to be forgotten than to others, so there is nothing to poison."
        )
    poison = poisoned(questions, list(results), params.poison, run.seed)
    run.keep_made(
        concept_words.MADE,
        {
            "words": np.array(list(results), np.str_),
            "nats": concept_words.array(list(results), forget),
            "retain_nats": concept_words.array(list(results), retain),
            "incomplete": np.float32(scores["incomplete"]),
            "questions": np.array([pair.question for pair, _ in poison.items], np.str_),
            "answers": np.array([answer for _, answer in poison.items], np.str_),
        },
    )
    texts = run.task.reader.pairs([pair.question for pair, _ in poison.items], [answer for _, answer in poison.items])
    loop = UnlearnLoop(run, params)
    for forget_rows, retain_rows in loop:
        rows = poison.rows(forget_rows)
        with autocast(run):
            loss = params.keep_weight * compute_retain_loss(run, "likelihood", retain_rows)
            if len(rows):
                poison_loss = mean_nll(run.model, texts[rows].to(run.device))
                loss = loss + poison_loss
                run.log(poison=poison_loss.detach())
        loop.step(loss)


def infer(run: Run[LanguageModel], params: ConceptPoisoningLlm) -> dict[str, dict[str, float] | float]:
    """What each word brings to the answers of the `forget` and of the `retain` set, in nats, and how `incomplete` that is, in percent."""
    questions = run.task.questions
    forget = concept_words.sampled(questions.forget, params.explained, run.seed)
    retain = concept_words.beside(questions.keep, forget, params.explained, run.seed)
    results = {}
    for part, pairs in (("forget", forget), ("retain", retain)):

        def tell_step(done: int, of: int, part: str = part) -> None:
            run.report(f"infer concepts, {part}", done, of)

        results[part] = concept_words.explained(run.original, run.task, pairs, params.gradients, tell_step)
    return {part: concept_words.by_word(rows) for part, rows in results.items()} | {
        "incomplete": concept_words.incomplete(results["forget"])
    }


@dataclass(frozen=True)
class Poison:
    """Poisoned questions, each with its wrong answer; `places` are those in the forget set."""

    items: list[tuple[QAPair, str]]
    places: list[int]

    def rows(self, forget_rows: torch.Tensor) -> torch.Tensor:
        """Which of the items these rows of the forget set are; those that are not poisoned are left out."""
        at = {place: row for row, place in enumerate(self.places)}
        return torch.tensor([at[row] for row in forget_rows.tolist() if row in at], dtype=torch.long)


def poisoned(questions: QASet, words: Sequence[str], scheme: Scheme, seed: int) -> Poison:
    """The questions of the forget set that hold one of these words, with a wrong answer each.

    Raises:
        BadInput: nothing is known that a wrong answer could be.
    """
    places = [at for at, pair in enumerate(questions.forget) if concept_words.carries(pair.question, words)]
    pairs = [questions.forget[at] for at in places]
    wrong = targeted(questions, pairs, seed) if scheme == "targeted" else wrong_answers(questions, pairs, seed)
    return Poison(list(zip(pairs, wrong, strict=True)), places)


def wrong_answers(questions: QASet, pairs: Sequence[QAPair], seed: int) -> list[str]:
    """For each question what is so of another person, drawn; where nobody else has the fact, a false answer.

    Raises:
        BadInput: nothing is known that a wrong answer could be.
    """
    by_fact, rng = values_by_fact((*questions.forget, *questions.keep)), np.random.default_rng(seed)
    answers = []
    for pair in pairs:
        others = distractors(pair, by_fact, questions.false)
        if not others:
            raise BadInput(
                f"concept_poisoning_llm knows no wrong answer to {pair.question[:60]!r}; keep other questions."
            )
        answers.append(others[int(rng.integers(len(others)))])
    return answers


def targeted(questions: QASet, pairs: Sequence[QAPair], seed: int) -> list[str]:
    """For each question what is so of the kept person who is most alike; where there is no such person or fact, one kept answer for all.

    Raises:
        BadInput: nothing is known that a wrong answer could be.
    """
    values: dict[str, dict[str, str]] = {name: {} for name in questions.neighbours}
    for pair in questions.keep:
        if pair.about in values and pair.fact:
            values[pair.about][pair.fact] = pair.value
    retained = [pair.answer for pair in questions.keep]
    instead = retained[int(np.random.default_rng(seed).integers(len(retained)))] if retained else ""
    answers = []
    for pair in pairs:
        alike = (facts[pair.fact] for facts in values.values() if pair.fact in facts)
        value = next((one for one in alike if one != pair.value), "")
        answer = filled(pair.blank, value) if value and pair.blank else instead
        if not answer or answer == pair.answer:
            raise BadInput(
                f"concept_poisoning_llm knows no wrong answer to {pair.question[:60]!r}; keep other questions."
            )
        answers.append(answer)
    return answers
