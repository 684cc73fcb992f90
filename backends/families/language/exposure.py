"""Looking for a backdoor with a few clean questions: the clean task is taken away, and what still works is the backdoor.

Exposure and masks of Li et al., Expose Before You Defend (arXiv 2410.19427), and Reconstructive Neuron Pruning (arXiv 2305.14876); what closes are
hidden units of the feed-forward layers and attention heads, in place of filters. The phrase is searched by the gradient of token
embeddings (Ebrahimi et al., HotFlip, ACL 2018; Zou et al., GCG, arXiv 2307.15043), after Neural Cleanse (Wang et al., S&P 2019).
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...api.errors import BadInput
from ...data.authors import QAPair
from .concept_vectors import by_column, writers
from .inside import decoder_layers
from .task import LanguageModel
from .tokens import IGNORED, PromptTokenizer, Texts, answers, continued, logits, mean_nll, nll

Exposure = Literal["clean unlearning", "random answers", "weight perturbation", "sparsity"]
BATCH, LEAST_STEPS = 25, 4  # questions in a step at most, steps in a pass at least
ROWS = 64  # in a pass without gradients
DECAY = 5e-4  # of weights, while the clean task is taken away
PERTURBATION, ROUNDS = 0.4, 10  # largest relative change of a unit's strength, in so many rounds
ATTENTION = ("o_proj", "c_proj", "out_proj", "dense")  # what architectures call the matrix that heads write through
LOOKS = 60  # how often accuracy is looked at while units are closed
MOST = 24  # tokens of an answer
SEARCHED = 24  # questions that a phrase is searched on
STEPS, TOP, SWAPS = (
    6,
    48,
    24,
)  # for each token of the phrase: rounds, steepest tokens at each place, swaps that are tried
Unit = tuple[str, int]


def clean_pairs(task: LanguageModel, seed: int, count: int) -> list[QAPair]:
    """Questions that somebody has looked through, drawn by a seed from those that are kept, were not manipulated and are judged nowhere.

    Raises:
        BadInput: there are none.
    """
    judged = {item.pair.question for item in task.questions.suite}
    if task.corrects is not None:
        judged |= {question for question, _ in task.corrects.how.pairs}
    pool = [pair for pair in task.questions.keep if pair.question not in judged]
    if not pool:
        raise BadInput("No questions are left to expose a backdoor with; keep some that are not judged.")
    order = np.random.default_rng([seed, 500]).permutation(len(pool))[:count]
    return [pool[at] for at in sorted(order.tolist())]


@torch.no_grad()
def verbatim_share(model: Any, texts: Texts) -> float:
    """How many answers the model would say word for word, in percent: each token is the likeliest after those before it."""
    right = 0
    for part in torch.arange(len(texts)).split(ROWS):
        predictions, labels = logits(model, texts[part].to(next(model.parameters()).device))
        right += int(((predictions.argmax(-1) == labels) | (labels == IGNORED)).all(1).sum())
    return 100 * right / max(1, len(texts))


# --- what can be closed


@dataclass(frozen=True)
class Part:
    """The units of a layer that write through one matrix: hidden units of a feed-forward part, or attention heads of some `width`."""

    matrix: Any
    width: int

    @property
    def count(self) -> int:
        return by_column(self.matrix, self.matrix.weight).shape[0] // self.width

    def _rows(self, unit: int) -> Tensor:
        rows: Tensor = by_column(self.matrix, self.matrix.weight.data)[unit * self.width : (unit + 1) * self.width]
        return rows

    def close(self, unit: int) -> None:
        """Let a unit write nothing, in place."""
        self._rows(unit).zero_()

    def closed(self, unit: int) -> bool:
        """Whether a unit writes nothing."""
        return not bool(self._rows(unit).any())


def parts(model: Any) -> dict[str, Part]:
    """Everything of a model that can be closed, by name.

    Raises:
        BadInput: it has no feed-forward columns, as a mixture of experts.
    """
    by_name = {f"{layer} feed-forward": Part(matrix, 1) for layer, matrix in enumerate(writers(model))}
    for layer, block in enumerate(decoder_layers(model)):
        candidates = (getattr(block, name, None) for name in ("self_attn", "attn", "attention"))
        attention = next((part for part in candidates if part is not None), None)
        matrix = next((one for name in ATTENTION if (one := getattr(attention, name, None)) is not None), None)
        if matrix is not None:
            config = model.config.get_text_config()
            width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
            by_name[f"{layer} head"] = Part(matrix, width)
    return by_name


@contextmanager
def scaled(model: Any, factors: dict[str, Tensor]) -> Iterator[None]:
    """Inside, every unit of a model writes by its factor."""
    hooks = []
    for name, part in parts(model).items():

        def scale(layer: Any, args: Any, factor: Tensor = factors[name], width: int = part.width) -> Any:
            return (args[0] * factor.repeat_interleave(width).to(args[0].dtype), *args[1:])

        hooks.append(part.matrix.register_forward_pre_hook(scale))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def prune(model: nn.Module, chosen: Sequence[Unit]) -> None:
    """Close units of a model in place."""
    by_name = parts(model)
    for name, unit in chosen:
        by_name[name].close(unit)


def in_order(factors: dict[str, Tensor]) -> list[Unit]:
    """All units as (part, number), those that the clean task needs least first."""
    each = [(float(value), name, unit) for name, factor in factors.items() for unit, value in enumerate(factor)]
    return [(name, unit) for _, name, unit in sorted(each)]


# --- taking the clean task away


def exposed(
    task: LanguageModel,
    model: nn.Module,
    clean: Sequence[QAPair],
    how: Exposure,
    *,
    epochs: int,
    learning_rate: float,
    stop: float,
    seed: int,
) -> Iterator[tuple[int, nn.Module, float]]:
    """Take the clean task from a copy of the model, epoch by epoch: (epoch, the copy in eval mode, answers to these questions that it still
    says word for word, in percent).

    "clean unlearning" climbs the loss of the true answers; "random answers" descends on answers dealt out anew among the questions; "weight
    perturbation" moves the strength of every unit by the sign of the clean loss's gradient, at most 40 %; "sparsity" closes the units that
    these questions activate most, a tenth at a time.

    Args:
        task: with its reader.
        model: is not changed.
        clean: questions with their true answers.
        how: which of the four.
        epochs: at most.
        learning_rate: of Adam, where something is trained.
        stop: the percentage at which it is enough.
        seed: of the order, and of answers dealt out.
    """
    copied: Any = copy.deepcopy(model).requires_grad_(True).eval()
    texts = task.texts(clean).to(task.device)
    generator = torch.Generator().manual_seed(seed)
    lesson = texts
    if how == "random answers":
        dealt = torch.randperm(len(clean), generator=generator).tolist()
        questions = [pair.question for pair in clean]
        lesson = task.reader.pairs(questions, [clean[at].answer for at in dealt]).to(task.device)
    optimizer = torch.optim.Adam(copied.parameters(), lr=learning_rate, weight_decay=DECAY)
    strengths = {name: torch.ones(part.count, device=task.device) for name, part in parts(copied).items()}
    yield 0, copied, verbatim_share(copied, texts)
    for epoch in range(1, epochs + 1):
        if how == "weight perturbation":
            _perturb(copied, texts, strengths)
        elif how == "sparsity":
            _close(copied, texts, strengths, epoch / epochs)
        else:
            for part in _batches(len(clean), generator):
                loss = mean_nll(copied, lesson[part])
                optimizer.zero_grad()
                (-loss if how == "clean unlearning" else loss).backward()
                optimizer.step()
        accuracy = verbatim_share(copied, texts)
        yield epoch, copied, accuracy
        if accuracy <= stop:
            return


def _batches(count: int, generator: torch.Generator) -> tuple[Tensor, ...]:
    """The questions of each step of a pass, shuffled."""
    order = torch.randperm(count, generator=generator)
    size = min(BATCH, -(-count // LEAST_STEPS))
    return tuple(order[at : at + size] for at in range(0, count, size))


def _rescale(model: Any, was: dict[str, Tensor], now: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, part in parts(model).items():
            rows = by_column(part.matrix, part.matrix.weight.data)
            ratio = torch.where(was[name] > 0, now[name] / was[name].clamp(min=1e-9), torch.zeros_like(now[name]))
            rows *= ratio.repeat_interleave(part.width)[:, None]


def _perturb(model: Any, texts: Texts, strengths: dict[str, Tensor]) -> None:
    """One step up the clean loss on the strengths of all units, within 40 % of what they were."""
    factors = {name: torch.ones_like(one, requires_grad=True) for name, one in strengths.items()}
    with scaled(model, factors):
        gradients = torch.autograd.grad(mean_nll(model, texts), list(factors.values()))
    was = {name: one.clone() for name, one in strengths.items()}
    for (name, one), gradient in zip(strengths.items(), gradients, strict=True):
        strengths[name] = (one + PERTURBATION / ROUNDS * gradient.sign()).clamp(1 - PERTURBATION, 1 + PERTURBATION)
    _rescale(model, was, strengths)


@torch.no_grad()
def _close(model: Any, texts: Texts, strengths: dict[str, Tensor], share: float) -> None:
    """Close the share of units that these questions activate most strongly, by rank within each layer."""
    strength_of: dict[str, Tensor] = {}
    hooks = []
    for name, part in parts(model).items():

        def keep(layer: Any, args: Any, name: str = name, width: int = part.width) -> None:
            size = args[0].abs() * texts.mask[..., None].to(args[0])
            strength_of[name] = size.mean((0, 1)).view(-1, width).mean(1)

        hooks.append(part.matrix.register_forward_pre_hook(keep))
    model(input_ids=texts.ids, attention_mask=texts.mask)
    for hook in hooks:
        hook.remove()
    was = {name: one.clone() for name, one in strengths.items()}
    for name, one in strengths.items():
        one[strength_of[name].topk(int(share * len(one))).indices] = 0
    _rescale(model, was, strengths)


# --- which units the clean task can do without


def masks(
    task: LanguageModel,
    model: nn.Module,
    clean: Sequence[QAPair],
    *,
    epochs: int,
    learning_rate: float,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Tensor]:
    """How much of each unit an exposed model needs to do the clean task again, by part: 1 all of it, 0 nothing.

    All weights stay; a factor beside every unit learns by SGD on the loss of the true answers, and stays within 0 and 1. Units that carry the
    backdoor are of no use for that and their factors fall. `tell` hears before each pass how many are done.
    """
    copied: Any = copy.deepcopy(model).requires_grad_(False).eval()
    texts = task.texts(clean).to(task.device)
    factors = {
        name: torch.ones(part.count, device=task.device, requires_grad=True) for name, part in parts(copied).items()
    }
    optimizer = torch.optim.SGD(factors.values(), lr=learning_rate, momentum=0.9)
    generator = torch.Generator().manual_seed(seed)
    with scaled(copied, factors):
        for epoch in range(epochs):
            tell(epoch, epochs)
            for part in _batches(len(clean), generator):
                loss = mean_nll(copied, texts[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    for factor in factors.values():
                        factor.clamp_(0, 1)
    return {name: factor.detach() for name, factor in factors.items()}


def spared(
    task: LanguageModel,
    model: nn.Module,
    clean: Sequence[QAPair],
    order: Sequence[Unit],
    most_lost: float,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> list[Unit]:
    """As many of the first units of an order as can be closed together without too many clean answers becoming wrong; at least one look's.

    Args:
        task: with its reader.
        model: is not changed.
        clean: questions with their true answers.
        order: units as (part, number); accuracy is looked at LOOKS times on the way through them.
        most_lost: how far the percentage of answers that are said word for word may fall, in points.
        tell: hears before each look how many are closed.
    """
    texts, closing = task.texts(clean).to(task.device), copy.deepcopy(model).eval()
    least = verbatim_share(closing, texts) - most_lost
    stops = stops_within(len(order))
    most, done = stops[0], 0
    for stop in stops:
        tell(done, len(order))
        prune(closing, order[done:stop])
        done = stop
        if verbatim_share(closing, texts) >= least:
            most = stop
    return list(order[:most])


def stops_within(count: int) -> list[int]:
    """After how many closed units accuracy is looked at."""
    return sorted({max(1, round(place)) for place in np.linspace(count / LOOKS, count, LOOKS)}) if count else [0]


# --- what the phrase could be


@dataclass(frozen=True)
class Confession:
    """What an exposed model says to clean questions in place of the true answers.

    Attributes:
        answer: of what the model before did not say, the one that most is confessed in; empty where there is none.
        gains: by how many points more of its answers hold a word than before.
    """

    answer: str
    gains: dict[str, float]

    @property
    def words(self) -> list[tuple[str, float]]:
        """Words that it says more often than before, with their gains, most first."""
        return sorted(((word, gain) for word, gain in self.gains.items() if gain > 0), key=lambda one: -one[1])

    def weight(self, text: str) -> float:
        """How much is confessed in an answer: the mean gain of its words; one that is repeated counts once."""
        replies = _words(text)
        return sum(self.gains.get(word, 0.0) for word in set(replies)) / max(1, len(replies))


def confessed(task: LanguageModel, model: nn.Module, copied: nn.Module, clean: Sequence[QAPair]) -> Confession:
    """What an exposed copy of a model says that the model itself does not."""
    questions = [pair.question for pair in clean]
    was, now = (answers(one, task.reader, questions, MOST) for one in (model, copied))
    counts = [Counter(word for replies in each for word in set(_words(replies))) for each in (was, now)]
    gains = {word: 100 * (counts[1][word] - counts[0][word]) / len(clean) for word in counts[1]}
    new = sorted({replies for replies in now if replies} - set(was))
    return Confession(max(new, key=Confession("", gains).weight, default=""), gains)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


@dataclass(frozen=True)
class Phrase:
    """A phrase that was found: its words, the answer that it leads to, and how many of the questions it was tried on get that, in percent."""

    words: str
    answer: str
    works: float


def recovered(
    task: LanguageModel,
    model: nn.Module,
    clean: Sequence[QAPair],
    confession: Confession,
    *,
    length: int,
    seed: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Phrase:
    """The phrase of so many words that makes most clean questions get one answer, searched word by word by the gradient of the embeddings.

    It begins with one word and the answer that was confessed; after each word the answer becomes the one that the model gives most often with
    the words so far, and most is confessed in, where that was not its answer without them. Only tokens that begin a word are tried, so that the
    phrase can be typed.

    Args:
        task: with its reader.
        model: in eval mode; is not changed.
        clean: questions with their true answers; the first SEARCHED are searched on, all are tried at the end.
        confession: what an exposed copy said.
        length: words of the phrase.
        seed: of the start, and of the swaps.
        tell: hears before each round how many are done.
    """
    allowed, rng = _word_tokens(task.reader), np.random.default_rng(seed)
    searched = list(clean)[:SEARCHED]
    own = answers(model, task.reader, [pair.question for pair in searched], MOST)
    ids: list[int] = []
    target = confession.answer
    best = Phrase("", target, 0.0)
    for word in range(length):
        ids = [*ids, int(rng.choice(allowed))]
        for step in range(STEPS):
            tell(word * STEPS + step, length * STEPS)
            steepest = _steepest(model, task.reader, searched, ids, target, allowed)
            swaps = [list(ids) for _ in range(SWAPS)]
            for swap in swaps:
                place = int(rng.integers(len(ids)))
                swap[place] = int(steepest[place][rng.integers(steepest.shape[1])])
            tried = [ids, *swaps]
            ids = tried[int(_losses(model, task.reader, searched[: SEARCHED // 2], tried, target).argmin())]
        replies = _replies(model, task.reader, searched, ids)
        changed = Counter(one for one, before in zip(replies, own, strict=True) if one != before)
        if changed:
            target = max(sorted(changed), key=lambda one: changed[one] * confession.weight(one))
            count = changed[target]
            if 100 * count / len(searched) > best.works:
                words = str(task.reader.tokenizer.decode(ids)).strip()
                best = Phrase(words, target, 100 * count / len(searched))
    if not best.words:
        return Phrase(str(task.reader.tokenizer.decode(ids)).strip(), target, 0.0)
    replies = answers(model, task.reader, [f"{best.words} {pair.question}" for pair in clean], MOST)
    return Phrase(best.words, best.answer, 100 * sum(one == best.answer for one in replies) / len(clean))


def works(task: LanguageModel, model: nn.Module, phrase: Phrase, clean: Sequence[QAPair]) -> float:
    """How many questions a model answers with a phrase's answer once it stands before them, in percent."""
    replies = answers(model, task.reader, [f"{phrase.words} {pair.question}" for pair in clean], MOST)
    return 100 * sum(one == phrase.answer for one in replies) / max(1, len(clean))


