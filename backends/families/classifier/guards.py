"""Guards: what changes a model's behaviour while its weights stay as they were."""

from typing import Any

import torch
from torch import Tensor, nn

from ...api.errors import BadInput

INPUT_DELTA = "input_delta"


def attach_found(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Attach the vector that saved tensors hold, where the model lacks it."""
    if INPUT_DELTA in tensors and not hasattr(model, INPUT_DELTA):
        attach_input_delta(model, torch.zeros_like(tensors[INPUT_DELTA]))


def attach_input_delta(model: nn.Module, delta: Tensor) -> nn.Module:
    """Add `delta` [channels, height, width], in normalised pixels, to everything the model is shown.

    It becomes the buffer `input_delta`: setting it to zero switches the guard off.
    """
    if hasattr(model, INPUT_DELTA):
        raise BadInput(
            "The model has a filter on its input already, from the run that this one starts from; choose another method, or forget "
            "all of it in one run."
        )
    model.register_buffer(INPUT_DELTA, delta.clone())

    def add(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        kwargs["pixel_values"] = kwargs["pixel_values"] + module.input_delta
        return args, kwargs

    model.register_forward_pre_hook(add, with_kwargs=True)
    return model
