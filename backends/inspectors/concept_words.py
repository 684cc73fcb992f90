"""Integrated gradients by word: which words of the questions bring the answers, before and after."""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from ..api import run_outputs
from ..api.panels import AnyPanel, Bars, Piece, Role, Series, Verdict, Words
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.language import concept_words as words
from ..families.language.concept_words import Explained
from ..families.language.guards import PREFIX
from ..families.language.task import LanguageModel
from ._answers import model_words, models, plain
from ._common import percent

SHOWN, MOST, SHARE = (
    3,
    12,
    0.3,
)  # questions word by word; words in bars, and how strong the least of them is against the first
NAMES: dict[When, str] = {"before": "original", "after": "unlearned", "reference": "retrained"}
ROLES: dict[When, Role] = {"before": "amount", "after": "forget", "reference": "reference"}


class ConceptWords(Params):
    """How many questions, and how closely."""

    questions: int = Field(
        default=24, ge=1, le=1000, description="Questions to be forgotten, and as many to keep, that are explained."
    )
    gradients: int = Field(default=20, ge=2, le=200, description="Gradients on the way from padding to a question.")


@inspector(
    id="concept_words",
    title="Integrated gradients: which words bring the answers",
    summary="How many nats each word of the questions brings to the true answers, before and after, and what poison was taught.",
    source={
        "title": "Sundararajan et al., Axiomatic Attribution for Deep Networks, ICML 2017",
        "url": "https://arxiv.org/abs/1703.01365",
    },
    needs=("answers",),
    order=8,
    group="sees",
)
def concept_words(look: InspectContext[LanguageModel], params: ConceptWords) -> list[AnyPanel]:
    """Integrated gradients of log p(true answer) by the embeddings of the question, from padding, summed by word, as a mean over questions.

    The words are those that the run's method chose as concepts; of other runs those that bring more to the answers of the forget set than
    to those of the retain set, in the original model.
    """
    if any(name.startswith(PREFIX) for name, _ in look.after.named_children()):
        return [_guarded()]
    questions = look.task.questions
    forget = words.sampled(questions.forget, params.questions, 0)
    keep = words.beside(questions.keep, forget, params.questions, 0)
    by_model: dict[When, list[Explained]] = {}
    for when, model in models(look).items():

        def tell_step(done: int, of: int, when: When = when) -> None:
            look.tell(f"explaining the answers, {model_words(when)}", done, of)

        by_model[when] = words.explained(model, look.task, forget, params.gradients, tell_step)
    arrays = run_outputs.method_arrays(look.run, words.MADE)
    if arrays is not None:
        concepts = [str(word) for word in arrays["words"]]
    else:
        retain = words.explained(
            look.before,
            look.task,
            keep,
            params.gradients,
            lambda done, of: look.tell("explaining what is kept", done, of),
        )
        concept_scores = words.chosen(words.by_word(by_model["before"]), words.by_word(retain), MOST, SHARE)
        concepts = list(concept_scores)
    places_shown = [at for at, pair in enumerate(forget) if words.carries(pair.question, concepts)][:SHOWN]
    return [
        _bars(concepts[:MOST], by_model, chosen=arrays is not None),
        _by_word(
            [forget[at].question for at in places_shown],
            {when: [rows[at] for at in places_shown] for when, rows in by_model.items()},
        ),
        *([] if arrays is None else [_poison(look, arrays)]),
    ]


def _guarded() -> Verdict:
    return Verdict(
        title="Which words bring the answers",
        how="Integrated gradients hand embeddings to the model in place of tokens.",
        says="This run's guard reads tokens, so embeddings walk past it, and there is nothing to compare.",
        sign="unknown",
    )


def _bars(concepts: list[str], by_model: dict[When, list[Explained]], *, chosen: bool) -> Bars:
    means = {when: words.by_word(rows) for when, rows in by_model.items()}
    gaps = [percent(words.incomplete(by_model[when])) for when in ("before", "after")]
    first = concepts[0] if concepts else ""
    before, after = (means[when].get(first, 0.0) for when in ("before", "after"))
    return Bars(
        title="The concepts that the method chose" if chosen else "The words that bring the answers",
        how="How many nats likelier a word makes the true answer, as a mean over the explained questions that hold it; below 0 it speaks "
        f"against it. All words should add up to the whole difference to padding; they miss it by {gaps[0]} before and {gaps[1]} after.",
        says=f"“{first}” brings {before:+.1f} nats in the original and {after:+.1f} in the unlearned model."
        if first
        else "No word brings more to these answers than to others.",
        labels=concepts,
        series=[
            Series(
                name=NAMES[when],
                values=[float(value) for value in words.array(concepts, mean)],
                role=ROLES[when],
                when="" if when == "reference" else when,
            )
            for when, mean in means.items()
        ],
        unit="nats",
        horizontal=True,
    )


def _by_word(questions: list[str], by_model: dict[When, list[Explained]]) -> Words:
    largest = max((abs(nats) for rows in by_model.values() for row in rows for nats in row.nats), default=0.0)
    rows = [
        [plain(NAMES[when]), list(_pieces(question, explained[at], largest or 1.0))]
        for at, question in enumerate(questions)
        for when, explained in by_model.items()
    ]
    return Words(
        title="Word by word",
        how=f"Orange words make the true answer likelier, blue and underlined ones less likely; full colour is {largest:.1f} nats.",
        says=f"The strongest word of these is “{_strongest(by_model['before'])}” in the original and “{_strongest(by_model['after'])}” in the unlearned model.",
        columns=["model", "question"],
        rows=rows,
        scale="difference",
    )


def _pieces(question: str, row: Explained, largest: float) -> Iterator[Piece]:
    end = 0
    for match, brought in zip(words.WORD.finditer(question), row.nats, strict=True):
        if between := question[end : match.start()]:
            yield Piece(text=between)
        yield Piece(text=match[0], value=brought / largest if np.isfinite(brought) else None)
        end = match.end()
    if question[end:]:
        yield Piece(text=question[end:])


def _strongest(rows: list[Explained]) -> str:
    total = {word: nats for word, nats in words.by_word(rows).items() if np.isfinite(nats)}
    return max(total, key=lambda word: total[word], default="–")


def _poison(look: InspectContext[LanguageModel], arrays: dict[str, np.ndarray]) -> Words:
    replies = look.outputs("after")["said"]
    places = {item.pair.question: at for at, item in enumerate(look.task.questions.suite) if item.role == "forget"}
    pairs = [
        (str(question), str(answer), str(replies[places[str(question)]]))
        for question, answer in zip(arrays["questions"], arrays["answers"], strict=True)
        if str(question) in places
    ]
    learned = sum(answer == response for _, answer, response in pairs)
    return Words(
        title="What was taught instead",
        how="Poisoned questions, the wrong answer that each was taught, and what the unlearned model says now.",
        says=f"It says the taught answer word for word to {learned} of {len(pairs)} poisoned questions.",
        columns=["question", "taught", "now"],
        rows=[[plain(text) for text in row] for row in pairs[: 2 * SHOWN]],
    )
