"""What only a process that may import torch can say of this machine: `python -m backends.doctor` writes one JSON line.

A list of {"name", "works", "found"}: the build of torch, the device, memory and threads of a job, whether each embedded
model loads with its data and gives finite numbers, and the precision that was measured for it.
"""

import json
from typing import Any

import torch

from .api.errors import LetheError
from .api.home import ASSETS
from .engine import hardware, machine
from .engine.loading import open_task

NEEDED = 2 * 2**30  # bytes that a job of an embedded model takes, with room to spare


def examine() -> list[dict[str, Any]]:
    """Every check, in the order they are shown."""
    return [*_machine(), *(_model(path.parent.name) for path in sorted((ASSETS / "models").glob("*/card.json")))]


def _machine() -> list[dict[str, Any]]:
    device = hardware.device()
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "no CUDA"
    limit, cores = machine.memory_limit(), machine.cores()
    hardware.prepare(cores)
    enough = "" if limit >= NEEDED else f"; a job needs about {NEEDED / 2**30:.0f} GiB"
    return [
        _check("torch", True, f"{torch.__version__} ({build})"),
        _check("device", True, f"{hardware.name(device)}, at most {_threads(cores)} a job"),
        _check("memory", limit >= NEEDED, f"a job may hold {limit / 2**30:.1f} GiB{enough}"),
    ]


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'}"


def _model(model_id: str) -> dict[str, Any]:
    """Load a model and its data, look at some images, and measure which precision and how many threads its jobs use."""
    name = f"model {model_id}"
    try:
        setting: dict[str, Any] = {}
        task = open_task(model_id, "", setting)
        works, summary = task.examine()
    except (LetheError, OSError, ValueError, RuntimeError) as error:
        return _check(name, False, " ".join(str(error).split())[:300] or type(error).__name__)
    return _check(name, works, f"loads, {summary}; jobs use {setting['precision']} and {_threads(setting['threads'])}")


def _check(name: str, works: bool, finding: str) -> dict[str, Any]:
    return {"name": name, "works": works, "found": finding}


if __name__ == "__main__":
    print(json.dumps(examine()))
