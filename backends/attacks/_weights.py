"""Weights as the attacks on them see them: the matrices of a model, and how a copy of them is put in place."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn


def matrices(model: nn.Module) -> dict[str, nn.Parameter]:
    """Weights of linear and convolution layers by name, each once; norms, biases and embeddings are left out."""
    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    embedded = {id(layer.weight) for layer in model.modules() if isinstance(layer, nn.Embedding)}
    found: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    for name, weight in model.named_parameters():
        owner = model.get_submodule(name.rpartition(".")[0]) if "." in name else model
        fits = (isinstance(owner, kinds) or weight.ndim == 3) and name.endswith(("weight", "proj"))
        if weight.ndim > 1 and fits and id(weight) not in embedded | seen:
            seen.add(id(weight))
            found[name] = weight
    return found


@torch.no_grad()
def altered(model: nn.Module, change: Callable[[str, Tensor], Tensor]) -> nn.Module:
    """The same model, its matrices replaced by what `change` makes of each name and weight."""
    for name, weight in matrices(model).items():
        weight.copy_(change(name, weight))
    return model


def states(model: nn.Module, changes: Sequence[Callable[[str, Tensor], Tensor]]) -> Iterator[nn.Module]:
    """The model as it is with each change in turn, every one made on the weights that it came with."""
    original = {name: weight.detach().clone() for name, weight in matrices(model).items()}
    for change in changes:
        yield altered(model, lambda name, _, change=change: change(name, original[name]))  # type: ignore[misc]
