"""Where a retrained reference is, by its forget set: see `backends.api.retrained`, which pages ask as well."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..api.retrained import WEIGHTS, find, find_all, shipped_folder

__all__ = ["WEIGHTS", "find", "find_all", "forget_key", "key_of", "parts", "shipped_folder"]


def forget_key(ids: Iterable[int]) -> str:
    """24 hexadecimal digits that name a forget set, whatever the order and way its training ids were chosen in."""
    text = ",".join(map(str, sorted({int(item) for item in ids})))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def key_of(task: Any) -> str:
    """The `forget_key` of what a task's retrained reference was made without: its own, where its family says nothing else."""
    return str(getattr(task, "reference_key", task.forget_key))


def parts(path: Path) -> list[Path]:
    """The files that hold the weights of a reference: the one that was found and, of one in several files, those beside it."""
    return [path, *sorted(path.parent.glob(f"{Path(WEIGHTS).stem}-*.safetensors"))]
