"""Integrated gradients of an answer's log-probability by the words of its question, and which words make what is to be forgotten.

Sundararajan et al., Axiomatic Attribution for Deep Networks (ICML 2017): the gradient by the embeddings, averaged on the straight line from a
baseline to the question, times the distance. The values add up to f(question) - f(baseline); how far they do is kept (`gap`).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...data.authors import QAPair
from .qa import LITTLE
from .task import LanguageModel
from .tokens import IGNORED, Prefix, PromptTokenizer, Texts

MADE: Final = "concept_words"  # what a run of the method keeps, by this name
ROWS: Final = 64  # rows in one pass with gradients
NAME: Final = r"[A-ZÀ-ÖØ-Þ]\w*"
# A name of several words is one word, as its parts may be others' too; what a question begins with is none of a name.
WORD: Final = re.compile(rf"(?<!\A){NAME}(?: {NAME})+|\w+")
Scorer = Callable[[Tensor], Tensor]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Explained:
    """What the words of one question bring to its true answer.

    Attributes:
        words: of the question, in their order; what is no letter or number is left out.
        nats: that each brings, on the way from padding in place of every token of the question to the question as it stands.
        total: f(question) - f(padding), in nats.
        gap: how far all that was attributed is from `total`, in nats.
    """

    words: list[str]
    nats: list[float]
    total: float
    gap: float


def integrated(
    score: Scorer, baseline: Tensor, inputs: Tensor, steps: int, tell: Callable[[int], None] = lambda step: None
) -> Tensor:
    """Integrated gradients [n, length] of `score` by the rows of `inputs` [n, length, d], summed over d; midpoints of `steps` stretches.

    Args:
        score: [n, length, d] -> [n], each of its own row alone.
        baseline: where the line begins, [n, length, d]; where it is as `inputs` nothing is attributed.
        inputs: where it ends.
        steps: gradients on the way.
        tell: hears how many of them are done, before each.
    """
    total = torch.zeros_like(inputs)
    for step in range(steps):
        tell(step)
        place = (baseline + (step + 0.5) / steps * (inputs - baseline)).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(score(place).sum(), place)
        total += gradient
    return ((inputs - baseline) * total / steps).sum(-1).detach()


def explained(
    model: Any, task: LanguageModel, pairs: Sequence[QAPair], steps: int, tell: Tell = lambda done, of: None
) -> list[Explained]:
    """Integrated gradients of log p(true answer | question), each of its tokens with those before it, from padding to the question.

    The form in which questions are asked, and the answer, stay as they are. `tell` hears how many of all gradients are done.
    """
    results: list[Explained] = []
    batches = -(-len(pairs) // ROWS)
    for batch in range(batches):

        def tell_step(step: int, batch: int = batch) -> None:
            tell(batch * steps + step, batches * steps)

        results += _explained(model, task, pairs[batch * ROWS : (batch + 1) * ROWS], steps, tell_step)
    return results


def _explained(
    model: Any, task: LanguageModel, pairs: Sequence[QAPair], steps: int, tell: Callable[[int], None]
) -> list[Explained]:
    reader, texts = task.reader, task.texts(pairs).to(next(model.parameters()).device)
    padded = texts.ids.clone()
    for row, pair in enumerate(pairs):
        padded[row, own_tokens(reader, pair.question)] = reader.pad
    embed = model.get_input_embeddings()
    with torch.no_grad():
        inputs, baseline = embed(texts.ids), embed(padded)

    def score(embeddings: Tensor) -> Tensor:
        return answer_log_likelihood(model, embeddings, texts)

    nats = integrated(score, baseline, inputs, steps, tell)
    with torch.no_grad():
        total = score(inputs) - score(baseline)
    gap = (nats.sum(1) - total).abs()
    rows = []
    for row, pair in enumerate(pairs):
        places = word_places(reader, pair.question)
        values = [float(nats[row, at].sum()) for _, at in places]
        rows.append(Explained([word for word, _ in places], values, float(total[row]), float(gap[row])))
    return rows


def answer_log_likelihood(model: Any, embeddings: Tensor, texts: Texts) -> Tensor:
    """log p of each answer in nats, summed over its tokens [n], of embeddings [n, length, d] in place of tokens."""
    rows, places = (texts.labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
    logits = model(inputs_embeds=embeddings, attention_mask=texts.mask, use_cache=False).logits
    each = logits[rows, places].float().log_softmax(-1).gather(1, texts.ids[rows, places + 1, None])[:, 0]
    return torch.zeros(len(embeddings), dtype=each.dtype, device=each.device).index_add(0, rows, each)


def own_tokens(reader: PromptTokenizer, question: str) -> slice:
    """Which tokens of a prompt are the question's own; the others are the form in which it is asked."""
    start, spans = _spans(reader, question)
    inside = [at for at, (low, high) in enumerate(spans) if high > start and low < start + len(question)]
    return slice(inside[0], inside[-1] + 1) if inside else slice(0, 0)


