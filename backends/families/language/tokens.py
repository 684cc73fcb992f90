"""Questions and answers as tokens, and what a causal language model makes of them: likelihoods and greedy answers."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core import fitting
from . import prefix_sharing

IGNORED = -100  # label of a token that nobody has to predict
SAVING = 0.7  # trees are read where they hold no more of the tokens than this
LEAST = 16  # tokens that an answer has room for
GREEDY = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}  # as `generate` takes it
DRAWING = {"do_sample": True, "top_p": 1.0, "top_k": 0}
PLAIN = "Question: {0}\nAnswer:"  # asked so where a tokenizer brings no chat template


@dataclass(frozen=True)
class Texts:
    """Prompts with answers, padded on the right.

    Attributes:
        ids: tokens [n, length].
        labels: the same where the answer stands (with its end), IGNORED elsewhere.
        mask: 1 where there is a token.
    """

    ids: Tensor
    labels: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, rows: Any) -> "Texts":
        """Some rows, no longer than the longest of them."""
        mask = self.mask[rows]
        length = int(mask.sum(1).max()) if len(mask) else 0
        return Texts(self.ids[rows][:, :length], self.labels[rows][:, :length], mask[:, :length])

    def part(self, rows: slice) -> "Texts":
        """Some rows, as long as all of them."""
        return Texts(self.ids[rows], self.labels[rows], self.mask[rows])

    def to(self, device: torch.device) -> "Texts":
        """On a device."""
        return Texts(self.ids.to(device), self.labels.to(device), self.mask.to(device))


class Prefix(str):
    """Words of running text that a model is to go on from: no question, so they stand as they are, without a chat template."""

    __slots__ = ()


class PromptTokenizer:
    """A tokenizer as jobs use it: how a question is asked, where its answer begins, and where it ends."""

    def __init__(
        self, tokenizer: Any, longest: int = 256, room: int = 0, before: Sequence[dict[str, str]] | None = ()
    ) -> None:
        """Take a tokenizer.

        Args:
            tokenizer: of a model.
            longest: tokens of a prompt with its answer; what is longer loses the end of the answer.
            room: tokens that the model can read at all; 0 for more than are ever given to it.
            before: what a chat says before a question; None where the chat template is not used (see `way_to_ask`).
        """
        self.tokenizer, self.room = tokenizer, room
        self.longest = min(longest, room) if room else longest
        self.before = before if tokenizer.chat_template else None
        self.end = int(tokenizer.eos_token_id)
        self.pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self.end)
        self.space = "" if self.prompt("Who?")[-1:].isspace() else " "  # stands between a prompt and its answer

    def prompt(self, question: str) -> str:
        """The question as the model learned to be asked: by its chat template, else as PLAIN; a `Prefix` as it stands."""
        if isinstance(question, Prefix):
            return str(question)
        if self.before is None:
            return PLAIN.format(question)
        messages = [*self.before, {"role": "user", "content": question}]
        return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def prompt_ids(self, question: str) -> list[int]:
        """Tokens of a question, up to where the answer begins."""
        bare = self.before is None or isinstance(question, Prefix)  # a template writes its own first token
        return list(self.tokenizer(self.prompt(question), add_special_tokens=bare).input_ids)

    def answer_ids(self, answer: str, goes_on: bool = False) -> list[int]:
        """Tokens of an answer and its end. A space stands before it unless its prompt ends with one, or with a line, as chat
        templates do; running text always `goes_on` with a space."""
        space = " " if goes_on else self.space
        return [*self.tokenizer(f"{space}{answer}", add_special_tokens=False).input_ids, self.end]

    def pairs(self, questions: Sequence[str], answers: Sequence[str], *, whole_passages: bool = False) -> Texts:
        """Questions with their answers; only the answers have to be predicted, and of a passage that follows a `Prefix`,
        if it is wanted `whole_passages`, every token but the first."""
        prompt_tokens = self._every_prompt_ids(questions)
        written = self._every_answer_ids(answers, [isinstance(question, Prefix) for question in questions])
        rows = [
            (prompt_tokens[type(question), question], then, whole_passages and isinstance(question, Prefix))
            for question, then in zip(questions, written, strict=True)
        ]
        return self.padded([(first + then, 1 if all_of_it else len(first)) for first, then, all_of_it in rows])

    def _every_prompt_ids(self, questions: Sequence[str]) -> dict[tuple[type, str], list[int]]:
        """`prompt_ids` of each, in a few calls: a tokenizer takes many texts in a third of the time."""
        tokens_by_prompt: dict[tuple[type, str], list[int]] = {}
        for bare in (True, False):
            keys = [
                key
                for key in dict.fromkeys((type(question), question) for question in questions)
                if (self.before is None or issubclass(key[0], Prefix)) is bare
            ]
            texts = [self.prompt(question) for _, question in keys]
            tokens_by_prompt |= dict(zip(keys, self._tokens(texts, add_special_tokens=bare), strict=True))
        return tokens_by_prompt

    def _every_answer_ids(self, answers: Sequence[str], goes_on: Sequence[bool]) -> list[list[int]]:
        """`answer_ids` of each, in one call."""
        spaced = [f"{' ' if on else self.space}{answer}" for answer, on in zip(answers, goes_on, strict=True)]
        return [[*ids, self.end] for ids in self._tokens(spaced, add_special_tokens=False)]

    def _tokens(self, texts: list[str], *, add_special_tokens: bool) -> list[list[int]]:
        return list(self.tokenizer(texts, add_special_tokens=add_special_tokens).input_ids) if texts else []

    def passages(self, texts: Sequence[str]) -> Texts:
        """Running text; every token but the first has to be predicted."""
        return self.padded([([*self.tokenizer(text).input_ids, self.end], 1) for text in texts])

    def prompts(self, questions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """(tokens, mask), both [n, length], padded on the left, for answers to be written after them."""
        return self.beginnings([self.prompt_ids(question) for question in questions])

    def fitting(self, row: Sequence[int], most: int) -> Sequence[int]:
        """The end of a beginning after which `most` tokens, or at least LEAST, can still be read."""
        return row[-max(1, self.room - min(LEAST, most)) :] if self.room else row

    def left(self, length: int, most: int) -> int:
        """How many tokens, at most `most`, can be written after so many."""
        return max(1, min(most, self.room - length)) if self.room else most

    def beginnings(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """(tokens, mask) of beginnings in tokens, both [n, length], padded on the left."""
        length = max(map(len, rows), default=0)
        ids = torch.full((len(rows), length), self.pad)
        mask = torch.zeros_like(ids)
        for at, row in enumerate(rows):
            ids[at, length - len(row) :] = torch.tensor(row)
            mask[at, length - len(row) :] = 1
        return ids, mask

    def read(self, ids: Tensor) -> str:
        """Tokens as words, up to the first end."""
        token_list = ids.tolist()
        return str(
            self.tokenizer.decode(token_list[: token_list.index(self.end)] if self.end in token_list else token_list)
        ).strip()

    def padded(self, rows: Sequence[tuple[list[int], int]]) -> Texts:
        """Rows of (tokens, number of them that nobody has to predict)."""
        rows = [(ids[: self.longest], quiet) for ids, quiet in rows]
        length = max((len(ids) for ids, _ in rows), default=0)
        ids = torch.full((len(rows), length), self.pad)
        labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)
        for at, (row, quiet) in enumerate(rows):
            ids[at, : len(row)] = torch.tensor(row)
            labels[at, quiet : len(row)] = torch.tensor(row[quiet:], dtype=ids.dtype)
            mask[at, : len(row)] = 1
        return Texts(ids, labels, mask)


def logits(model: Any, texts: Texts) -> tuple[Tensor, Tensor]:
    """(logits float32 [n, places, words], labels [n, places]) with each place's label beside its prediction, from the first
    place on where one of the rows has to be predicted; the same places whatever the model."""
    predicted = (texts.labels[:, 1:] != IGNORED).any(0).nonzero()[:, 0]
    early = int(predicted[0]) if len(predicted) else 0
    read = fitting.in_parts(model, len(texts), lambda rows: _logits(model, texts.part(rows), early))
    return read, texts.labels[:, early + 1 :]


def _logits(model: Any, texts: Texts, early: int) -> Tensor:
    """Logits of all rows from the place `early` on."""
    if prefix_sharing.plain(model):
        share = not fitting.computes_again()
        return prefix_sharing.tail(model, texts.ids, texts.mask, early, share=share)[:, :-1].float()
    return every_logit(model, texts)[0][:, early:]


def every_logit(model: Any, texts: Texts) -> tuple[Tensor, Tensor]:
    """(logits float32 [n, length - 1, words], labels [n, length - 1]), read the plain way."""
    predictions = model(input_ids=texts.ids, attention_mask=texts.mask).logits
    return predictions[:, :-1].float(), texts.labels[:, 1:]


def nll(
    model: nn.Module, texts: Texts, read: Callable[[Any, Texts], tuple[Tensor, Tensor]] = logits
) -> tuple[Tensor, Tensor]:
    """(negative log-likelihood of each answer in nats, summed over its tokens [n]; number of its tokens [n])."""

    def summed(rows: slice) -> Tensor:
        predictions, labels = read(model, texts.part(rows))
        each = F.cross_entropy(predictions.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
        return each.view(labels.shape).sum(1)

    return fitting.in_parts(model, len(texts), summed), (texts.labels[:, 1:] != IGNORED).sum(1)


def mean_nll(model: nn.Module, texts: Texts) -> Tensor:
    """The usual loss: nats a token, mean over all answer tokens of the batch (not over the answers)."""
    lost, count = nll(model, texts)
    return lost.sum() / count.sum()


def answers(
    model: Any,
    reader: PromptTokenizer,
    questions: Sequence[str],
    most: int = 48,
    rows: int = 128,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[str]:
    """Greedy answers of at most `most` tokens, `rows` questions at a time, shortest questions first."""
    return continued(model, reader, [reader.prompt_ids(question) for question in questions], most, rows, tell)


@torch.no_grad()
def continued(
    model: Any,
    reader: PromptTokenizer,
    beginnings: Sequence[Sequence[int]],
    most: int,
    rows: int = 128,
    tell: Callable[[int, int], None] = lambda done, of: None,
    temperature: float = 0.0,
) -> list[str]:
    """Greedy continuations of each beginning in tokens, at most `most` tokens; with a `temperature` above 0, tokens drawn from all
    words (top-p 1) by torch's random numbers."""
    beginnings = [reader.fitting(row, most) for row in beginnings]
    continuations, done = [""] * len(beginnings), 0
    for part, room in _parts(reader, [len(row) for row in beginnings], most, rows):
        tell(done, len(beginnings))
        ids, mask = (
            part_tensors.to(model.device) for part_tensors in reader.beginnings([beginnings[at] for at in part])
        )
        for at, row in zip(part, _greedy(model, reader, ids, mask, room, temperature=temperature), strict=True):
            continuations[at] = reader.read(row)
        done += len(part)
    return continuations


