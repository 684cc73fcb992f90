"""Mixtures of experts: finding routers and experts in a model of transformers, reading which token goes where, and steering it.

In some layers of such a model a router gives each token scores for all experts, and only the k best of them work on it. One
code for OLMoE, Qwen2-MoE and Qwen3-MoE, Mixtral, DeepSeek-V2 and -V3, GPT-OSS, Granite, and whatever else transformers builds
alike: a part with `experts` (weights of all in one tensor, experts first) and beside them a router with `top_k`, which returns
(logits, weights, indices).
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ...api.errors import BadInput
from .tokens import Texts

ROWS = 64
SHARED = ("shared_expert", "shared_experts")


@dataclass(frozen=True)
class MoeLayer:
    """One layer with a router.

    Attributes:
        number: which decoder layer, from 0.
        block: the part that holds router and experts.
        count, top: experts there are, and experts that a token goes to.
    """

    number: int
    block: Any
    count: int
    top: int

    @property
    def router(self) -> Any:
        return _router(self.block)

    @property
    def experts(self) -> Any:
        return self.block.experts

    @property
    def shared(self) -> nn.Module | None:
        """The expert that every token goes to, past the router; None where there is none."""
        return next((getattr(self.block, name) for name in SHARED if hasattr(self.block, name)), None)

    def dense(self, logits: Tensor) -> Tensor:
        """Scores of all experts [tokens, experts] that sum to 1. DeepSeek-V3 scores by sigmoid, all others by softmax."""
        if not hasattr(self.router, "e_score_correction_bias"):
            return logits.float().softmax(-1)
        scores = logits.float().sigmoid()
        return scores / scores.sum(-1, keepdim=True)


def moe_layers(model: Any) -> list[MoeLayer]:
    """The layers that have a router, lowest first; layers without one (DeepSeek's first) are left out.

    Raises:
        BadInput: none has one that can be read.
    """
    layers_with_router = []
    for number, layer in enumerate(getattr(getattr(model, "base_model", model), "layers", [])):
        for block in layer.modules():
            if _router(block) is not None:
                layers_with_router.append(
                    MoeLayer(number, block, len(block.experts.down_proj), int(_router(block).top_k))
                )
                break
    if not layers_with_router:
        raise BadInput(f"This {type(model).__name__} has no router that Lethe can read, and no experts to choose from.")
    return layers_with_router


def _router(block: Any) -> Any:
    """The part of a block that chooses among its experts: beside these, with scores for as many; None where there is none."""
    weights = getattr(getattr(block, "experts", None), "down_proj", None)
    if not isinstance(weights, Tensor) or weights.dim() != 3:
        return None
    for name, part in block.named_children():
        scores = getattr(part, "weight", None)
        if name != "experts" and hasattr(part, "top_k") and isinstance(scores, Tensor) and len(scores) == len(weights):
            return part
    return None


def readable(folder: Path) -> bool:
    """Whether the model in a folder has routers that say (logits, weights, indices), as everything here takes them. Built without
    its weights."""
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
            return all(_speaks(layer) for layer in moe_layers(model))
    except (
        Exception
    ):  # whatever an architecture raises at what it does not know; what is wrong with it is said when it is loaded
        return False


def _speaks(layer: MoeLayer) -> bool:
    outputs = layer.router(torch.zeros(2, layer.router.weight.shape[-1]))
    shapes = [tuple(part.shape) for part in outputs]
    return shapes == [(2, layer.count), (2, layer.top), (2, layer.top)] and not outputs[2].is_floating_point()


def has_experts(model: Any) -> bool:
    """Whether any layer has a router."""
    try:
        return bool(moe_layers(model))
    except BadInput:
        return False


def can_choose(model: Any) -> list[MoeLayer]:
    """The layers whose routing can shift: those that choose fewer experts than there are.

    Raises:
        BadInput: the model has no router, or every token goes to all experts.
    """
    layers = moe_layers(model)
    choosing = [layer for layer in layers if layer.top < layer.count]
    if not choosing:
        raise BadInput(f"Every token goes to all {layers[0].count} experts of this model, so its routing cannot shift.")
    return choosing


def tensors_of(model: Any, what: str) -> set[int]:
    """Which parameters (by `id`) are the routers or the experts, shared ones among them."""
    layers = moe_layers(model)
    if what == "routers":
        parts = [layer.router for layer in layers]
    else:
        parts = [part for layer in layers for part in (layer.experts, layer.shared) if part is not None]
    return {id(weight) for part in parts for weight in part.parameters()}


# --- reading


@dataclass(frozen=True)
class Routing:
    """Routing of tokens, row after row: the experts chosen and their gate scores.

    Attributes:
        chosen: experts of each token, ascending [layers, tokens, k].
        gates: score of each of these, before any renormalisation [layers, tokens, k].
        rows: which text each token is of [tokens].
        places: and its place there [tokens].
        layers: number of each layer.
        count: experts there are.
    """

    chosen: NDArray[np.int64]
    gates: NDArray[np.float32]
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    layers: tuple[int, ...]
    count: int

    def mass(self) -> NDArray[np.float64]:
        """Gate score kept by top-k [layers, experts]: mean over the tokens of a text, then over texts (SEUF's affinity)."""
        texts = np.unique(self.rows, return_inverse=True)[1]
        total = np.zeros((len(self.layers), texts.max() + 1, self.count))
        for layer in range(len(self.layers)):
            for place in range(self.chosen.shape[2]):
                np.add.at(total[layer], (texts, self.chosen[layer, :, place]), self.gates[layer, :, place])
        means: NDArray[np.float64] = (total / np.bincount(texts)[None, :, None]).mean(1)
        return means

    def use(self) -> NDArray[np.float64]:
        """Share of the choices that each expert gets [layers, experts]; rows sum to 1."""
        return np.stack([np.bincount(one.ravel(), minlength=self.count) / one.size for one in self.chosen])

    def assignment(self) -> NDArray[np.bool_]:
        """Which experts each token goes to [layers, tokens, experts]."""
        assignment = np.zeros((*self.chosen.shape[:2], self.count), bool)
        np.put_along_axis(assignment, self.chosen, True, 2)
        return assignment


@contextmanager
def watched(layers: Sequence[MoeLayer], tell: Callable[[int, tuple[Tensor, Tensor, Tensor]], Any]) -> Iterator[None]:
    """Call `tell(at, (logits, weights, indices))` whenever the router of layer `at` of these speaks; what it returns, if
    anything, is what the router says instead."""
    hooks = [
        layer.router.register_forward_hook(lambda _router, _inputs, output, at=at: tell(at, output))
        for at, layer in enumerate(layers)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def read(model: Any, texts: Texts, rows: int = ROWS) -> Routing:
    """Where every token of some texts goes, padding left out.

    Raises:
        BadInput: the model has no router.
    """
    layers = moe_layers(model)
    chosen: list[list[Tensor]] = [[] for _ in layers]
    gates: list[list[Tensor]] = [[] for _ in layers]
    where = texts.mask.bool().cpu()
    here = where

    def keep(at: int, output: tuple[Tensor, Tensor, Tensor]) -> None:
        picked = output[2].sort(-1).values[here.flatten().to(output[2].device)]
        scores = layers[at].dense(output[0])[here.flatten().to(output[0].device)]
        chosen[at].append(picked.cpu())
        gates[at].append(scores.gather(-1, picked).cpu())

    was = model.training
    model.eval()
    try:
        with watched(layers, keep):
            for part in torch.arange(len(texts)).split(rows):
                batch = texts[part]
                here = batch.mask.bool().cpu()
                batch = batch.to(next(model.parameters()).device)
                model.base_model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False)
    finally:
        model.train(was)
    row, place = where.nonzero(as_tuple=True)
    return Routing(
        np.stack([torch.cat(one).numpy() for one in chosen]),
        np.stack([torch.cat(one).float().numpy() for one in gates]),
        row.numpy(),
        place.numpy(),
        tuple(layer.number for layer in layers),
        layers[0].count,
    )


# --- comparing


def same(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a token goes to exactly the same experts; chosen experts, ascending, [layers, tokens, k] -> [layers, tokens]."""
    equal: NDArray[np.bool_] = (before == after).all(-1)
    return equal


def overlap(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """|A and B| / k of the experts of each token [layers, tokens], as SEUF measures the shift."""
    shares: NDArray[np.float64] = (before[..., :, None] == after[..., None, :]).any(-1).mean(-1)
    return shares


def jaccard(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.float64]:
    """|A and B| / |A or B| [layers, tokens]."""
    shared = overlap(before, after) * before.shape[-1]
    shares: NDArray[np.float64] = shared / (2 * before.shape[-1] - shared)
    return shares


def mutual_information(domains: NDArray[Any], chosen: NDArray[np.int64], count: int) -> float:
    """Bits that the expert of a choice tells about its token's domain; domains [tokens], chosen experts [tokens, k]."""
    names, of = np.unique(domains, return_inverse=True)
    joint = np.zeros((len(names), count))
    np.add.at(joint, (np.repeat(of, chosen.shape[1]), chosen.ravel()), 1)
    joint /= joint.sum()
    alone = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / alone[there])).sum())


