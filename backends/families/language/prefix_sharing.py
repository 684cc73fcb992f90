"""Quick reading of plain language models: shared beginnings are read once, ended answers are not carried on.

Seven answers to one question share the question, and most of them share words after it: they are read as one tree, in which
a token sees only the tokens on its way to the root. What a chat template writes before every question is read once for all
of them, and words are guessed only where somebody has to predict. The numbers are those of reading each answer by itself.
Only `plain` models are read so; `logits`, `likelihoods` and `answers` of texts.py decide.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .caches import handing

TOKENS = 1024  # of a batch; more at once no longer fits into a processor's cache
SHARED = 8  # tokens that all rows begin with are read once where they are as many
CLOSE = 1e-3  # nats; the two ways of reading differ by less than this, or the model is not read as trees
QUICK = "reads_quickly"  # of a model: whether the quick ways were found to give the numbers of the plain one (text_trial.py)
HARMLESS = {
    "transformers_version", "bos_token_id", "eos_token_id", "pad_token_id", "max_length", "max_new_tokens", "use_cache",
    "do_sample", "temperature", "top_p", "top_k", "min_p", "typical_p", "output_attentions", "output_hidden_states",
    "return_dict_in_generate", "_from_model_config",
}  # fmt: skip


def plain(model: Any) -> bool:
    """Whether the model is an architecture of transformers and nothing more: no guard, no replaced forward or generate, no
    hooks, no state but keys and values, and no rules for answers that change what is most likely."""
    if not type(model).__module__.startswith("transformers.models.") or not getattr(model, QUICK, True):
        return False
    if hasattr(model, "guard") or any(name.startswith("guard") for name, _ in model.named_children()):
        return False
    if getattr(model, "_is_stateful", False) or {"forward", "generate"} & vars(model).keys():
        return False
    hooks = (one for part in model.modules() for one in (part._forward_hooks, part._forward_pre_hooks))
    if any(not hook.__module__.startswith("transformers.") for hook_table in hooks for hook in hook_table.values()):
        return False
    settings = model.generation_config.to_diff_dict()
    return all(name in HARMLESS or value in (None, False) for name, value in settings.items())


def opening(rows: Sequence[list[int]], most: int) -> int:
    """How many tokens all rows begin with, at most `most`; 0 where they are too few, or one row's only."""
    count = 0
    if len(rows) > 1:
        first, last = min(rows), max(rows)  # what these two share, those between them share too
        while count < most and first[count] == last[count]:
            count += 1
    return count if count >= SHARED else 0


def windowed(model: Any) -> bool:
    """Whether a layer sees only the last few words, so that what stands between a beginning and the rest takes up places."""
    from transformers import DynamicCache

    return any(DynamicCache(config=model.config).is_sliding)


def opened(model: Any, tokens: Sequence[int]) -> Any:
    """Keys and values of tokens that every row begins with, as of one row; see `spread`. None of no tokens."""
    from transformers import DynamicCache

    if not tokens:
        return None
    cache = DynamicCache(config=model.config)
    ids = torch.tensor([tokens], device=model.device)
    model(input_ids=ids, use_cache=True, logits_to_keep=1, **handing(model, cache))
    return cache


def spread(cache: Any, rows: int) -> Any:
    """The keys and values of one row for several; the given ones stay as they are."""
    if cache is None:
        return None
    repeated = copy.copy(cache)
    repeated.layers = [copy.copy(layer) for layer in cache.layers]
    repeated.batch_repeat_interleave(rows)
    return repeated


def tail(model: Any, ids: Tensor, mask: Tensor, early: int, *, share: bool = True) -> Tensor:
    """Logits of a plain model at the places from `early` on [n, length - early, words], of rows padded on the right.

    Gradients flow through the shared beginning as through the rest. `share`: read it once for all rows.
    """
    count = opening(ids.tolist(), min(early, int(mask.sum(1).min()) - 1)) if share else 0
    cache = spread(opened(model, ids[0, :count].tolist()), len(ids))
    output = model(
        input_ids=ids[:, count:], attention_mask=mask, use_cache=cache is not None,
        logits_to_keep=ids.shape[1] - early, **handing(model, cache),
    )  # fmt: skip
    logits: Tensor = output.logits
    return logits


@dataclass
class Tree:
    """Tokens of several rows that begin alike.

    Attributes:
        tokens, depths: of each token that another one follows.
        above: for each, the tokens on its way to the root, itself with them.
        steps: (row, token it follows, the token that has to be predicted).
    """

    tokens: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    above: list[list[int]] = field(default_factory=list)
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    _index: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, row: int, ids: Sequence[int], quiet: int) -> None:
        """A row, whose first `quiet` tokens nobody has to predict."""
        at = -1
        for depth, token in enumerate(ids):
            if depth >= max(quiet, 1):
                self.steps.append((row, at, token))
            if depth < len(ids) - 1:
                at = self._child(at, token, depth)

    def _child(self, at: int, token: int, depth: int) -> int:
        if (at, token) not in self._index:
            self._index[at, token] = len(self.tokens)
            self.above.append([*(self.above[at] if at >= 0 else []), len(self.tokens)])
            self.tokens.append(token)
            self.depths.append(depth)
        return self._index[at, token]


def grown(rows: Sequence[Sequence[int]], quiet: Sequence[int]) -> list[Tree]:
    """A tree for every beginning that nobody has to predict, the largest tree first."""
    trees: dict[tuple[int, ...], Tree] = {}
    for row, (ids, count) in enumerate(zip(rows, quiet, strict=True)):
        trees.setdefault(tuple(ids[:count]), Tree()).add(row, ids, count)
    return sorted((tree for tree in trees.values() if tree.steps), key=lambda tree: -len(tree.tokens))


