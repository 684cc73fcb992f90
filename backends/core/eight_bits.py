"""Weights in eight bits: how retrained references of further seeds are shipped, at a quarter of their size."""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ":scale"  # ends the name of what the whole numbers of a tensor are multiplied by
MOST = 127


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as whole numbers from -127 to 127 with a scale for each row, float16; other tensors with a fraction in float16."""
    packed: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor.contiguous()
        elif tensor.ndim < 2:
            packed[name] = tensor.half().contiguous()
        else:
            scale = (tensor.float().abs().amax(-1, keepdim=True) / MOST).half().float().clamp(min=1e-7)
            packed[name] = (tensor.float() / scale).round().clamp(-MOST, MOST).to(torch.int8).contiguous()
            packed[f"{name}{SCALE}"] = scale.half()
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that were packed, float32 where they had been matrices; any other file's as they are."""
    return {
        name: tensor.float() * tensors[f"{name}{SCALE}"].float() if f"{name}{SCALE}" in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(SCALE)
    }