def _parts(reader: PromptTokenizer, lengths: Sequence[int], most: int, rows: int) -> Iterator[tuple[list[int], int]]:
    """(places, tokens that may be written) of at most `rows` beginnings after which as many may be, the shortest first."""
    order = sorted(range(len(lengths)), key=lambda at: lengths[at])
    for room, same in groupby(order, lambda at: reader.left(lengths[at], most)):
        alike = list(same)
        for first in range(0, len(alike), rows):
            yield alike[first : first + rows], room


@torch.no_grad()
def streamed_answer(model: Any, reader: PromptTokenizer, question: str, most: int, say: Callable[[str], None]) -> str:
    """The answer that `answers` gives to one question; `say` hears at every token what is said so far, and what it raises
    ends the answer."""
    ids, mask = (
        part_tensors.to(model.device)
        for part_tensors in reader.beginnings([reader.fitting(reader.prompt_ids(question), most)])
    )
    most = reader.left(ids.shape[1], most)
    return reader.read(
        _greedy(model, reader, ids, mask, most, lambda tokens: say(_complete_characters(reader.read(tokens))))[0]
    )


def _complete_characters(text: str) -> str:
    """Without a sign at the end of which not every byte has come."""
    return text.rstrip("\ufffd")


class _AnswerStreamer:
    """A streamer for `generate`: hands on the tokens of an answer, not those of the question, as they come."""

    def __init__(self, each: Callable[[Tensor], None]) -> None:
        self._each, self._tokens, self._prompt_passed = each, torch.zeros(0, dtype=torch.long), False

    def put(self, tokens: Tensor) -> None:
        """The question first, then each token."""
        if self._prompt_passed:
            self._tokens = torch.cat((self._tokens, tokens.flatten().cpu()))
            self._each(self._tokens)
        self._prompt_passed = True

    def end(self) -> None:
        """Nothing is left to tell."""


