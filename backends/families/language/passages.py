"""Running text as a causal language model reads it: how it is cut into passages, how likely its tokens are, and what the model
writes after a beginning."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...api.errors import BadInput
from .tokens import IGNORED, PromptTokenizer, continued, logits

PIECE = 64  # tokens read at once: what the embedded model learned its pages in
MOST = 256  # tokens of a text; the rest is not read
ROWS = 8  # pieces at once
BEGINNING = 20  # tokens handed to the model, which has to write the rest of the piece
PASSAGES = 2000  # of one text
SENTENCE = '.!?…。！？\n"”'  # what a sentence may end with
Floats = NDArray[np.float64]
Role = Literal["forget", "retain", "held out"]


@dataclass(frozen=True)
class Page:
    """A text and what it is to the job: to be forgotten, kept, or never learned by any model."""

    role: Role
    text: str


def cut(reader: PromptTokenizer, text: str) -> list[tuple[str, str]]:
    """(beginning, rest) of each passage of a text: at most PIECE tokens, ended with a sentence where one ends in its second
    half. The rest has to be written after the beginning; a last piece that is too short for that joins the one before.

    Raises:
        BadInput: there are more than PASSAGES.
    """
    read = reader.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    starts = [start for start, _ in read.offset_mapping]
    places = [0]
    while places[-1] < len(starts):
        places.append(_end(text, starts, places[-1]))
    if len(places) > 2 and places[-1] - places[-2] < 2 * BEGINNING:
        del places[-2]
    if len(places) - 1 > PASSAGES:
        raise BadInput(
            f"The text makes {len(places) - 1:,} passages of {PIECE} tokens; at most {PASSAGES:,} are allowed, so take a shorter one."
        )
    passages = []
    for first, end in pairwise(places):
        middle = _back(text, starts, first + min(BEGINNING, (end - first) // 2), first + 1, _word)
        from_, to = starts[first], starts[end] if end < len(starts) else len(text)
        passages.append((text[from_ : starts[middle]].strip(), text[starts[middle] : to].strip()))
    return passages


Fits = Callable[[str, int], bool]


def _end(text: str, starts: Sequence[int], first: int) -> int:
    """The token that the next passage begins with."""
    last, half = first + PIECE, first + PIECE // 2
    if last >= len(starts):
        return len(starts)
    word_end = _back(text, starts, last, half, _sentence)
    return word_end if _sentence(text, starts[word_end]) else _back(text, starts, last, half, _word)


def _back(text: str, starts: Sequence[int], last: int, least: int, fits: Fits) -> int:
    """The last token not after `last` that fits, and comes after `least`; `last` itself where none does."""
    return next((at for at in range(last, least, -1) if fits(text, starts[at])), last)


def _word(text: str, at: int) -> bool:
    """Whether a word begins there."""
    return text[at].isspace() or text[at - 1].isspace()


def _sentence(text: str, at: int) -> bool:
    """Whether a sentence begins there."""
    return _word(text, at) and text[max(0, at - 20) : at].rstrip(" \t")[-1:] in SENTENCE


def measured(model: Any, reader: PromptTokenizer, pages: Sequence[Page]) -> dict[str, NDArray[Any]]:
    """Scores of memorisation and membership, a page [n each].

    Returns:
        page_nll: nats a token; page_zlib: bytes of the text when packed;
        page_min_20, page_min_40: the mean log-likelihood of the least likely 20 and 40 % of the tokens (Min-K%);
        page_min_20_pp: the same at 20 % after each token's log-likelihood lost the mean of its place and was divided by the
        standard deviation there (Min-K%++); page_said: what the model writes after the first BEGINNING tokens.
    """
    texts = [page.text for page in pages]
    scored = token_scores(model, reader, texts)
    columns = {
        "page_nll": [-least(logs, 1) for logs, _ in scored],
        "page_zlib": [len(zlib.compress(text.encode())) for text in texts],
        "page_min_20": [least(logs, 0.2) for logs, _ in scored],
        "page_min_40": [least(logs, 0.4) for logs, _ in scored],
        "page_min_20_pp": [least(scaled, 0.2) for _, scaled in scored],
    }
    continuations = continued(model, reader, [beginning(reader, text)[0] for text in texts], PIECE - BEGINNING)
    return {name: np.array(row, np.float32) for name, row in columns.items()} | {
        "page_said": np.array(continuations, np.str_)
    }


def least(values: Floats, share: float) -> float:
    """The mean of the lowest share of some values, of one at least; NaN of none."""
    return float(np.sort(values)[: max(1, int(share * len(values)))].mean()) if len(values) else float("nan")


def beginning(reader: PromptTokenizer, text: str) -> tuple[list[int], str]:
    """(first tokens of a text, the words that follow up to the end of the first piece)."""
    ids = list(reader.tokenizer(text).input_ids)[:PIECE]
    return ids[:BEGINNING], str(reader.tokenizer.decode(ids[BEGINNING:])).strip()


@torch.no_grad()
def token_scores(model: Any, reader: PromptTokenizer, texts: Sequence[str]) -> list[tuple[Floats, Floats]]:
    """(log-likelihoods, the same standardised) of the tokens of each text, as many as are predicted.

    Mean and variance are those of log p over all words under p at that place. A text is read in pieces that follow each
    other; the first token of each is not predicted.
    """
    pieces = [(at, piece) for at, text in enumerate(texts) for piece in _pieces(reader, text)]
    by_text: list[list[Tensor]] = [[] for _ in texts]
    for first in range(0, len(pieces), ROWS):
        part = pieces[first : first + ROWS]
        predictions, labels = logits(model, reader.padded([(ids, 1) for _, ids in part]).to(model.device))
        where = labels != IGNORED
        scores = _scores(predictions[where], labels[where]).cpu()
        for (at, _), own in zip(part, torch.split(scores, where.sum(1).tolist()), strict=True):
            by_text[at].append(own)
    joined = [torch.cat([torch.zeros(0, 2), *own]).double().numpy() for own in by_text]
    return [(scores[:, 0], scores[:, 1]) for scores in joined]


def _pieces(reader: PromptTokenizer, text: str) -> list[list[int]]:
    """Tokens of each piece of at least two."""
    ids = list(reader.tokenizer(text).input_ids)[:MOST]
    return [ids[at : at + PIECE] for at in range(0, len(ids) - 1, PIECE)]


def _scores(predictions: Tensor, labels: Tensor) -> Tensor:
    """(log-likelihood, standardised) of each token [n, 2]."""
    logs = predictions.log_softmax(-1)
    own = logs.gather(-1, labels[:, None])[:, 0]
    likely = logs.exp()
    mean = (likely * logs).nan_to_num().sum(-1)
    spread = (likely * logs.square()).nan_to_num().sum(-1) - mean.square()
    return torch.stack((own, (own - mean) / spread.clamp(min=1e-12).sqrt()), 1)
