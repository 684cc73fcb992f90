"""Low-rank layers (LoRA), those of peft: a frozen linear layer with two thin factors beside it that learn.

adapted = beside(model, factors)  # a second body over the same weights
loss = mean_nll(adapted, texts)
loss.backward()
merge(model, adapted)  # the model has learned what the factors learned, and is still one of its own kind

In Lethe's files a layer's factors are `<layer>.down` and `<layer>.up`, whatever peft calls them (`tensors_of`); `take_in` adds
them to the weights of a model that has no such layers. peft is imported where layers are made: no other job on a language model
loads it.
"""

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

if TYPE_CHECKING:
    from peft import LoraConfig

EPSILON = 1e-5  # keeps FILA's quotients finite
SCALE = 2  # of what the factors add; LoRA's alpha is then twice the rank
DOWN, UP = ".down", ".up"
ADAPTER = "default"  # what peft calls the only adapter of a layer
PEFT_NAMES = {
    f".lora_A.{ADAPTER}.weight": DOWN,
    f".lora_B.{ADAPTER}.weight": UP,
    ".base_layer.weight": ".weight",
    ".base_layer.bias": ".bias",
}
BODY = "body"  # the name of a body while peft puts layers into it


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

    Both stay what they are whatever the factors learn, and the weights are in memory once. No random numbers are drawn.
    """
    from peft import inject_adapter_in_model

    body = second_body(model)
    # peft translates names for some mixtures of experts; it leaves them alone in a container that is no such model
    container = nn.ModuleDict({BODY: body})
    config = lora_config(container, {f"{BODY}.{name}": factor for name, factor in factors.items()})
    inject_adapter_in_model(config, container, ADAPTER, low_cpu_mem_usage=True)
    for name in thin(factors):
        body.get_submodule(name).train(model.get_submodule(name).training)
    put_in(body, factors)
    return body


def second_body(model: Any) -> Any:
    """A model of its own modules over the very weights of another, none of which can learn."""
    same = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, same).requires_grad_(False)


def lora_config(model: nn.Module, factors: Mapping[str, Tensor]) -> "LoraConfig":
    """peft's description of the layers of a model that have factors, and of how wide these are."""
    from peft import LoraConfig

    ranks = {name: len(factors[name + DOWN]) for name in thin(factors)}
    rank = max(ranks.values())
    narrower = {re.escape(name): width for name, width in ranks.items() if width != rank}
    return LoraConfig(
        r=rank,
        lora_alpha=SCALE * rank,
        rank_pattern=narrower,
        alpha_pattern={name: SCALE * width for name, width in narrower.items()},
        target_modules=list(ranks),
        fan_in_fan_out=any(_turned(model.get_submodule(name)) for name in ranks),
    )


def put_in(body: nn.Module, factors: Mapping[str, Tensor]) -> None:
    """Give layers that peft has made, still without numbers, copies of their factors."""
    for name in thin(factors):
        layer: Any = body.get_submodule(name)
        device = layer.get_base_layer().weight.device
        for part, end in ((layer.lora_A, DOWN), (layer.lora_B, UP)):
            part[ADAPTER].weight = nn.Parameter(factors[name + end].to(device, copy=True))


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """The tensors of a model by the names of Lethe's files: its own, and the factors of its low-rank layers."""
    tensors: dict[str, Tensor] = model.state_dict()
    for layer in low_rank_layers(model):
        for peft_name, name in PEFT_NAMES.items():
            if layer + peft_name in tensors:  # a layer can lack a bias
                tensors[layer + name] = tensors.pop(layer + peft_name)
    return tensors


def effective_weight(layer: Any) -> Tensor:
    """The weight that a linear layer works with [outputs, inputs], the product of its factors included where it is low-rank."""
    if not _is_low_rank(layer):
        return _weight(layer)
    base = layer.get_base_layer()
    change: Tensor = layer.get_delta_weight(ADAPTER).detach()
    return _weight(base) + (change.T if _turned(base) else change)


@torch.no_grad()
def take_out(adapted: nn.Module) -> None:
    """Subtract from the base weights of low-rank layers what their factors add, so that the layers begin as they were without.

    The model whose weights these were keeps its own.
    """
    for layer in low_rank_layers(adapted).values():
        base = layer.get_base_layer()
        base.weight = nn.Parameter(base.weight - layer.get_delta_weight(ADAPTER), requires_grad=False)


@torch.no_grad()
def merge(model: nn.Module, adapted: nn.Module) -> None:
    """Write into the linear layers of a model what those of `adapted`, made by `beside`, do."""
    for name, layer in low_rank_layers(adapted).items():
        _weight(model.get_submodule(name)).copy_(effective_weight(layer))


def low_rank_layers(model: nn.Module) -> dict[str, Any]:
    """The layers of a model that have factors beside them, by name."""
    return {name: layer for name, layer in model.named_modules() if _is_low_rank(layer)}


def _is_low_rank(layer: nn.Module) -> bool:
    """Whether it is a layer of peft; asked without importing peft."""
    return hasattr(layer, "get_delta_weight")


def thin(tensors: Collection[str]) -> Sequence[str]:
    """Names of the layers whose factors are among some tensors, given by their names."""
    return [name.removesuffix(UP) for name in tensors if name.endswith(UP) and name.removesuffix(UP) + DOWN in tensors]


@torch.no_grad()
def take_in(model: nn.Module, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add to a model's weights the factors among some tensors, as `beside` would use them. Returns the other tensors."""
    left = dict(tensors)
    for name in thin(tensors):
        weight = _weight(model.get_submodule(name))
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