def by_domain(model: Any, texts: Texts, domains: NDArray[Any]) -> dict[str, Any]:
    """How the experts differ by domain, for a card: `mutual_information` in bits by layer, what it would be at most
    (`domain_entropy`), and each domain's share of choices by layer and expert (`use`). `domains` [texts]."""
    routing = read(model, texts)
    of = domains[routing.rows]
    names = list(dict.fromkeys(domains.tolist()))
    shares = np.array([(of == name).mean() for name in names])
    return {
        "layers": list(routing.layers),
        "mutual_information": [round(mutual_information(of, one, routing.count), 4) for one in routing.chosen],
        "domain_entropy": round(float(-(shares * np.log2(shares)).sum()), 4),
        "use": {
            name: [
                (np.bincount(one[of == name].ravel(), minlength=routing.count) / one[of == name].size).round(3).tolist()
                for one in routing.chosen
            ]
            for name in names
        },
    }


# --- what a run keeps


@torch.no_grad()
def recorded(model: Any, texts: Texts) -> dict[str, NDArray[Any]]:
    """For a run's outputs: `routed` [layers, tokens, k], the experts of each token; `routed_by` [layers], a number that is
    the same in two models where nothing differs that this layer's choice depends on; `routed_of`, experts there are."""
    routing = read(model, texts)
    return {
        "routed": routing.chosen.astype(np.int16),
        "routed_by": np.array([_depends(model, number) for number in routing.layers], np.int64),
        "routed_of": np.array(routing.count),
    }


