"""Where a retrained reference is, by its forget set: see `backends.api.retrained`, which pages ask as well."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..api.retrained import WEIGHTS, find, find_all, shipped_folder

__all__ = ["WEIGHTS", "find", "find_all", "forget_key", "parts", "shipped_folder"]


def forget_key(ids: Iterable[int]) -> str:
    """24 hexadecimal digits that name a forget set, whatever the order and way its training ids were chosen in."""
    text = ",".join(map(str, sorted({int(item) for item in ids})))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def parts(path: Path) -> list[Path]:
    """The files that hold the weights of a reference: the one that was found and, of one in several files, those beside it."""
    return [path, *sorted(path.parent.glob(f"{Path(WEIGHTS).stem}-*.safetensors"))]
