"""A fact among wrong ones of its kind, as the models read them: which tokens tell the answers apart, and what each layer makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.authors import QAPair
from .inside import lens
from .qa import QASet
from .tokens import Prefix, PromptTokenizer, Texts

ROWS = 64


@dataclass(frozen=True)
class Choice:
    """A question with answers of which the first is true.

    Attributes:
        question: as it is asked.
        answers: in the same words but for the fact, where wrong ones came with the question.
    """

    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class ChoiceReading:
    """What the layers of a model make of choices; layer 0 is the input, the last one what the model says.

    Attributes:
        chosen: the answer whose fact is likeliest, by nats a token, [layers + 1, choices]; -1 where two are as likely, or the model gives
            no numbers.
        probability: of a token of the true fact, geometric mean, from 0 to 1, [layers + 1, choices].
        rank: of the true fact's tokens among all tokens, 1 is first, their mean, [layers + 1, choices].
    """

    chosen: NDArray[np.int64]
    probability: NDArray[np.float32]
    rank: NDArray[np.float32]


def choice_of(questions: QASet, pair: QAPair) -> Choice | None:
    """The true answer among the wrong ones that came with a question; of one that came without, among right answers to others
    (`QASet.false`), which a model may tell apart that never knew the fact. None of running text, and without any wrong one."""
    if isinstance(pair.question, Prefix):
        return None
    if pair.wrong and pair.rephrased_answer:
        return Choice(pair.rephrased_question or pair.question, (pair.rephrased_answer, *pair.wrong))
    wrong = questions.false(pair)
    return Choice(pair.question, (pair.answer, *wrong)) if wrong else None


def fact_spans(rows: Sequence[Sequence[int]]) -> list[slice]:
    """Which tokens of several answers tell them apart: between the beginning and the end that all share, at least one of each."""
    shortest = min(map(len, rows))
    start = next((at for at in range(shortest - 1) if len({row[at] for row in rows}) > 1), shortest - 1)
    room = shortest - start - 1
    end = next((at for at in range(room) if len({row[-1 - at] for row in rows}) > 1), room)
    return [slice(start, len(row) - end) for row in rows]


@torch.no_grad()
def read_choices(model: Any, reader: PromptTokenizer, choices: Sequence[Choice]) -> ChoiceReading:
    """Each answer as given, every layer read as if it were the last (`inside.lens`) at the places that predict its fact's tokens."""
    rows, spans, owner = _rows(reader, choices)
    logs, ranks = [], []
    for part in torch.arange(len(rows)).split(ROWS):
        own_logs, own_ranks = _read(model, rows[part], [spans[at] for at in part.tolist()])
        logs += own_logs
        ranks += own_ranks
    every = np.stack(logs)  # [answers, layers + 1]
    places = [np.flatnonzero(owner == number) for number in range(len(choices))]
    first = [place[0] for place in places]
    return ChoiceReading(
        np.stack([_likeliest(every[place]) for place in places], 1),
        np.exp(every[first]).T.astype(np.float32),
        np.stack([ranks[at] for at in first], 1).astype(np.float32),
    )


def _rows(reader: PromptTokenizer, choices: Sequence[Choice]) -> tuple[Texts, list[slice], NDArray[np.int64]]:
    """(questions with each of their answers, where the fact's tokens stand in each row, the choice that each row is of)."""
    rows: list[tuple[list[int], int]] = []
    spans, owner = [], []
    for number, choice in enumerate(choices):
        prompt = reader.prompt_ids(choice.question)
        written = [reader.answer_ids(answer) for answer in choice.answers]
        for ids, span in zip(written, fact_spans(written), strict=True):
            stop = min(len(prompt) + span.stop, reader.longest)  # the rest of a long answer is not read
            rows.append(([*prompt, *ids], len(prompt)))
            spans.append(slice(min(len(prompt) + span.start, stop - 1), stop))
            owner.append(number)
    return reader.padded(rows), spans, np.array(owner)


def _read(model: Any, texts: Texts, spans: Sequence[slice]) -> tuple[list[Any], list[Any]]:
    """(mean log probability, mean rank) of the wanted tokens of each row, [layers + 1] each."""
    batch = texts.to(next(model.parameters()).device)
    every: Sequence[Tensor] = model(
        input_ids=batch.ids, attention_mask=batch.mask, output_hidden_states=True
    ).hidden_states
    counts = [span.stop - span.start for span in spans]
    row = torch.repeat_interleave(torch.arange(len(spans)), torch.tensor(counts))
    place = torch.cat([torch.arange(span.start, span.stop) for span in spans])
    reading = lens(model, torch.stack([state[row, place - 1] for state in every], 1), batch.ids[row, place])
    with np.errstate(divide="ignore"):
        logs = np.log(reading.share)
    ends = np.cumsum(counts)[:-1]
    return (
        [part.mean(0) for part in np.split(logs, ends)],
        [part.mean(0) for part in np.split(reading.rank, ends)],
    )


def _likeliest(logs: NDArray[np.float64]) -> NDArray[np.int64]:
    """The answer with the largest log probability at each layer, of [answers, layers + 1]; -1 where there is no single one."""
    sound = np.where(np.isnan(logs), -np.inf, logs)
    best = sound.max(0)
    clear = ((sound == best).sum(0) == 1) & ~np.isnan(logs).any(0) & np.isfinite(best)
    return np.where(clear, sound.argmax(0), -1)
