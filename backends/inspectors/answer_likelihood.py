"""Probability of the true answer, token by token, before and after."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..api.panels import AnyPanel, Bars, Histogram, Role, Series, Words
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..families.language.qa import EvalItem
from ..families.language.task import LanguageModel
from ._answers import chosen, items, model_words, models, pieces, plain, role, token_probabilities
from ._common import GROUPS, Group, percent

BINS = 20
TITLES: dict[Group, str] = {
    "forget": "What was to be forgotten",
    "neighbour": "Its neighbours",
    "unrelated": "What has nothing to do with it",
}


class AnswerLikelihood(Params):
    """How much to show word by word."""

    each: int = Field(default=3, ge=1, le=12, description="How many questions of each kind are shown token by token.")


@inspector(
    id="answer_likelihood",
    title="Answer probability: how likely each token of the true answer is",
    summary="Colours each token of the true answer by the probability the model gives it, before and after, and counts over all questions.",
    source={
        "title": "Maini et al., TOFU: A Task of Fictitious Unlearning for LLMs, COLM 2024 (probability of the true answer)",
        "url": "https://arxiv.org/abs/2401.06121",
        "code": "https://github.com/locuslab/tofu",
    },
    needs=("answers",),
    order=0,
    group="sees",
)
def answer_likelihood(look: InspectContext[LanguageModel], params: AnswerLikelihood) -> list[AnyPanel]:
    """p(token | question, true answer up to there) by token, and over all questions of the suite exp(-NLL a token).

    The latter is the geometric mean over an answer's tokens, its end included, from 0 to 1 (TOFU's "probability"). It says
    how likely the answer is in these words; a model may still give the fact in others.
    """
    likelihoods = {when: np.exp(-look.outputs(when)["answer"].astype(np.float64)) for when in models(look)}
    return [
        _tokens(look, params.each),
        _means(look, likelihoods),
        *(_distribution(look, likelihoods, group) for group in GROUPS),
    ]


def _tokens(look: InspectContext[LanguageModel], each: int) -> Words:
    some = items(look, chosen(look, each))
    texts = look.task.texts([item.pair for item in some])
    token_shares = {
        when: token_probabilities(model, texts)
        for when, model in look.steps(models(look).items(), "reading true answers")
    }
    rows = [
        [
            plain(item.pair.question),
            *(pieces(look.task.reader, item.pair.answer, values[at]) for values in token_shares.values()),
        ]
        for at, item in enumerate(some)
    ]
    return Words(
        title="The true answer, token by token",
        how="The stronger the colour, the more likely the model finds this token where it stands; the small number is its probability in percent, ⏎ the end of the answer. The tokens before it are given, so only those that carry the fact are hard.",
        says=_sharpest(some, token_shares),
        columns=["question", *map(model_words, token_shares)],
        rows=rows,
        roles=[item.role for item in some],
        numbers=True,
    )


def _sharpest(some: list[EvalItem], token_shares: dict[When, list[list[float]]]) -> str:
    """The least likely token after, of the first question that was to be forgotten."""
    before, after = (np.array(token_shares[when][0]) for when in ("before", "after"))
    if not np.isfinite(after).all():
        return "The model after gives no probabilities any more."
    at = int(np.argmax(before - after))
    return f"In “{some[0].pair.question}” one token of the true answer lost most: {percent(100 * before[at])} before, {percent(100 * after[at])} after."


def _means(look: InspectContext[LanguageModel], likelihoods: dict[When, NDArray[np.float64]]) -> Bars:
    parts = look.task.parts
    groups = [group for group in GROUPS if len(parts[group])]
    means = {
        when: [100 * float(values[parts[group]].mean()) for group in groups] for when, values in likelihoods.items()
    }
    changes = ", ".join(
        f"{TITLES[group].lower()} from {percent(means['before'][at])} to {percent(means['after'][at])}"
        for at, group in enumerate(groups)
    )
    return Bars(
        title="The mean over all questions",
        how="The probability of a token of the true answer, as a mean over its tokens (geometric) and over the questions (arithmetic).",
        says=f"The true answer went: {changes}.",
        labels=[TITLES[group] for group in groups],
        series=[
            Series(
                name=model_words(when),
                values=list(values),
                role=role(when, "amount"),
                when="" if when == "reference" else when,
            )
            for when, values in means.items()
        ],
        unit="%",
        marked=[at for at, group in enumerate(groups) if group == "forget"],
    )


def _distribution(
    look: InspectContext[LanguageModel], likelihoods: dict[When, NDArray[np.float64]], group: Group
) -> Histogram:
    index = look.task.parts[group]
    edges = np.linspace(0, 1, BINS + 1)
    meant: Role = group
    rows = {
        when: np.histogram(values[index][np.isfinite(values[index])], edges)[0] for when, values in likelihoods.items()
    }
    halves = {when: int((values[index] >= 0.5).sum()) for when, values in likelihoods.items()}
    return Histogram(
        title=f"{TITLES[group]}: all questions",
        how="To the right lie questions whose true answer the model finds likely, to the left those whose answer it does not expect.",
        says=f"Of {len(index)} questions, {halves['before']} had a true answer of at least 0.5 a token before, {halves['after']} after.",
        edges=[float(edge) for edge in edges],
        series=[
            Series(
                name=model_words(when), values=[float(count) for count in row], role=role(when, meant),
                when="" if when == "reference" else when,
            )
            for when, row in rows.items()
        ],
        x_title="probability of a token of the true answer",
        y_title="questions",
    )  # fmt: skip
