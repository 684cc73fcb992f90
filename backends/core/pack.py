"""Nested Python state (dicts, lists, numbers, tensors, arrays) as one safetensors file: no pickle is ever written or read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from ..api.files import write_bytes


def to_bytes(state: Any) -> bytes:
    """`state` as the bytes of a safetensors file. Dict keys may be strings or whole numbers.

    A tensor in channels-last order comes back so: a resumed job then adds its numbers in the order it would have.
    """
    tensors: dict[str, Tensor] = {}

    def keep(value: Tensor) -> str:
        name = str(len(tensors))
        tensors[name] = value
        return name

    def skeleton(value: Any) -> Any:
        if isinstance(value, Tensor):
            return {"t": keep(value)} | ({"last": True} if _channels_last(value) else {})
        if isinstance(value, np.ndarray):
            return {"a": keep(torch.from_numpy(np.array(value)))}
        if isinstance(value, np.generic):
            return {"v": value.item()}
        if isinstance(value, dict):
            return {"d": [[key, skeleton(item)] for key, item in value.items()]}
        if isinstance(value, (list, tuple)):
            return {"l": [skeleton(item) for item in value]}
        return {"v": value}

    layout = json.dumps(skeleton(state))
    return save(plain(tensors), {"skeleton": layout})


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as the file format takes them: on the CPU, in order, no two in the same memory; copied only where needed."""
    flat_tensors: dict[str, Tensor] = {}
    used_storage: set[int] = set()
    for name, tensor in tensors.items():
        flat = tensor.detach().to("cpu").contiguous()
        place = flat.untyped_storage().data_ptr()
        flat_tensors[name] = flat.clone() if place in used_storage else flat
        used_storage.add(place)
    return flat_tensors


def save_state(path: Path, state: Any) -> None:
    """Write `state` to `path`, as a whole or not at all."""
    write_bytes(path, to_bytes(state))


def load_state(path: Path) -> Any:
    """What `save_state` wrote; tuples come back as lists.

    Raises:
        safetensors.SafetensorError: the file is damaged.
    """
    with safe_open(path, "pt") as file:

        def value(node: dict[str, Any]) -> Any:
            if "t" in node:
                tensor = file.get_tensor(node["t"])
                return tensor.contiguous(memory_format=torch.channels_last) if "last" in node else tensor
            if "a" in node:
                return file.get_tensor(node["a"]).numpy()
            if "d" in node:
                return {key: value(item) for key, item in node["d"]}
            if "l" in node:
                return [value(item) for item in node["l"]]
            return node["v"]

        return value(json.loads(file.metadata()["skeleton"]))


def changed(model: dict[str, Tensor], original: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of `model` that `original` lacks or holds differently."""
    return {
        name: tensor
        for name, tensor in model.items()
        if name not in original or not torch.equal(tensor, original[name].to(tensor.device))
    }


def moved(changed: dict[str, Tensor], original: dict[str, Tensor]) -> float:
    """Percent of the numbers of a model that differ from those of `original`, or are new; of the numbers of `original`.

    Args:
        changed: the tensors that `changed` found.
    """
    once = {tensor.data_ptr(): name for name, tensor in original.items()}.values()  # a tied tensor has two names
    count = sum(
        int((tensor != original[name].to(tensor.device)).sum()) if name in once else tensor.numel()
        for name, tensor in changed.items()
        if name in once or name not in original
    )
    return 100 * count / max(1, sum(original[name].numel() for name in once))


def _channels_last(value: Tensor) -> bool:
    return value.dim() == 4 and not value.is_contiguous() and value.is_contiguous(memory_format=torch.channels_last)