@torch.no_grad()
def nll_and_greedy(model: Any, trees: Sequence[Tree], count: int) -> tuple[Tensor, Tensor]:
    """(negative log-likelihood of each of the `count` rows in nats, summed over its tokens; whether each of its tokens is the
    likeliest, so that the greedy answer is this one), both [count], on the CPU."""
    nll, wrong = torch.zeros(count), torch.zeros(count)
    early = min((place for tree in trees for _, place, _ in tree.steps), default=0)
    shared = 0 if windowed(model) else opening([tree.tokens for tree in trees], early)
    cache = opened(model, trees[0].tokens[:shared]) if shared else None
    first = 0
    while first < len(trees):
        rows = max(1, TOKENS // max(1, len(trees[first].tokens)))
        part = trees[first : first + rows]
        owners = torch.tensor([row for tree in part for row, _, _ in tree.steps])
        lost, likeliest = _steps(model, part, shared, spread(cache, len(part)))
        nll.index_add_(0, owners, lost.cpu())
        wrong.index_add_(0, owners, (~likeliest).float().cpu())
        first += rows
    return nll, wrong == 0


def _steps(model: Any, trees: Sequence[Tree], shared: int, cache: Any) -> tuple[Tensor, Tensor]:
    """(nats of every step of every tree, whether its token is the likeliest), in their order; the first `shared` tokens of
    each tree are in the cache."""
    length = max(len(tree.tokens) for tree in trees)
    ids = torch.zeros(len(trees), length, dtype=torch.long)
    depths = torch.zeros_like(ids)
    visible = torch.eye(length, dtype=torch.bool).repeat(
        len(trees), 1, 1
    )  # padding sees itself, so that no row is empty
    for at, tree in enumerate(trees):
        ids[at, : len(tree.tokens)] = torch.tensor(tree.tokens)
        depths[at, : len(tree.tokens)] = torch.tensor(tree.depths)
        ways = [(token, other) for token, way in enumerate(tree.above) for other in way]
        visible[at][tuple(torch.tensor(ways).T)] = True
    mask = (
        torch.zeros(visible.shape)
        .masked_fill(~visible, torch.finfo(torch.float32).min)
        .to(model.dtype)[:, None, shared:]
    )
    steps = [(at, place, token) for at, tree in enumerate(trees) for _, place, token in tree.steps]
    tree_at, place, token = torch.tensor(steps).to(model.device).unbind(1)
    early = int(place.min())
    output = model(
        input_ids=ids[:, shared:].to(model.device), attention_mask=mask.to(model.device), use_cache=cache is not None,
        position_ids=depths[:, shared:].to(model.device), logits_to_keep=length - early, **handing(model, cache),
    ).logits  # fmt: skip
    positions, which = torch.unique(torch.stack((tree_at, place - early)), dim=1, return_inverse=True)
    logs = output[positions[0], positions[1]].float().log_softmax(-1)
    return -logs[which, token], logs.argmax(-1)[which] == token


@torch.no_grad()
def greedy(
    model: Any,
    ids: Tensor,
    mask: Tensor,
    most: int,
    end: int,
    pad: int,
    each: Callable[[Tensor], None] | None = None,
    temperature: float = 0.0,
) -> Tensor:
    """Greedy answers [n, at most `most`] to prompts padded on the left; after its end a row holds `pad`.

    Rows that have ended leave the batch with their keys and values. `each` is called at every step with the tokens of the
    first row so far; what it raises ends the answers. With a `temperature` above 0 tokens are drawn from all words.
    """
    from transformers import DynamicCache

    generated = torch.full((len(ids), most), pad, device=ids.device)
    going = torch.arange(len(ids), device=ids.device)
    rows = [row[kept_tokens.bool()].tolist() for row, kept_tokens in zip(ids, mask, strict=True)]
    shared = 0 if windowed(model) else opening(rows, min(map(len, rows), default=1) - 1)
    cache = spread(opened(model, rows[0][:shared]), len(ids)) if shared else DynamicCache(config=model.config)
    padded = (mask == 0).sum(1, keepdim=True)
    ids = ids[:, shared:]  # a row's padding is as long as before, over tokens of its beginning where there was none
    mask = torch.cat(
        (mask.new_ones(len(mask), shared), (torch.arange(ids.shape[1], device=ids.device) >= padded) * 1), 1
    )
    places = (mask.cumsum(1) - 1).clamp(min=0)[:, shared:]
    for step in range(most):
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            use_cache=True,
            logits_to_keep=1,
            **handing(model, cache),
        ).logits[:, -1]
        ids = _drawn(output, temperature) if temperature else output.argmax(-1, keepdim=True)
        generated[going, step] = ids[:, 0]
        if each is not None:
            each(generated[0, : step + 1])
        on = (ids[:, 0] != end).nonzero()[:, 0]
        if not len(on):
            break
        if len(on) < len(going):
            cache.batch_select_indices(on)
            going, ids, mask, places = going[on], ids[on], mask[on], places[on]
        mask = torch.cat((mask, mask.new_ones(len(mask), 1)), 1)
        places = places[:, -1:] + 1
    return generated


def _drawn(logits: Tensor, temperature: float) -> Tensor:
    """A token of each row, drawn from torch's own random numbers, [n, 1]."""
    return torch.multinomial((logits.float() / temperature).softmax(-1), 1)
