"""Nested Python state (dicts, lists, numbers, tensors) as one safetensors file: no pickle is ever written or read."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from ..api.files import write_bytes


def save_state(path: Path, state: Any) -> None:
    """Write `state` to `path`, as a whole or not at all. Dict keys may be strings or whole numbers."""
    tensors: dict[str, Tensor] = {}

    def skeleton(value: Any) -> Any:
        if isinstance(value, Tensor):
            name = str(len(tensors))
            tensors[name] = value.detach().cpu().contiguous().clone()
            return {"t": name}
        if isinstance(value, dict):
            return {"d": [[key, skeleton(item)] for key, item in value.items()]}
        if isinstance(value, (list, tuple)):
            return {"l": [skeleton(item) for item in value]}
        return {"v": value}

    write_bytes(path, save(tensors, {"skeleton": json.dumps(skeleton(state))}))


def load_state(path: Path) -> Any:
    """What `save_state` wrote; tuples come back as lists.

    Raises:
        safetensors.SafetensorError: the file is damaged.
    """
    with safe_open(path, "pt") as file:

        def value(node: dict[str, Any]) -> Any:
            if "t" in node:
                return file.get_tensor(node["t"])
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
        if name not in original or not torch.equal(tensor.cpu(), original[name].cpu())
    }
