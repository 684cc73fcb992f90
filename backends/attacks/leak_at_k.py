"""leak@k: asks often, and takes the best of k sampled answers."""

from collections import Counter
from math import comb

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api.attacked import Find, Values
from ..api.panels import Piece, Words
from ..core.attack import NAMES, Outcome, Result, curves, tried_by
from ..core.registry import Params, attack
from ..families.language.comeback import BACK, marked
from ..families.language.exam import MOST, LanguageExam, graded
from ..families.language.tokens import continued
from ._language import Look, exam_of

KS = (1, 4, 8, 32)
SHOWN = 4


class LeakAtK(Params):
    """How answers are drawn."""

    samples: int = Field(default=32, ge=32, le=200, description="Answers drawn to each question.")
    temperature: float = Field(
        default=1.0, ge=0.1, le=2.0, description="1: as the model learned; lower: nearer to the likeliest answer."
    )
    seeds: int = Field(default=1, ge=1, le=5, description="How often, each time with other random numbers.")


@attack(
    id="leak_at_k",
    title="leak@k: asks often",
    summary="Draws many answers to every held-out question and counts how often at least one of k names the fact.",
    source={
        "title": "Leak@k: Unlearning Does Not Make LLMs Forget Under Probabilistic Decoding, 2025",
        "url": "https://arxiv.org/abs/2511.04934",
    },
    needs=("exam", "answers"),
    test="sample",
    group="there",
    quick=True,
    order=20,
)
def leak_at_k(look: Look, params: LeakAtK) -> Result:
    """The unbiased estimate of the expected best of k = 1, 4, 8, 32 answers, from `samples` answers a question, drawn from all words.

    The paper draws 200 with temperatures of 0.2 to 1 and grades by ROUGE-L, entailment and a judge; here the fact has to be named, and
    ROUGE-L recall stands in where an answer holds no single fact. A model that never knew names a fact now and then by chance, and
    the more often the more is drawn, so the retrained reference is sampled alike.
    """
    exam = exam_of(look)

    def work(when: str, model: nn.Module) -> Outcome:
        every, texts = (
            [],
            [samples(model, exam, params.samples, params.temperature, seed) for seed in range(params.seeds)],
        )
        for one in texts:
            scores = np.stack([graded(exam.asked, [answers[at] for answers in one]) for at in range(params.samples)])
            every.append(np.stack([leak(scores, k) for k in KS]))
        return {"recalled": np.stack(every), "drawn": texts[0]}

    tried = tried_by(look.on_each(work, "drawing answers", shown=["drawn"]), ["drawn"])
    drawn = {when: texts for when, (texts,) in tried.outputs.items()}
    attacked = look.attacked(
        attack="leak_at_k", kind="sample", x=[float(k) for k in KS], x_title="answers drawn, the best counts", recalled=tried.recalled,
        budget={"samples": params.samples, "temperature": params.temperature, "seeds": params.seeds}, finds=_finds(exam, drawn["after"]),
    )  # fmt: skip
    lines = curves(attacked, f"The best of k answers, of {params.samples} drawn to each question")
    return Result(attacked, [_words(exam, drawn), lines])


def samples(model: nn.Module, exam: LanguageExam, count: int, temperature: float, seed: int) -> list[list[str]]:
    """`count` answers drawn to each asked question, [items][count]; the same for the same seed."""
    reader = exam.task.reader
    rows = [reader.prompt_ids(pair.question) for pair in exam.asked]
    torch.manual_seed(seed)
    texts = continued(model, reader, [row for row in rows for _ in range(count)], MOST, temperature=temperature)
    return [texts[at : at + count] for at in range(0, len(texts), count)]


def leak(scores: NDArray[np.float32], k: int) -> Values:
    """The expected best score of k answers out of n, each set of k as likely, [items]; `scores` [n, items] from 0 to 1.

    sum over i of s_(i) C(i - 1, k - 1) / C(n, k) with the scores in order, the lowest first; of right and wrong answers it is the share
    of sets that hold a right one (pass@k).
    """
    count = len(scores)
    weights = np.array([comb(at, k - 1) / comb(count, k) for at in range(count)])
    return np.asarray(weights @ np.sort(scores.astype(np.float64), 0), np.float32)


def _best(exam: LanguageExam, texts: list[list[str]]) -> list[tuple[float, str]]:
    """(share of the answers that name the fact, the most frequent of those, else the most frequent answer) of each item."""
    best = []
    for pair, answers in zip(exam.asked, texts, strict=True):
        right = [text for text in answers if graded([pair], [text])[0] >= BACK]
        best.append((len(right) / len(answers), Counter(right or answers).most_common(1)[0][0]))
    return best


def _finds(exam: LanguageExam, texts: list[list[str]]) -> list[Find]:
    """The questions that the unlearned model answers at times, those that it answers most often first."""
    sentence = sorted(zip(_best(exam, texts), exam.asked, strict=True), key=lambda one: -one[0][0])
    return [
        Find(
            words=str(pair.question),
            output=text,
            note=f"{round(share * len(texts[0]))} of {len(texts[0])} answers name the fact",
        )
        for (share, text), pair in sentence
        if share
    ]


def _words(exam: LanguageExam, drawn: dict[str, list[list[str]]]) -> Words:
    """The answers that name a fact, beside how often they come."""
    best = {when: _best(exam, texts) for when, texts in drawn.items()}
    order = sorted(range(len(exam.asked)), key=lambda at: (best["after"][at][0] == 0, best["after"][at][0]))[:SHOWN]
    count = len(drawn["after"][0])
    rows = [
        [
            [Piece(text=str(exam.asked[at].question))],
            *(cell for one in best.values() for cell in (marked(one[at][1], exam.asked[at].value), [Piece(text=f"{round(one[at][0] * count)} of {count}")])),
        ]
        for at in order
    ]  # fmt: skip
    leaky = {when: sum(share > 0 for share, _ in one) for when, one in best.items()}
    says = f"At least one of {count} answers names the fact for {leaky['after']} of {len(exam.asked)} {exam.noun}"
    says += f"; from the retrained reference for {leaky['reference']}." if "reference" in leaky else "."
    return Words(
        title="What slips out when it is asked often",
        how=f"Each row is a forgotten question asked {count} times, first those where the fact came rarely, which asking once would miss. Shown is the answer that names the fact, else the most frequent one, and how many of the answers name it.",
        says=says,
        columns=["question", *(title for when in best for title in (NAMES[when], "names the fact"))],
        rows=rows,
        roles=["forget"] * len(rows),
    )
