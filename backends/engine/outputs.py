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
from ..models.task import Task, Tell, silent

Outputs = dict[str, NDArray[Any]]
SHIPPED = "outputs.npz"  # beside an embedded model, what it says as it is
MOST = 10**9  # bytes the cache may hold; the oldest go first


def of(task: Task, model: nn.Module, tell: Tell = silent) -> Outputs:
    """`task.outputs(model)`, from the cache where the same weights were asked the same before."""
    path = home() / "cache" / "outputs" / f"{_key(task, model)}.npz"
    known = read(path)
    if known is not None:
        path.touch()
        return known
    known = _shipped(task, model)
    if known is not None:
        return known
    made = task.outputs(model, tell)
    try:
        write_bytes(path, packed(made))
        _prune(path.parent)
    except OSError:
        pass  # a cache that cannot be written only costs time
    return made


def ship(task: Any, model: nn.Module) -> bytes:
    """The bytes of an outputs.npz to lie in an embedded model's folder, so that nobody waits for what it says as it is."""
    key = np.frombuffer(_what(task, model), np.uint8)
    return packed(task.outputs(model) | {"key": key}, small=True)


def _shipped(task: Any, model: nn.Module) -> Outputs | None:
    """What lies in the model's folder, if it was made of these weights and the same questions, on whatever machine."""
    plain = task.folder.is_relative_to(ASSETS) and task.precision == torch.float32
    known = read(task.folder / SHIPPED) if plain else None
    if known is None or known.pop("key").tobytes() != _what(task, model):
        return None
    return known


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


def _key(task: Task, model: nn.Module) -> str:
    how = f"{task.precision}{task.device.type}{torch.get_num_threads()}{type(model).__name__}"
    whole = (weights_key(model.state_dict()) + how).encode() + task.outputs_key()
    return hashlib.blake2b(whole, digest_size=16).hexdigest()


def _prune(folder: Path) -> None:
    """Remove the files that were not used for longest while all together hold more than `MOST`."""
    held = 0
    for stat, path in sorted(
        ((path.stat(), path) for path in folder.glob("*.npz")), key=lambda pair: -pair[0].st_mtime
    ):
        held += stat.st_size
        if held > MOST:
            path.unlink(missing_ok=True)
