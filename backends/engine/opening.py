"""Opening a model with its data on this machine's device, in the precision that was measured best."""

from typing import Any

from transformers.utils import logging

from ..api.errors import BadInput
from ..api.home import shared
from ..models.classifier import Classifier
from . import hardware, machine

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