def _depends(model: Any, number: int) -> int:
    """A hash of every tensor that can change which experts layer `number` chooses: all but later layers, its own experts and
    the way out."""
    digest = hashlib.blake2b(digest_size=8)
    block = next(layer for layer in moe_layers(model) if layer.number == number)
    after = {id(weight) for part in (block.experts, block.shared) if part is not None for weight in part.parameters()}
    head = model.get_output_embeddings()
    after |= {id(weight) for weight in head.parameters()} if head is not None else set()
    after -= {id(weight) for weight in model.get_input_embeddings().parameters()}  # tied: it is the way in, too
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        layer = re.search(r"\.layers\.(\d+)\.", f".{name}")
        late = int(layer[1]) > number if layer else name.rpartition(".")[0].endswith(("model.norm", "rotary_emb"))
        if not late and id(tensor) not in after:
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return int.from_bytes(digest.digest(), "big", signed=True)


# --- steering


@contextmanager
def switched_off(model: Any, experts: Sequence[tuple[int, int]]) -> Iterator[None]:
    """The model with some experts adding nothing, its weights and its routing untouched.

    Args:
        model: with routers.
        experts: (layer as numbered in the model, expert), both from 0.

    Raises:
        BadInput: there is no such layer or expert.
    """
    layers = {layer.number: layer for layer in moe_layers(model)}
    off: dict[int, list[int]] = {}
    for number, expert in experts:
        if number not in layers:
            raise BadInput(f"Layer {number} has no router; those that have are {', '.join(map(str, layers))}.")
        if not 0 <= expert < layers[number].count:
            raise BadInput(f"Layer {number} has no expert {expert}; it has 0 to {layers[number].count - 1}.")
        off.setdefault(number, []).append(expert)
    numbers = list(off)

    def silence(at: int, output: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        removed = torch.isin(output[2], torch.tensor(off[numbers[at]], device=output[2].device))
        return output[0], output[1].masked_fill(removed, 0.0), output[2]

    with watched([layers[number] for number in numbers], silence):
        yield


class Rerouted(nn.Module):
    """A model whose every token goes to the experts that another model of the same build would send it to, with that
    model's weights of them. It is asked as a model of transformers is."""

    def __init__(self, model: Any, other: Any) -> None:
        """`model` speaks, `other` routes.

        Raises:
            BadInput: one has no router, or they are built differently.
        """
        super().__init__()
        ours, theirs = moe_layers(model), moe_layers(other)
        if [(one.number, one.count, one.top) for one in ours] != [(one.number, one.count, one.top) for one in theirs]:
            raise BadInput("The two models have their experts in different layers, so one cannot route for the other.")
        self.model, self.other, self.layers, self.theirs = model, other, ours, theirs
        self.config, self.generation_config = model.config, model.generation_config

    @property
    def device(self) -> torch.device:
        device_of_model: torch.device = next(self.model.parameters()).device
        return device_of_model

    @torch.no_grad()
    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, **inputs: Any) -> Any:
        """Outputs of the model for tokens [n, length], routed by the other; without a cache."""
        inputs |= {"input_ids": input_ids, "attention_mask": attention_mask, "use_cache": False}
        other_routing: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        with watched(self.theirs, lambda at, output: other_routing.__setitem__(at, output)):
            self.other(**inputs)
        with watched(self.layers, lambda at, output: (output[0], *other_routing[at][1:])):
            return self.model(**inputs)

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        max_new_tokens: int,
        eos_token_id: int,
        pad_token_id: int,
        **_: Any,
    ) -> Tensor:
        """Greedy answers after tokens padded on the left [n, length + at most max_new_tokens]."""
        ended = torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)
        for _step in range(max_new_tokens):
            places = (attention_mask.cumsum(1) - 1).clamp(min=0)
            next_ids = self(input_ids, attention_mask, position_ids=places, logits_to_keep=1).logits[:, -1].argmax(-1)
            next_ids = next_ids.masked_fill(ended, pad_token_id)
            input_ids = torch.cat((input_ids, next_ids[:, None]), 1)
            attention_mask = F.pad(attention_mask, (0, 1), value=1)
            ended |= next_ids == eos_token_id
            if ended.all():
                break
        return input_ids