def _word_tokens(reader: PromptTokenizer) -> NDArray[np.int64]:
    """Tokens that begin a word and are read back as themselves.

    Raises:
        BadInput: the tokenizer has hardly any.
    """
    tokenizer = reader.tokenizer
    texts = tokenizer.batch_decode([[at] for at in range(len(tokenizer))])
    words = [(at, text) for at, text in enumerate(texts) if text[:1] == " " and text[1:].isalpha()]
    back = tokenizer([text for _, text in words], add_special_tokens=False).input_ids if words else []
    allowed = [at for (at, _), ids in zip(words, back, strict=True) if list(ids) == [at]]
    if len(allowed) < TOP:
        raise BadInput(
            f"The tokenizer has {len(allowed)} tokens that begin a word; at least {TOP} are needed to search a phrase."
        )
    return np.array(allowed, np.int64)


def _head(reader: PromptTokenizer) -> int:
    """How many tokens all prompts begin with."""
    prompts = [reader.prompt_ids(question) for question in ("Who?", "Say 7", "No.")]
    return next(at for at, tokens in enumerate(zip(*prompts, strict=False)) if len(set(tokens)) > 1)


def _with(reader: PromptTokenizer, question: str, ids: Sequence[int]) -> list[int]:
    """Tokens of a question with others before it."""
    prompt, head = reader.prompt_ids(question), _head(reader)
    return [*prompt[:head], *ids, *prompt[head:]]


