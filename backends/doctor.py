"""What only a process that may import torch can say of this machine: `python -m backends.doctor` writes one JSON line.

A list of {"name", "works", "found"}: the build of torch, the device, memory and threads of a job, whether each embedded
model loads with its data and gives finite numbers, and the precision that was measured for it.
"""

import json
from typing import Any

import numpy as np
import torch

from .api.errors import LetheError
from .api.home import ASSETS
from .engine import hardware, machine
from .engine.opening import open_task
from .models.texts import answers, likelihoods

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
        _said("torch", True, f"{torch.__version__} ({build})"),
        _said("device", True, f"{hardware.name(device)}, at most {_threads(cores)} a job"),
        _said("memory", limit >= NEEDED, f"a job may hold {limit / 2**30:.1f} GiB{enough}"),
    ]


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'}"


def _model(model_id: str) -> dict[str, Any]:
    """Load a model and its data, look at some images, and measure which precision and how many threads its jobs use."""
    name = f"model {model_id}"
    try:
        setting: dict[str, Any] = {}
        task = open_task(model_id, "", setting)
        works, found = {"classifier": _labelled, "text-to-image": _drawn, "llm": _spoken, "moe": _spoken}[task.family](
            task
        )
    except (LetheError, OSError, ValueError, RuntimeError) as error:
        return _said(name, False, " ".join(str(error).split())[:300] or type(error).__name__)
    return _said(name, works, f"loads, {found}; jobs use {setting['precision']} and {_threads(setting['threads'])}")


@torch.no_grad()
def _labelled(task: Any) -> tuple[bool, str]:
    """Whether a classifier's answers are numbers, and how many of 64 test images it labels right."""
    batch = task.batch(np.arange(64), test=True)
    said = task.forward(task.load(), batch.x)
    return bool(said.isfinite().all()), f"is right on {int((said.argmax(1) == batch.y).sum())} of 64 images"


def _drawn(task: Any) -> tuple[bool, str]:
    """Whether a model draws, and how many of 8 pictures its judge finds right."""
    task.resolve(task.card["default_forget"])
    shots = task.asking.suite[:: max(1, len(task.asking.suite) // 8)][:8]
    said = task.draw_and_judge(task.load(), shots)
    right = sum(task.sure(said, row, shot) > 0.5 for row, shot in enumerate(shots))
    return bool(said["images"].any()), f"its judge finds {right} of {len(shots)} pictures right"


def _spoken(task: Any) -> tuple[bool, str]:
    """Whether a language model gives finite likelihoods, and how many of 8 questions it answers word for word."""
    task.resolve(task.card["default_forget"])
    pairs = task.questions.forget[:8]
    model = task.load()
    said = answers(model, task.reader, [pair.question for pair in pairs])
    right = sum(text == pair.answer for text, pair in zip(said, pairs, strict=True))
    return bool(
        likelihoods(model, task.texts(pairs)).isfinite().all()
    ), f"answers {right} of {len(pairs)} questions by heart"


def _said(name: str, works: bool, found: str) -> dict[str, Any]:
    return {"name": name, "works": works, "found": found}


if __name__ == "__main__":
    print(json.dumps(examine()))
