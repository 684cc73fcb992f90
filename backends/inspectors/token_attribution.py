"""Feature ablation: which words of the question bring the answer, before and after."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ..api.errors import BadInput
from ..api.panels import AnyPanel, Heatmap, Piece, Words
from ..core.evidence import InspectContext, When
from ..core.registry import Params, inspector
from ..data.authors import QAPair
from ..families.language.concept_words import own_tokens
from ..families.language.task import MOST, LanguageModel
from ..families.language.tokens import PromptTokenizer, answers
from ._answers import model_words, models, plain


class TokenAttribution(Params):
    """Which question."""

    question: int = Field(default=1, ge=1, le=100_000, description="Which question of those to be forgotten, from 1.")
    prompt: str = Field(default="", max_length=500, description="A question of your own instead.")


@inspector(
    id="token_attribution",
    title="Feature ablation: which words bring the answer",
    summary="Leaves out each token of one question in turn and measures how much less likely the true answer becomes, before and after.",
    source={
        "title": "Miglani et al., Using Captum to Explain Generative Language Models, 2023 (feature ablation)",
        "url": "https://arxiv.org/abs/2312.05491",
        "code": "https://github.com/pytorch/captum",
    },
    needs=("answers",),
    order=7,
    group="sees",
)
def token_attribution(look: InspectContext[LanguageModel], params: TokenAttribution) -> list[AnyPanel]:
    """log p(answer | question) - log p(answer | question with one token replaced by padding), in nats, by token (captum).

    Positive: the token speaks for the true answer. Tokens of the form in which questions are asked are not shown. By token of the answer too, each with the answer before it given.

    Raises:
        BadInput: there is no question of that number.
    """
    pair, reader = _chosen(look, params), look.task.reader
    own = own_tokens(reader, pair.question)
    attributions = {
        when: ablated(model, reader, pair)[:, own]
        for when, model in look.steps(models(look).items(), "leaving words out")
    }
    tokens = [_word(reader, token) for token in reader.prompt_ids(pair.question)[own]]
    answer_words = [_word(reader, token) for token in _answer(reader, pair)]
    largest = (
        max((float(np.nan_to_num(np.abs(table.sum(0))).max()) for table in attributions.values()), default=0.0) or 1.0
    )
    rows = [
        [
            plain(model_words(when)),
            [Piece(text=word, value=float(value) / largest) for word, value in zip(tokens, table.sum(0), strict=True)],
        ]
        for when, table in attributions.items()
    ]
    words = Words(
        title=f"“{pair.question}”",
        how=f"Orange tokens make the answer “{pair.answer}” likelier, blue and underlined ones less likely; full colour is {largest:.1f} nats.",
        says=_strongest_sentence(tokens, attributions),
        columns=["model", "question"],
        rows=rows,
        scale="difference",
    )
    return [words, *(_table(table, tokens, answer_words, when) for when, table in attributions.items())]


def _chosen(look: InspectContext[LanguageModel], params: TokenAttribution) -> QAPair:
    """The question with its true answer; one of a person's own, whose true answer is not known, with that of the original model.

    Raises:
        BadInput: there is no question of that number, or the original model answers nothing.
    """
    suite, own = look.task.questions.suite, " ".join(params.prompt.split())
    if own:
        for item in suite:
            if item.pair.question.casefold() == own.casefold():
                return item.pair
        response = answers(look.before, look.task.reader, [own], MOST)[0]
        if not response.strip():
            raise BadInput(f"The original model answers nothing to {own[:60]!r}, so no word brings its answer.")
        return QAPair(own, response)
    forget_pairs = [item.pair for item in suite if item.role == "forget"]
    if params.question > len(forget_pairs):
        raise BadInput(
            f"There is no question {params.question}; there are {len(forget_pairs)} questions to be forgotten."
        )
    return forget_pairs[params.question - 1]


def ablated(model: Any, reader: PromptTokenizer, pair: QAPair) -> NDArray[np.float64]:
    """Nats that each token of the question brings to each token of the answer [answer, question]."""
    from captum.attr import FeatureAblation, LLMAttribution, TextTokenInput

    tokens_in = TextTokenInput(pair.question, _CaptumTokenizer(reader), baselines=reader.pad)
    with torch.no_grad():
        explained = LLMAttribution(FeatureAblation(model), reader.tokenizer)
        result = explained.attribute(tokens_in, target=torch.tensor(_answer(reader, pair)), forward_in_tokens=False)
    nats: NDArray[np.float64] = result.token_attr.double().cpu().numpy()
    return nats


class _CaptumTokenizer:
    """A tokenizer, as captum uses it, that asks a question as the model learned to be asked."""

    def __init__(self, reader: PromptTokenizer) -> None:
        self.reader = reader

    def encode(self, text: str, return_tensors: str) -> torch.Tensor:
        return torch.tensor([self.reader.prompt_ids(text)])

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        return [_word(self.reader, token) for token in ids]


def _answer(reader: PromptTokenizer, pair: QAPair) -> list[int]:
    """Tokens of the true answer, without its end."""
    return reader.answer_ids(pair.answer)[:-1]


def _word(reader: PromptTokenizer, token: int) -> str:
    return str(reader.tokenizer.decode([token]))


def _strongest_sentence(tokens: list[str], attributions: dict[When, NDArray[np.float64]]) -> str:
    clauses = []
    for when, table in attributions.items():
        total = table.sum(0)
        if not np.isfinite(total).all():
            clauses.append(f"{model_words(when)} it gives no numbers")
            continue
        top = [f"“{tokens[at].strip()}” ({total[at]:+.1f})" for at in np.argsort(-total, kind="stable")[:3]]
        clauses.append(f"{model_words(when)}: {', '.join(top)}")
    return f"What brings the answer most, in nats: {'; '.join(clauses)}."


def _table(table: NDArray[np.float64], tokens: list[str], answer_words: list[str], when: When) -> Heatmap:
    total = np.nan_to_num(table)
    row, column = np.unravel_index(int(total.argmax()), total.shape)
    return Heatmap(
        title=f"By token of the answer, {model_words(when)}",
        how="A row is a token of the true answer, a column one of the question: how many nats less likely the row becomes without the column.",
        says=f"The strongest pull is of “{tokens[column].strip()}” on “{answer_words[row].strip()}”: {total[row, column]:+.1f} nats.",
        rows=[f"{at + 1}: {word.strip() or '␣'}" for at, word in enumerate(answer_words)],
        columns=[f"{at + 1}: {word.strip() or '␣'}" for at, word in enumerate(tokens)],
        z=[[float(value) if np.isfinite(value) else None for value in one] for one in table],
        unit="nats",
        scale="difference",
        row_title="answer",
        column_title="question",
    )
