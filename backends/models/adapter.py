"""What low-rank layers learned as an adapter of peft, which `PeftModel.from_pretrained` puts on the model before."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from ..api.own import hub_parts
from .low_rank import ADAPTER, DOWN, UP, lora_config, low_rank_layers, put_in, second_body, thin

WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."  # how a PeftModel names the model that it wraps


def only_factors(names: Collection[str]) -> bool:
    """Whether all of some tensors are factors of low-rank layers, by their names in Lethe's files."""
    return len(names) == 2 * len(thin(names))


def stacked(changes: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The factors of changes made one after the other as those of one change: as wide as all together, they add the same."""
    factors: dict[str, Tensor] = {}
    for name in dict.fromkeys(name for change in changes for name in thin(change)):
        parts = [change for change in changes if name + UP in change]
        factors[name + DOWN] = torch.cat([part[name + DOWN] for part in parts])
        factors[name + UP] = torch.cat([part[name + UP] for part in parts], 1)
    return factors


def write(model: Any, factors: Mapping[str, Tensor], folder: Path, base: str | None) -> bool:
    """Write adapter_config.json and adapter_model.safetensors to a new folder. Returns whether that was possible.

    It is not where peft would put the factors elsewhere: in some mixtures of experts it takes every layer called gate_proj for a
    part of the experts.

    Args:
        model: the model before; it stays what it is.
        factors: by their names in Lethe's files.
        folder: to be made.
        base: the id of the model before on the Hugging Face Hub, where it has one; with its revision, if it is pinned.
    """
    from peft import get_peft_model_state_dict, inject_adapter_in_model

    config = lora_config(model, factors)
    name, revision = hub_parts(base or "")
    config.task_type, config.base_model_name_or_path, config.revision = "CAUSAL_LM", name or None, revision or None
    body = second_body(model)
    try:
        inject_adapter_in_model(config, body, ADAPTER, low_cpu_mem_usage=True)
    except ValueError:  # so it refuses a part of what it takes for experts
        return False
    if low_rank_layers(body).keys() != set(thin(factors)):
        return False
    put_in(body, factors)
    folder.mkdir()
    tensors = get_peft_model_state_dict(body, adapter_name=ADAPTER, save_embedding_layers=False)
    save_file({PREFIX + name: tensor.cpu() for name, tensor in tensors.items()}, folder / WEIGHTS, {"format": "pt"})
    config.inference_mode, config.target_modules = True, sorted(config.target_modules or ())
    config.save_pretrained(str(folder))
    return True
