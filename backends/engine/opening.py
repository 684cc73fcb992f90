"""Opening a model with its data on this machine's device, in the precision that was measured best."""

import os
from collections.abc import Callable
from typing import Any

from transformers.utils import logging

from ..api import files
from ..api.errors import BadInput
from ..api.home import ASSETS, home, shared
from ..models.classifier import Classifier
from . import hardware, machine, outputs

logging.disable_progress_bar()  # nobody watches this process's standard error


def open_task(model: str, data: str, setting: dict[str, Any]) -> Classifier:
    """A model with its data, ready to work as `setting` says (device, threads and precision; filled in where it lacks one).

    Raises:
        BadInput: no such model, data that do not fit, or a folder where strangers share the studio.
    """
    if data and shared():
        raise BadInput("This studio is shared, so it reads no folders of its machine; choose an embedded model.")
    where = hardware.device()
    if setting.get("device") != where.type:
        setting |= {"device": where.type, "precision": ""}
    setting.setdefault("threads", machine.cores())
    hardware.prepare(setting["threads"])
    task = Classifier(model, data, where)
    if not setting.get("precision"):
        shape = task.batch(task.parts["train"][:1]).x.shape
        architecture = f"{task.config.model_type} {_size(task.config)} {tuple(shape[1:])}"
        setting["precision"] = hardware.precision(task, architecture)
    task.precision = hardware.PRECISIONS[setting["precision"]]
    return task


def _size(config: Any) -> str:
    """What tells architectures of one family apart: the widths and depths of a config."""
    names = ("embedding_size", "hidden_sizes", "depths", "hidden_size", "num_hidden_layers", "patch_size")
    return " ".join(f"{name}={getattr(config, name)}" for name in names if hasattr(config, name))


def warm_up(wanted: Callable[[], bool]) -> None:
    """Do once for a home, while nobody waits, what the first job on each embedded model would wait for.

    That is the measurement of the precision, and what the model says about its data. Nothing is measured where
    $LETHE_PRECISION decides.

    Args:
        wanted: whether a job waits; looked at between two steps.
    """
    where = hardware.device()
    hardware.prepare(machine.cores())
    path, here = home() / "cache" / "warm.json", hardware.machine_key(where)
    if os.environ.get("LETHE_PRECISION") or files.read_json(path) == here:
        return
    for config in sorted((ASSETS / "models").glob("*/config.json")):
        if wanted():
            return
        task = open_task(config.parent.name, "", {})
        if wanted():
            return
        outputs.of(task, task.load())
    files.write_json(path, here)
