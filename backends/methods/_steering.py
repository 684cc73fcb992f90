"""Shared by the methods that steer hidden states of a language model: reading them, and their distance from a target."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core import fitting
from ..families.language.inside import decoder_layers
from ..families.language.tokens import Texts


def state_distance(states: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared distance, over tokens and dimensions, of states [n, length, d] from others or from one vector [d]; mask [n, length]."""
    each = F.mse_loss(states.float(), target.float().expand_as(states), reduction="none").mean(-1)
    return (each * mask).sum() / mask.sum()


def random_direction(width: int) -> Tensor:
    """A random unit vector [width] with entries drawn from 0 to 1 and then scaled; no entry is negative."""
    return F.normalize(torch.rand(width), dim=0)


class _LayerReached(Exception):
    """Ends a forward pass: the layers above are not needed."""


def hidden_states(model: Any, texts: Texts, layer: int) -> Tensor:
    """Output of a decoder layer, counted from 0: [n, length, d]."""
    return fitting.in_parts(model, len(texts), lambda rows: _states(model, texts.part(rows), layer))


def _states(model: Any, texts: Texts, layer: int) -> Tensor:
    caught: list[Tensor] = []

    def catch(_module: nn.Module, _arguments: Any, output: Any) -> None:
        caught.append(output[0] if isinstance(output, tuple) else output)
        raise _LayerReached

    handle = decoder_layers(model)[layer].register_forward_hook(catch)
    try:
        model.base_model(input_ids=texts.ids, attention_mask=texts.mask, use_cache=False)
    except _LayerReached:
        pass
    finally:
        handle.remove()
    return caught[0]


def hidden_size(model: Any) -> int:
    """How many numbers a hidden state of a model of transformers has."""
    return int(model.config.hidden_size)