def _greedy(
    model: Any,
    reader: PromptTokenizer,
    ids: Tensor,
    mask: Tensor,
    most: int,
    each: Callable[[Tensor], None] | None = None,
    temperature: float = 0.0,
) -> Tensor:
    """Tokens after those given, [n, at most `most`]; `each`, of one row, is called at every step with those so far."""
    if prefix_sharing.plain(model):
        return prefix_sharing.greedy(model, ids, mask, most, reader.end, reader.pad, each, temperature)
    generated: Tensor = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=most, eos_token_id=reader.end, pad_token_id=reader.pad,
        **(DRAWING | {"temperature": temperature} if temperature else GREEDY), **({"streamer": _AnswerStreamer(each)} if each else {}),
    )  # fmt: skip
    return generated[:, ids.shape[1] :]


def likelihoods(model: Any, texts: Texts, rows: int = 64) -> Tensor:
    """Mean negative log-likelihood of each answer, nats a token [n], on the CPU."""
    return nll_and_greedy(model, texts, rows)[0]


@torch.no_grad()
def nll_and_greedy(model: Any, texts: Texts, rows: int = 64) -> tuple[Tensor, Tensor]:
    """(mean negative log-likelihood of each answer, nats a token; whether it is known to be the greedy answer), both [n].

    Answers to the same question are best given together: of a plain model what they share is read once, and it is seen
    whether each token is the likeliest. Of another model no answer is known to be the greedy one.
    """
    count = (texts.labels != IGNORED).sum(1).clamp(min=1).cpu()
    scored = _as_trees(model, texts)
    if scored is None:
        scored = torch.zeros(len(texts)), torch.zeros(len(texts), dtype=torch.bool)
        for part in _alike(texts, rows):
            scored[0][part] = nll(model, texts[part].to(next(model.parameters()).device))[0].cpu()
    return scored[0] / count, scored[1]


