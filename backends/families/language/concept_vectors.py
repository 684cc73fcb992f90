"""Concept vectors: columns of the feed-forward layers that, read as words, spell what a model knows about something.

A feed-forward layer ends in a matrix (`down_proj` of a Llama): each of its hidden units writes one fixed vector, a column,
into the stream of the model. Multiplied with the output embeddings, that vector is a list of words it makes likelier. After
Hong et al., Intrinsic Evaluation of Unlearning Using Parametric Knowledge Traces, 2024 (https://arxiv.org/abs/2406.11614).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ...api.errors import BadInput
from ...api.goals import OTHER as OTHER
from ...api.goals import SAME as SAME
from ...models.low_rank import effective_weight
from .tokens import IGNORED, PromptTokenizer, Texts, nll

Column = tuple[int, int, float]
LAYERS = ("layers", "h", "blocks")  # what architectures call their list of layers
LAST = ("down_proj", "c_proj", "fc2", "dense_4h_to_h", "fc_out")  # and the last matrix of a feed-forward part
NORMS = ("norm", "ln_f", "final_layer_norm", "norm_f")
ROWS = 64


@dataclass(frozen=True)
class Place:
    """A vector: layer and column from 0, and whose it is."""

    layer: int
    column: int
    of: str = ""

    @property
    def name(self) -> str:
        """Both counted from 0, as in the paper and in the names of the weights."""
        return f"layer {self.layer}, column {self.column}"


def feed_forwards(model: Any) -> list[Any]:
    """The feed-forward part of every layer, each with `gate_proj` and `down_proj`.

    Raises:
        BadInput: the model is built otherwise.
    """
    layers = getattr(model.base_model, "layers", [])
    mlps = [getattr(layer, "mlp", None) for layer in layers]
    if not mlps or not all(hasattr(part, "down_proj") and hasattr(part, "gate_proj") for part in mlps):
        raise BadInput(
            f"{type(model).__name__} keeps its feed-forward layers elsewhere; take a model built like Llama "
            "(layers with mlp.gate_proj and mlp.down_proj)."
        )
    return mlps


def writers(model: Any) -> list[Any]:
    """The last matrix of every layer's feed-forward part, gated or plain: what enters it are the hidden units.

    Raises:
        BadInput: the model has no such matrix in every layer, as one whose feed-forward parts are experts.
    """
    base = getattr(model.base_model, "decoder", model.base_model)
    layers: Any = next((block_list for name in LAYERS if (block_list := getattr(base, name, None)) is not None), [])
    last = [_last(getattr(layer, "mlp", layer)) for layer in layers]
    if not last or any(one is None for one in last):
        raise BadInput(
            f"{type(model).__name__} has no feed-forward columns to look at; take a model with one feed-forward part a layer, "
            "built like Llama or GPT-2."
        )
    return last


def _last(part: Any) -> Any:
    return next((matrix for name in LAST if (matrix := getattr(part, name, None)) is not None), None)


def by_column(writer: Any, tensor: Tensor) -> Tensor:
    """A tensor like a writer's weight, seen column by column [columns, d]; what is written into it is written into the weight.

    GPT-2 stores the weight the other way round than a linear layer.
    """
    return tensor if type(writer).__name__ == "Conv1D" else tensor.T


def columns(model: Any, layer: int) -> Tensor:
    """The vectors of one layer [columns, d], float32."""
    return effective_weight(writers(model)[layer]).T.float()


def vectors(model: Any, places: Sequence[Place]) -> Tensor:
    """The vectors at some places [n, d], float32; one layer is held at a time."""
    last, by_place = writers(model), {}
    for layer in {place.layer for place in places}:
        weight = effective_weight(last[layer])
        for place in places:
            if place.layer == layer:
                by_place[place] = weight[:, place.column].float()
    return torch.stack([by_place[place] for place in places])


def checked(model: Any, places: Iterable[Place]) -> list[Any]:
    """The model's writers, if it has all these vectors.

    Raises:
        BadInput: it lacks one.
    """
    last = writers(model)
    for place in places:
        if not 0 <= place.layer < len(last):
            raise BadInput(f"There is no layer {place.layer}; the model has layers 0 to {len(last) - 1}.")
        width = len(columns(model, place.layer))
        if not 0 <= place.column < width:
            raise BadInput(f"Layer {place.layer} has no column {place.column}; it has columns 0 to {width - 1}.")
    return last


# --- what a vector spells


def _head(model: Any) -> Tensor:
    """Output embeddings with the scale of the final norm in them [words, d], as it would be on the way out."""
    base = getattr(model.base_model, "decoder", model.base_model)
    norm = next((final for name in NORMS if (final := getattr(base, name, None)) is not None), None)
    scale: Tensor | None = getattr(norm, "weight", None)
    head: Tensor = model.get_output_embeddings().weight.detach().float()
    return head if scale is None else head * scale.detach().float()


@torch.no_grad()
def spelled(model: Any, some: Tensor) -> Tensor:
    """Logits [n, words] of vectors [n, d]: how much each makes every word likelier."""
    return some @ _head(model).T


@torch.no_grad()
def first_words(model: Any, places: Sequence[Place], count: int) -> NDArray[np.int64]:
    """The first tokens that each vector spells, by its own model, strongest first [n, count]."""
    token_scores = spelled(model, vectors(model, places))
    return token_scores.topk(min(count, token_scores.shape[1])).indices.cpu().numpy()


def jaccard(one: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Shared over either, 0..1."""
    return len(set(one.tolist()) & set(other.tolist())) / len(set(one.tolist()) | set(other.tolist()))


