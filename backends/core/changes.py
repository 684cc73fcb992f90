"""The tensors that a run and those before it changed: what makes the unlearned model from the model that came."""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from ..api.learned import START
from ..api.runs import RunFolder
from .eight_bits import unpack
from .run import restore

CHANGED = "after/changed.safetensors"


def before(run: RunFolder) -> list[Path]:
    """The changes of the earlier runs, oldest first."""
    return sorted((run.path / START).glob("*.safetensors"))


def changes(run: RunFolder) -> list[Path]:
    """What makes the model after from the model itself, in order."""
    return [*before(run), run.path / CHANGED]


def apply(model: nn.Module, paths: list[Path]) -> nn.Module:
    """Put changes into a model, one after the other."""
    for path in paths:
        restore(model, unpack(load_file(path)))
    return model
