"""Loading weights so that nothing is made up: what a checkpoint lacks, or holds besides, is refused instead of drawn at random."""

import re
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from torch import nn

from ..api.errors import BadInput
from ..api.own import variant

M = TypeVar("M", bound=nn.Module)
PROBLEMS = (ValueError, OSError, KeyError, TypeError, RuntimeError, AttributeError, ImportError, SafetensorError)
# buffers that older versions saved and newer ones compute
COMPUTED = re.compile(
    r"(position_ids|inv_freq|masked_bias|attn\.bias|attention\.bias|relative_position_index|num_batches_tracked)$"
)


def load_whole(kind: Any, folder: Path, name: str, *, part: str = "", **more: Any) -> Any:
    """A model of transformers or diffusers, in float32.

    Args:
        kind: the class (or Auto class) that `from_pretrained` is asked of.
        folder: of the model, or of a pipeline that it is a part of.
        name: how errors name it.
        part: the folder within.
        more: for `from_pretrained`.

    Raises:
        BadInput: it cannot be loaded, lacks weights, or holds some that the architecture has no place for.
    """
    only = variant(folder / part)
    try:
        model, loading_info = kind.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True,
            **({"subfolder": part} if part else {}), **({"variant": only} if only else {}), **more,
        )  # fmt: skip
    except PROBLEMS as error:
        where = f"The part {part} of {name} cannot be loaded" if part else f"The weights of {name} cannot be loaded"
        raise BadInput(f"{where} ({first_line(error)}).") from None
    title = f"{name}/{part}" if part else name
    missing, besides = (sorted(map(str, loading_info.get(keys) or ())) for keys in ("missing_keys", "unexpected_keys"))
    if missing:
        more_ = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise BadInput(f"{title} holds no weights for {missing[0]}{more_}; give a model that is whole.")
    besides = [key for key in besides if not COMPUTED.search(key)]
    if besides:
        raise BadInput(
            f"{title} holds weights that a {type(model).__name__} has no place for ({besides[0]}), so it would not be the model "
            "that was saved; give one whose config.json and weights belong together."
        )
    return model.float() if any(weight.dtype != torch.float32 for weight in model.parameters()) else model


def arranged(model: M, order: torch.memory_format, device: torch.device | str | None = None) -> M:
    """The model itself, the weights of its convolutions in a memory format, and all of it on a device where one is given."""
    module: Any = model  # torch's types of `Module.to` leave `memory_format` out
    module.to(device=device, memory_format=order)
    return model


def first_line(error: BaseException) -> str:
    """What an error of a library says, at most 160 characters of its first line that is no heading."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return (" ".join(lines[:2]) if lines[0].endswith(":") else lines[0])[:160].rstrip(" :(")