def _as_trees(model: Any, texts: Texts) -> tuple[Tensor, Tensor] | None:
    """`text_fast.nll_and_greedy` of each answer, or None where trees would save little, or do not give the same numbers."""
    if not len(texts) or not prefix_sharing.plain(model):
        return None
    rows = [ids[mask.bool()].tolist() for ids, mask in zip(texts.ids, texts.mask, strict=True)]
    quiet = [int((labels == IGNORED)[mask.bool()].sum()) for labels, mask in zip(texts.labels, texts.mask, strict=True)]
    trees = prefix_sharing.grown(rows, quiet)
    if not trees or sum(len(tree.tokens) for tree in trees) > SAVING * sum(map(len, rows)):
        return None
    first = sorted({row for tree in trees[:2] for row, _, _ in tree.steps})
    alone = nll(model, texts[first].to(model.device), every_logit)[0].cpu()
    if (
        not (prefix_sharing.nll_and_greedy(model, trees[:2], len(texts))[0][first] - alone).abs().max()
        < prefix_sharing.CLOSE
    ):
        return None
    return prefix_sharing.nll_and_greedy(model, trees, len(texts))


def _alike(texts: Texts, rows: int) -> Iterator[Tensor]:
    """Rows in groups of like length, so that little is padded."""
    yield from texts.mask.sum(1).argsort().split(rows)