def word(reader: PromptTokenizer, token: int) -> str:
    """A token as a page shows it."""
    return str(reader.tokenizer.decode([token])).strip() or "␣"


# --- finding them


def tokens(reader: PromptTokenizer, words: Sequence[str]) -> Tensor:
    """The tokens that words are made of [k], each once, as they are written inside a sentence.

    Raises:
        BadInput: no word is given.
    """
    token_ids = {token for word in words if word.strip() for token in _inside(reader, word.strip())}
    if not token_ids:
        raise BadInput(f"The words {list(words)!r} hold no token; name at least one word of what is looked for.")
    return torch.tensor(sorted(token_ids))


def _inside(reader: PromptTokenizer, word: str) -> list[int]:
    return list(reader.tokenizer(f" {word}", add_special_tokens=False).input_ids)


@torch.no_grad()
def scores(model: Any, token_sets: Sequence[Tensor]) -> list[Tensor]:
    """How much every column spells each set of tokens: for each set [layers, columns].

    Score: mean logit of the tokens, in standard deviations over the whole vocabulary, so that long columns do not win by
    their length. Mean and deviation come from the moments of the output embeddings, so no logit of another word is computed.
    """
    head = _head(model)
    middle = head.mean(0)
    spread = torch.cov(head.T).double()
    aims = torch.stack([head[some.to(head.device)].mean(0) - middle for some in token_sets]).double()
    by_layer = []
    for layer in range(len(writers(model))):
        own = columns(model, layer).double()
        deviation = ((own @ spread) * own).sum(1).clamp(min=0).sqrt().clamp(min=1e-12)
        by_layer.append((own @ aims.T).T / deviation)
    return list(torch.stack(by_layer, 1).float().cpu())


def find_each(model: Any, reader: PromptTokenizer, concepts: Iterable[Sequence[str]], top: int) -> list[list[Column]]:
    """For each concept, the columns that spell its words most: (layer, column, score), best first.

    The paper ranks by mean logit of a column's first words and has people and GPT-4 pick the concepts; here the words are
    given.

    Args:
        model: a causal language model.
        reader: its tokenizer.
        concepts: words of each, as in [["Paris", "Eiffel Tower"]].
        top: how many columns of each; fewer where there are not so many.

    Raises:
        BadInput: no word, or a model without such columns.
    """
    token_sets = [tokens(reader, words) for words in concepts]
    return [_best(score, top) for score in (scores(model, token_sets) if token_sets else [])]


def find(model: Any, reader: PromptTokenizer, words: Sequence[str], top: int) -> list[Column]:
    """`find_each` of one concept."""
    return find_each(model, reader, [words], top)[0]


def concepts(pairs: Iterable[Any]) -> dict[str, list[str]]:
    """Words of each person or thing that question pairs are about: its name and the facts that are asked for, else the answers."""
    words_of: dict[str, list[str]] = {}
    answered: dict[str, list[str]] = {}
    for pair in pairs:
        words_of.setdefault(pair.about, [pair.about]).append(pair.value)
        answered.setdefault(pair.about, []).append(pair.answer)
    return {name: words if any(map(str.strip, words)) else answered[name] for name, words in words_of.items()}


def spelling_vectors(
    model: Any, reader: PromptTokenizer, words_of: Mapping[str, Sequence[str]], count: int
) -> list[Place]:
    """At most `count` vectors that spell some concepts most, each once: of every concept the first, then the second, and so on.

    Args:
        model: a causal language model.
        reader: its tokenizer.
        words_of: words by concept.
        count: how many at most.

    Raises:
        BadInput: no word, or a model without such columns.
    """
    best = [
        (rank, -score, Place(layer, column, name))
        for name, best_columns in zip(words_of, find_each(model, reader, words_of.values(), count), strict=True)
        for rank, (layer, column, score) in enumerate(best_columns)
    ]
    places: dict[tuple[int, int], Place] = {}
    for _, _, place in sorted(best, key=lambda one: one[:2]):
        places.setdefault((place.layer, place.column), place)
    return list(places.values())[:count]