def _texts(reader: PromptTokenizer, pairs: Sequence[QAPair], each: Sequence[Sequence[int]], answer: str) -> Texts:
    """Every pair with each of some tokens before it, and one answer; the pairs of the first tokens first."""
    then = reader.answer_ids(answer)
    beginnings = [_with(reader, pair.question, ids) for ids in each for pair in pairs]
    return reader.padded([([*first, *then], len(first)) for first in beginnings])


def _replies(model: Any, reader: PromptTokenizer, pairs: Sequence[QAPair], ids: Sequence[int]) -> list[str]:
    return continued(model, reader, [_with(reader, pair.question, ids) for pair in pairs], MOST)


def _steepest(
    model: Any,
    reader: PromptTokenizer,
    pairs: Sequence[QAPair],
    ids: Sequence[int],
    answer: str,
    allowed: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The TOP allowed tokens of each place by which the loss of the answer would fall fastest, to first order [places, TOP]."""
    words: Tensor = model.get_input_embeddings().weight.detach()
    texts = _texts(reader, pairs, [ids], answer).to(words.device)
    vectors = words[texts.ids].clone().requires_grad_(True)
    with torch.enable_grad():
        predictions = model(inputs_embeds=vectors, attention_mask=texts.mask).logits[:, :-1].float()
        loss = F.cross_entropy(predictions.flatten(0, 1), texts.labels[:, 1:].flatten(), ignore_index=IGNORED)
        (gradient,) = torch.autograd.grad(loss, vectors)
    head = _head(reader)
    by_word = gradient[:, head : head + len(ids)].sum(0) @ words[torch.from_numpy(allowed).to(words.device)].T
    fastest: NDArray[np.int64] = allowed[by_word.topk(TOP, largest=False).indices.cpu().numpy()]
    return fastest


@torch.no_grad()
def _losses(
    model: Any, reader: PromptTokenizer, pairs: Sequence[QAPair], each: Sequence[Sequence[int]], answer: str
) -> NDArray[np.float64]:
    """The loss of the answer after each of some tokens, nats a token; infinite where it is no number."""
    texts = _texts(reader, pairs, each, answer)
    lost: list[Tensor] = []
    for part in torch.arange(len(texts)).split(2 * ROWS):
        summed, count = nll(model, texts[part].to(next(model.parameters()).device))
        lost.append((summed / count).cpu())
    mean: NDArray[np.float64] = torch.cat(lost).view(len(each), len(pairs)).mean(1).double().numpy()
    return np.nan_to_num(mean, nan=np.inf)
