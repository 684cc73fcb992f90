"""What a model says about every item of its data, kept in LETHE_HOME/cache/outputs by weights, data and precision."""

import hashlib
import io
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..api.files import write_bytes
from ..api.home import ASSETS, home
from ..core.task import Task, Tell, silent
from ..models.reference import key_of, shipped_folder

Outputs = dict[str, NDArray[Any]]
SHIPPED = "outputs.npz"  # beside an embedded model or a reference that came with it, what it says as it is
MOST = 10**9  # bytes the cache may hold; the oldest go first


def cached(task: Task, model: nn.Module) -> Outputs | None:
    """What the same weights said when they were asked the same before, on this machine or where they come from."""
    path = _path(task, model)
    stored = read(path)
    if stored is not None:
        path.touch()
        return stored
    return _shipped(task, model)


def of(task: Task, model: nn.Module, tell: Tell = silent) -> Outputs:
    """What is known, or else what it says when asked now."""
    stored = cached(task, model)
    return computed(task, model, tell) if stored is None else stored


def computed(task: Task, model: nn.Module, tell: Tell = silent) -> Outputs:
    """`task.outputs(model)`, kept for the next time."""
    outputs = task.outputs(model, tell)
    keep(task, model, outputs)
    return outputs


def keep(task: Task, model: nn.Module, outputs: Outputs) -> None:
    """Keep what a model said for the next time."""
    path = _path(task, model)
    try:
        write_bytes(path, packed(outputs))
        prune(path.parent)
    except OSError:
        pass  # a cache that cannot be written only costs time


def ship(task: Any, model: nn.Module) -> bytes:
    """The bytes of an outputs.npz to lie in the model's folder among the assets, so that nobody waits for what it says."""
    key = np.frombuffer(_content_hash(task, model), np.uint8)
    return packed(task.outputs(model) | {"key": key}, small=True)


def _shipped(task: Any, model: nn.Module) -> Outputs | None:
    """What lies beside the model or its retrained reference, if it was made of these weights and the same questions, on
    whatever machine."""
    if (task.precision != torch.float32 and not task.exact) or not task.folder.is_relative_to(ASSETS):
        return None
    folders = (task.folder, shipped_folder(task.id, key_of(task)))
    candidates = [candidate for folder in folders if (candidate := read(folder / SHIPPED)) is not None]
    what = _content_hash(task, model) if candidates else b""
    return next((candidate for candidate in candidates if candidate.pop("key").tobytes() == what), None)


def _content_hash(task: Task, model: nn.Module) -> bytes:
    content = weights_key(model.state_dict()).encode() + task.outputs_key()
    return hashlib.blake2b(content, digest_size=16).digest()


def read(path: Path) -> Outputs | None:
    """What was kept there; None where nothing is, or where a damaged disk cut it short."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def packed(outputs: Outputs, *, small: bool = False) -> bytes:
    """The bytes of an .npz file; `small` takes longer and less room."""
    out = io.BytesIO()
    (np.savez_compressed if small else np.savez)(out, allow_pickle=False, **outputs)
    return out.getvalue()


def weights_key(tensors: dict[str, Tensor]) -> str:
    """A hash of names, shapes and values."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name}{plain.dtype}{tuple(plain.shape)}".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _path(task: Task, model: nn.Module) -> Path:
    how = f"{task.precision}{task.device.type}{torch.get_num_threads()}{type(model).__name__}"
    content = (weights_key(model.state_dict()) + how).encode() + task.outputs_key()
    return home() / "cache" / "outputs" / f"{hashlib.blake2b(content, digest_size=16).hexdigest()}.npz"


def prune(folder: Path) -> None:
    """Remove the files that were not used for longest while all together hold more than `MOST`."""
    total_bytes = 0
    for stat, path in sorted(
        ((path.stat(), path) for path in folder.glob("*.npz")), key=lambda pair: -pair[0].st_mtime
    ):
        total_bytes += stat.st_size
        if total_bytes > MOST:
            path.unlink(missing_ok=True)