def attributed_columns(model: Any, texts: Texts, top: int) -> list[Column]:
    """The columns that answers lean on most: (layer, column, score), best first.

    Score: the nats that the answers would lose without the column, to first order: minus hidden unit times the gradient of
    their summed negative log-likelihood, over all positions. What a column spells plays no part.

    Args:
        model: a causal language model.
        texts: questions with their answers.
        top: how many columns; fewer where there are not so many.

    Raises:
        BadInput: a model without such columns.
    """
    hidden_units: list[Tensor] = []

    def keep(_: Any, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden_units.append(inputs[0] if inputs[0].requires_grad else inputs[0].detach().requires_grad_())
        return (hidden_units[-1], *inputs[1:])

    hooks = [writer.register_forward_pre_hook(keep) for writer in writers(model)]
    try:
        with torch.enable_grad():
            lost = nll(model, texts.to(model.device))[0].sum()
            slopes = torch.autograd.grad(lost, hidden_units)
    finally:
        for hook in hooks:
            hook.remove()
    parts = [
        -(hidden * slope).flatten(0, -2).sum(0).detach().cpu()
        for hidden, slope in zip(hidden_units, slopes, strict=True)
    ]
    return _best(torch.stack(parts), top)


def _best(score: Tensor, top: int) -> list[Column]:
    """(layer, column, score) of the highest scores [layers, columns]."""
    width = score.shape[1]
    best = score.flatten().nan_to_num(nan=-torch.inf).topk(min(top, score.numel()))
    return [
        (int(at) // width, int(at) % width, float(much)) for at, much in zip(best.indices, best.values, strict=True)
    ]


def random_places(model: Any, places: Sequence[Place]) -> list[Place]:
    """For each vector another column of its layer, not among them, the same ones each time."""
    rng, used = np.random.default_rng(0), {(place.layer, place.column) for place in places}
    places_drawn = []
    for place in places:
        order = (int(at) for at in rng.permutation(len(columns(model, place.layer))))
        column = next((at for at in order if (place.layer, at) not in used), place.column)
        used.add((place.layer, column))
        places_drawn.append(Place(place.layer, column))
    return places_drawn


# --- at work


@torch.no_grad()
def _hidden_units(model: Any, texts: Texts, places: Sequence[Place]) -> Iterator[tuple[Texts, Tensor]]:
    """Some texts at a time, and the hidden unit of each place at each of their tokens [texts, length, n], float32."""
    order = sorted(range(len(places)), key=lambda at: places[at].layer)
    by_layer = {layer: [places[at].column for at in own] for layer, own in groupby(order, lambda at: places[at].layer)}
    parts, units_by_layer = writers(model), dict[int, Tensor]()

    def keep(layer: int, inputs: tuple[Tensor, ...]) -> None:
        units_by_layer[layer] = inputs[0][..., by_layer[layer]].float()

    hooks = [
        parts[layer].register_forward_pre_hook(lambda _, inputs, layer=layer: keep(layer, inputs)) for layer in by_layer
    ]
    back = torch.tensor(order).argsort()
    try:
        for rows in torch.arange(len(texts)).split(ROWS):
            batch = texts[rows].to(model.device)
            model(input_ids=batch.ids, attention_mask=batch.mask)
            # some models flatten texts, and a guard may have put words before them
            units = [units_by_layer[layer].reshape(len(batch), -1, len(by_layer[layer])) for layer in by_layer]
            yield batch, torch.cat(units, -1)[:, -batch.ids.shape[1] :, back.to(model.device)]
    finally:
        for hook in hooks:
            hook.remove()


def activity(model: Any, texts: Texts, places: Sequence[Place]) -> NDArray[np.float64]:
    """Mean |hidden unit| of each place over the answers' tokens [n]."""
    total, count = np.zeros(len(places)), 0
    for batch, units in _hidden_units(model, texts, places):
        predicting = F.pad(batch.labels[:, 1:] != IGNORED, (0, 1))  # a token is said from the position before it
        count += int(predicting.sum())
        total += units[predicting].abs().sum(0).double().cpu().numpy()
    return total / max(count, 1)


def activations(model: Any, texts: Texts, places: Sequence[Place]) -> NDArray[np.float32]:
    """The hidden unit of each place at each token, with its sign [n, texts, length]; NaN where there is no token."""
    every = np.full((len(places), *texts.ids.shape), np.nan, np.float32)
    row = 0
    for batch, units in _hidden_units(model, texts, places):
        length = batch.ids.shape[1]
        measured = units.masked_fill(batch.mask[..., None] == 0, torch.nan)
        every[:, row : row + len(batch), :length] = measured.permute(2, 0, 1).cpu().numpy()
        row += len(batch)
    return every


@contextmanager
def scaled_vectors(model: Any, places: Sequence[Place], strength: float = 0.0) -> Iterator[None]:
    """The model with some vectors adding only `strength` times what they would, its weights untouched: 0 switches them off.

    Raises:
        BadInput: the model has no such vector.
    """
    parts = checked(model, places)
    hooks = []
    for layer in {place.layer for place in places}:
        mine = [place.column for place in places if place.layer == layer]

        def scaled(_: Any, inputs: tuple[Tensor, ...], mine: list[int] = mine) -> tuple[Tensor, ...]:
            share = torch.ones_like(inputs[0])
            share[..., mine] = strength
            return (inputs[0] * share, *inputs[1:])

        hooks.append(parts[layer].register_forward_pre_hook(scaled))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
