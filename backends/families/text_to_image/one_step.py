"""A text-to-image model that was made to draw in one step carries the time step at which it does."""

import torch
from torch import Tensor, nn

ONE_STEP = "one_step_at"


def attach_found(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Have the model drawn in one step where saved tensors say at which."""
    if ONE_STEP in tensors and not hasattr(model, ONE_STEP):
        attach_one_step(model, int(tensors[ONE_STEP]))


def attach_one_step(model: nn.Module, at: int) -> nn.Module:
    """Have the model drawn by `Pipeline.one_step` at time step `at`: the buffer `one_step_at`, an int64 of no dimension.

    It is kept with the tensors that a method changed, so an opened run draws as its job did.
    """
    model.register_buffer(ONE_STEP, torch.tensor(at, device=next(model.parameters()).device))
    return model
