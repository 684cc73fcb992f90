"""Opening a model with its data on this machine's device, in the precision that was measured best."""

import os
from collections.abc import Callable
from typing import Any

from transformers.utils import logging

from ..api import families, files, own
from ..api.errors import BadInput
from ..api.home import ASSETS, home, shared
from ..models.source import embedded_ids, model_folder
from . import hardware, machine, outputs

logging.disable_progress_bar()  # nobody watches this process's standard error


def open_task(model: str, data: str, setting: dict[str, Any], *, measure: bool = True) -> Any:
    """A model with its data as a `Task`, ready to work as `setting` says (device, threads and precision; filled in where
    it lacks one). `measure`: time steps to find the threads, where that was not yet done.

    Raises:
        BadInput: no such model, data that do not fit, or a folder where strangers share the studio.
    """
    if data and shared():
        raise BadInput("This studio is shared, so it reads no folders of its machine; choose an embedded model.")
    where = hardware.device()
    if (
        setting.setdefault("device", where.type) != where.type
    ):  # another machine began it: its precision need not be the best here
        setting |= {"device": where.type, "precision": ""}
    hardware.prepare(setting.get("threads") or machine.cores())
    task = family(model)(model, data, where)
    if not setting.get("threads"):
        setting["threads"] = hardware.threads(task, measure=measure)
        hardware.prepare(setting["threads"])
    if not setting.get("precision"):
        setting["precision"] = hardware.precision(task)
    task.precision = hardware.PRECISIONS[setting["precision"]]
    return task


def family(model: str) -> type[Any]:
    """The `Task` of the family that a model is of. A family's libraries are imported where it is asked for.

    Raises:
        BadInput: no such model, or one of an architecture that Lethe has no family for.
    """
    task: type[Any] = families.load(families.get(own.family_of(model_folder(model), model)).task)
    return task


def warm_up(job_waits: Callable[[], bool]) -> None:
    """Do once for a home, while nobody waits, what the first job on each embedded model would wait for.

    That is the measurement of the threads and of the precision, and what the model says about its data. Nothing is measured where
    $LETHE_PRECISION decides.

    Args:
        job_waits: whether a job waits; looked at between two steps.
    """
    where = hardware.device()
    hardware.prepare(machine.cores())
    path, here = home() / "cache" / "warm.json", hardware.machine_key(where)
    if os.environ.get("LETHE_PRECISION") or files.read_json(path) == here:
        return
    cards = {model: files.read_json(ASSETS / "models" / model / "card.json") for model in embedded_ids()}
    for model in sorted(cards, key=lambda model: (cards[model].get("order", 50), model)):  # the first offered first
        if job_waits():
            return
        task = open_task(model, "", {})
        task.resolve(cards[model]["default_forget"])
        if job_waits():
            return
        outputs.of(task, task.load())
    files.write_json(path, here)
