"""What attacks do to models that no run changes, the original and the retrained references: kept by attack, settings, weights and items.

It lies in LETHE_HOME/cache/attacked, or, for the embedded models with their default targets, shipped under assets/attacked, on whatever
machine and in whatever precision it was made.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from torch import nn

from ..api import files
from ..api.home import ASSETS, home
from . import outputs

RECIPE: Final = 1  # raise it where an attack or an exam comes to ask otherwise
SHIPPED: Final = ASSETS / "attacked"


class Untouched:
    """The outcomes of one attack with its settings, on one forget set of one model."""

    def __init__(self, model_id: str, attack: str, about: Mapping[str, Any]) -> None:
        """`about`: what it depends on besides the weights: settings, targets, items."""
        self.model_id, self.attack = model_id, attack
        self.about = json.dumps([RECIPE, model_id, attack, about], sort_keys=True)

    def read(self, model: nn.Module, phase: str) -> dict[str, Any] | None:
        """The outcome of a model with these weights in a phase of the attack; None where there is none."""
        name = self._name(model, phase)
        for place in (shipped(self.model_id), folder()):
            stored = outputs.read(place / name)
            if stored is not None:
                return {key: value.tolist() if value.dtype.kind == "U" else value for key, value in stored.items()}
        return None

    def write(self, model: nn.Module, phase: str, outcome: Mapping[str, Any]) -> None:
        """Store it; a disk that is full only costs time later."""
        arrays = {name: np.asarray(value) for name, value in outcome.items()}
        try:
            files.write_bytes(folder() / self._name(model, phase), outputs.packed(arrays, small=True))
            outputs.prune(folder())
        except OSError:
            pass

    def _name(self, model: nn.Module, phase: str) -> str:
        content = self.about + phase + outputs.weights_key(model.state_dict())
        return f"{self.attack}-{hashlib.blake2b(content.encode(), digest_size=12).hexdigest()}.npz"


def shipped(model_id: str) -> Path:
    """Where the outcomes of an embedded model and its references lie."""
    return SHIPPED / Path(model_id).name


def folder() -> Path:
    """Where those are that were made on this machine."""
    return home() / "cache" / "attacked"


def about(task: Any, params: Mapping[str, Any], items: Sequence[str], keep: Sequence[str], data: str) -> dict[str, Any]:
    """What an outcome depends on besides the weights."""
    return {"params": dict(params), "forget": task.forget_key, "items": list(items), "keep": sorted(keep), "data": data}
