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
from ..models.reference import shipped_folder

Outputs = dict[str, NDArray[Any]]
SHIPPED = "outputs.npz"  # beside an embedded model or a reference that came with it, what it says as it is
MOST = 10**9  # bytes the cache may hold; the oldest go first


def known(task: Task, model: nn.Module) -> Outputs | None:
    """What the same weights said when they were asked the same before, on this machine or where they come from."""
    path = _path(task, model)
    kept = read(path)
    if kept is not None:
        path.touch()
        return kept
    return _shipped(task, model)


def of(task: Task, model: nn.Module, tell: Tell = silent) -> Outputs:
    """What is known, or else what it says when asked now."""
    kept = known(task, model)
    return asked(task, model, tell) if kept is None else kept


def asked(task: Task, model: nn.Module, tell: Tell = silent) -> Outputs:
    """`task.outputs(model)`, kept for the next time."""
    made = task.outputs(model, tell)
    path = _path(task, model)
    try:
        write_bytes(path, packed(made))
        _prune(path.parent)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return made


def ship(task: Any, model: nn.Module) -> bytes:
    """The bytes of an outputs.npz to lie in the model's folder among the assets, so that nobody waits for what it says."""
    key = np.frombuffer(_what(task, model), np.uint8)
    return packed(task.outputs(model) | {"key": key}, small=True)


def _shipped(task: Any, model: nn.Module) -> Outputs | None:
    """What lies beside the model or its retrained reference, if it was made of these weights and the same questions, on
    whatever machine."""
    if (task.precision != torch.float32 and not task.exact) or not task.folder.is_relative_to(ASSETS):
        return None
    folders = (task.folder, shipped_folder(task.id, task.forget_key))
    found = [kept for folder in folders if (kept := read(folder / SHIPPED)) is not None]
    what = _what(task, model) if found else b""
    return next((kept for kept in found if kept.pop("key").tobytes() == what), None)


def _what(task: Task, model: nn.Module) -> bytes:
    whole = weights_key(model.state_dict()).encode() + task.outputs_key()
    return hashlib.blake2b(whole, digest_size=16).digest()


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
    (np.savez_compressed if small else np.savez)(out, allow_pickle=False, **outputs)  # type: ignore[arg-type]
    return out.getvalue()


def weights_key(tensors: dict[str, Tensor]) -> str:
    """A hash of names, shapes and values."""
    seen = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        seen.update(f"{name}{plain.dtype}{tuple(plain.shape)}".encode())
        seen.update(plain.reshape(-1).view(torch.uint8).numpy())
    return seen.hexdigest()


def _path(task: Task, model: nn.Module) -> Path:
    how = f"{task.precision}{task.device.type}{torch.get_num_threads()}{type(model).__name__}"
    whole = (weights_key(model.state_dict()) + how).encode() + task.outputs_key()
    return home() / "cache" / "outputs" / f"{hashlib.blake2b(whole, digest_size=16).hexdigest()}.npz"


def _prune(folder: Path) -> None:
    """Remove the files that were not used for longest while all together hold more than `MOST`."""
    held = 0
    for stat, path in sorted(
        ((path.stat(), path) for path in folder.glob("*.npz")), key=lambda pair: -pair[0].st_mtime
    ):
        held += stat.st_size
        if held > MOST:
            path.unlink(missing_ok=True)