def word_places(reader: PromptTokenizer, question: str) -> list[tuple[str, list[int]]]:
    """The words and names of a question in their order, each with the places of its tokens in the prompt."""
    start, spans = _spans(reader, question)
    places = []
    for match in WORD.finditer(question):
        low, high = start + match.start(), start + match.end()
        places.append((match[0], [at for at, (first, last) in enumerate(spans) if last > low and first < high]))
    return places


def _spans(reader: PromptTokenizer, question: str) -> tuple[int, list[tuple[int, int]]]:
    """Where a question begins in its prompt, and the signs of the prompt that each token stands for."""
    prompt = reader.prompt(question)
    bare = reader.before is None or isinstance(question, Prefix)
    read = reader.tokenizer(prompt, add_special_tokens=bare, return_offsets_mapping=True)
    return prompt.index(question), [(int(low), int(high)) for low, high in read.offset_mapping]


def by_word(rows: Sequence[Explained]) -> dict[str, float]:
    """What each word brings, in nats, as the mean over the questions that hold it."""
    results: dict[str, list[float]] = {}
    for row in rows:
        own: dict[str, float] = defaultdict(float)
        for word, nats in zip(row.words, row.nats, strict=True):
            own[word] += nats
        for word, nats in own.items():
            results.setdefault(word, []).append(nats)
    return {word: float(np.mean(nats)) for word, nats in results.items()}


def chosen(forget: dict[str, float], retain: dict[str, float], most: int, share: float) -> dict[str, float]:
    """The words that bring more to the answers of the forget set than to those of the retain set, strongest first, with how much more;
    none that stand in every text.

    Args:
        forget, retain: of `by_word`.
        most: how many at most.
        share: of the strongest, below which a word is none of them.
    """
    more = {word: nats - retain.get(word, 0.0) for word, nats in forget.items() if word.casefold() not in LITTLE}
    ranked = sorted(more.items(), key=lambda one: -one[1])[:most]
    return {word: nats for word, nats in ranked if nats > 0 and nats >= share * ranked[0][1]}


def sampled(pairs: Sequence[QAPair], most: int, seed: int) -> list[QAPair]:
    """At most so many pairs, in their order."""
    return [pairs[at] for at in np.sort(np.random.default_rng(seed).permutation(len(pairs))[:most])]


def beside(pairs: Sequence[QAPair], forget: Sequence[QAPair], most: int, seed: int) -> list[QAPair]:
    """At most so many pairs to compare with, drawn: first those that hold words of the forget pairs, until each of these words is held that can be."""
    order = [pairs[at] for at in np.random.default_rng(seed).permutation(len(pairs))]
    missing = {word for pair in forget for word in _words(pair.question)}
    first: list[QAPair] = []
    others: list[QAPair] = []
    for pair in order:
        own = missing.intersection(_words(pair.question))
        (first if own else others).append(pair)
        missing -= own
    return [*first, *others][:most]


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def carries(question: str, words: Sequence[str]) -> bool:
    """Whether a question has one of these words."""
    return not set(words).isdisjoint(_words(question))


def incomplete(rows: Sequence[Explained]) -> float:
    """Sum of the gaps in percent of the sum of what was to be explained; NaN where that is nothing."""
    total = sum(abs(row.total) for row in rows)
    return 100 * sum(row.gap for row in rows) / total if total else float("nan")


def array(words: Sequence[str], values: dict[str, float]) -> NDArray[np.float32]:
    """Values of some words, 0 of those that have none."""
    return np.array([values.get(word, 0.0) for word in words], np.float32)
