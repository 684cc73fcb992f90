"""What methods share that lead the states inside a language model elsewhere: reading them, and how far they are from a goal."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.errors import BadInput
from ..models.texts import Texts

LAYERS = ("layers", "h")  # where architectures keep their decoder layers


def apart(here: Tensor, there: Tensor, mask: Tensor) -> Tensor:
    """Mean squared distance over tokens and dimensions of states [n, length, d] from others or one vector [d]; mask [n, length]."""
    each = F.mse_loss(here.float(), there.float().expand_as(here), reduction="none").mean(-1)
    return (each * mask).sum() / mask.sum()


def direction(width: int) -> Tensor:
    """A random unit vector [width] with entries drawn from 0 to 1 and then scaled; no entry is negative."""
    return F.normalize(torch.rand(width), dim=0)


class _Reached(Exception):
    """Ends a pass: the layers above are not needed."""


def states(model: Any, texts: Texts, layer: int) -> Tensor:
    """What a decoder layer, from 0, hands on: [n, length, d]."""
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _given: Any, said: Any) -> None:
        caught.append(said[0] if isinstance(said, tuple) else said)
        raise _Reached

    handle = decoder_layers(model)[layer].register_forward_hook(catch)
    try:
        model.base_model(input_ids=texts.ids, attention_mask=texts.mask, use_cache=False)
    except _Reached:
        pass
    finally:
        handle.remove()
    return caught[0]


def decoder_layers(model: Any) -> nn.ModuleList:
    """The decoder layers of a model of transformers.

    Raises:
        BadInput: they are not where they are known to be.
    """
    for name in LAYERS:
        found = getattr(model.base_model, name, None)
        if isinstance(found, nn.ModuleList):
            return found
    raise BadInput(
        f"RMU does not find the layers of a {type(model).__name__}; choose a model of the Llama or GPT-2 kind."
    )
