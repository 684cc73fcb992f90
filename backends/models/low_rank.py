"""Low-rank layers: a frozen linear layer with two thin factors beside it that learn, and can be added to it at the end.

layers = {name: LowRank(model.get_submodule(name), down, up, 2.0) for name, (down, up) in factors.items()}
with inside(model, layers):
    loss = mean_nll(model, texts)
loss.backward()
merge(model, layers)  # the model is again one of its own kind, and has learned what the factors learned

A model too large to be trained whole gets such layers for good: `beside` makes a second body over the same weights, what it
learns is saved as its factors, and `take_in` adds them to a model that has none.
"""

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import AdamW

EPSILON = 1e-5  # keeps FILA's quotients finite
SCALE = 2.0  # of what the factors of `beside` add; LoRA's alpha is then twice the rank
DOWN, UP = ".down", ".up"


class LowRank(nn.Module):
    """y = W x + bias + scale up down x, of which only `down` and `up` learn.

    Attributes:
        down: [rank, inputs].
        up: [outputs, rank].
        base_weight: W [outputs, inputs], the weight less what the factors make at the start, so that the layer starts unchanged.
    """

    base_weight: Tensor
    bias: Tensor | None

    def __init__(self, linear: nn.Module, down: Tensor, up: Tensor, scale: float) -> None:
        """Take the factors out of a layer, which itself is not changed; with `up` zero both hold the same weight."""
        super().__init__()
        self.scale = scale
        self.down, self.up = nn.Parameter(down.clone()), nn.Parameter(up.clone())
        bias = None if linear.bias is None else linear.bias.detach()  # type: ignore[operator]
        self.register_buffer("bias", bias, persistent=False)
        weight = _weight(linear)
        self.register_buffer("base_weight", weight - scale * up @ down if up.any() else weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        return F.linear(x, self.base_weight, self.bias) + self.scale * F.linear(F.linear(x, self.down), self.up)

    @torch.no_grad()
    def weight(self) -> Tensor:
        """The weight of the linear layer that does the same [outputs, inputs]."""
        return self.base_weight + self.scale * self.up @ self.down


def linear_layers(model: nn.Module) -> list[str]:
    """Names of all linear layers but the head."""
    head = model.get_output_embeddings()  # type: ignore[operator]
    return [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear) and layer is not head]


def thin_layers(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Layers that factors can be put beside -> (outputs, inputs): those of `linear_layers`, and GPT-2's kind of them."""
    names = {*linear_layers(model)}
    return {
        name: (_weight(layer).shape[0], _weight(layer).shape[1])
        for name, layer in model.named_modules()
        if name in names or _turned(layer)
    }


def fresh_factors(shapes: Mapping[str, tuple[int, int]], rank: int) -> dict[str, Tensor]:
    """Factors that change nothing yet, as LoRA begins: `down` random, `up` zero. Draws random numbers."""
    factors: dict[str, Tensor] = {}
    for name, (outputs, inputs) in shapes.items():
        width = min(rank, outputs, inputs)
        factors[name + DOWN] = (torch.rand(width, inputs) * 2 - 1) / inputs**0.5
        factors[name + UP] = torch.zeros(outputs, width)
    return factors


def beside(model: Any, factors: Mapping[str, Tensor]) -> Any:
    """A second body over the very weights of a model, with low-rank layers where there are factors; only these can learn.

    Both stay what they are whatever the factors learn, and the weights are in memory once.
    """
    same = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    body = copy.deepcopy(model, same).requires_grad_(False)
    for name in thin(factors):
        layer = model.get_submodule(name)
        down, up = (factors[name + end].to(layer.weight.device) for end in (DOWN, UP))
        low = LowRank(layer, down, torch.zeros_like(up), SCALE).train(layer.training)
        low.up.data.copy_(up)
        body.set_submodule(name, low)
    return body


def thin(tensors: Mapping[str, Tensor]) -> Sequence[str]:
    """Names of the layers whose factors are among some tensors."""
    return [name.removesuffix(UP) for name in tensors if name.endswith(UP) and name.removesuffix(UP) + DOWN in tensors]


@torch.no_grad()
def take_in(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add to a model's weights the factors among some tensors, as `beside` would use them. Returns the other tensors.

    Where the model has low-rank layers itself, their factors are left to be loaded.
    """
    left = dict(tensors)
    for name in thin(tensors):
        layer = model.get_submodule(name)
        if isinstance(layer, LowRank):
            continue
        weight = _weight(layer)
        down, up = (left.pop(name + end).to(weight) for end in (DOWN, UP))
        weight += SCALE * up @ down
    return left


def _turned(layer: nn.Module) -> bool:
    """Whether it is a linear layer that holds its weight as [inputs, outputs]."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, Conv1D)


def _weight(layer: Any) -> Tensor:
    """[outputs, inputs]; what is written into it is written into the layer."""
    weight: Tensor = layer.weight.detach()
    return weight.T if _turned(layer) else weight


@contextlib.contextmanager
def inside(model: nn.Module, layers: Mapping[str, LowRank]) -> Iterator[None]:
    """Within this, the model works with low-rank layers in place of its own; afterwards with its own, as they were."""
    own = {name: model.get_submodule(name) for name in layers}
    try:
        for name, layer in layers.items():
            model.set_submodule(name, layer)
        yield
    finally:
        for name, linear in own.items():
            model.set_submodule(name, linear)


@torch.no_grad()
def merge(model: nn.Module, layers: Mapping[str, LowRank]) -> None:
    """Write into the model's linear layers what the low-rank layers do."""
    for name, layer in layers.items():
        model.get_submodule(name).weight.copy_(layer.weight())  # type: ignore[operator]


def fila(weight: Tensor, forget: Tensor, keep: Tensor, rank: int, scale: float) -> tuple[Tensor, Tensor]:
    """Factors (down [rank, inputs], up [outputs, rank]) in the directions that matter to one set and not to the other.

    The rows of the weight [outputs, inputs] are weighed by r = sqrt(sum over inputs of F_forget / (1e-5 + F_keep)), with F
    the Fisher informations of its entries; of r W the largest `rank` singular directions are taken, and r is divided out.
    Draws random numbers. Source: Cha et al., https://github.com/csm9493/efficient-llm-unlearning.
    """
    rows = (forget / (EPSILON + keep)).sum(1).sqrt()
    left, sizes, right = torch.svd_lowrank(rows[:, None] * weight, q=min(rank, *weight.shape))
    half = (sizes / scale).sqrt()
    return half[:, None] * right.T, left * half / (rows[:, None] + EPSILON)


class SelfSaving(AdamW):
    """AdamW that saves its weights with its state: for weights that are in no model between two steps."""

    def state_dict(self) -> dict[str, Any]:
        """The state of AdamW, with `weights` in their order."""
        return super().state_dict() | {"weights": [weight.detach().clone() for weight in self._weights()]}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back both."""
        for weight, saved in zip(self._weights(), state_dict["weights"], strict=True):
            weight.copy_(saved)
        super().load_state_dict({key: value for key, value in state_dict.items() if key != "weights"})

    def _weights(self) -> list[Tensor]:
        return [weight for group in self.param_groups for weight in group["params"]]
