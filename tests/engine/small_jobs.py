"""Looking at small jobs from outside."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil

from backends.api.runs import RunFolder

LONG = 120  # epochs of the job that is disturbed: it still works when a busy machine comes to disturb it
PATIENCE = 240  # seconds: a loaded machine may take its time
SETTINGS = {
    "LETHE_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "LETHE_PRECISION": "float32",
    "LETHE_CHECKPOINT_SECONDS": "0.1",
    "LETHE_DEVICE": "cpu",
    "LETHE_NICE": "0",
}
COSTS = ("run_time", "peak_memory")  # the only numbers that may differ between two runs of one spec


def numbers(run: RunFolder) -> dict:
    """Everything a run measured that must not depend on how often it was killed."""
    with np.load(run.path / "metrics.npz") as file:
        items = {name: file[name].tolist() for name in file.files if not name.startswith(COSTS)}
    losses = {
        (event["phase"], event["step"]): event["values"]
        for event in run.events()
        if event["step"] == event["of"] and event["phase"] != "measure"  # how much there is to measure, a cache decides
    }
    return {
        "metrics": {name: value for name, value in run.metrics.items() if name not in COSTS},
        "items": items,
        "weights": (run.path / "after" / "changed.safetensors").read_bytes(),
        "samples": [{key: sample[key] for key in ("phase", "step", "items")} for sample in run.samples()],
        "losses": losses,
    }


def jobs(root: int) -> list[psutil.Process]:
    """The job processes below a process."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if "backends.engine.job" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], Any], seconds: float = PATIENCE, every: float = 0.05) -> Any:
    """Wait until a condition holds and return what it gave.

    Raises:
        AssertionError: it did not within that time.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"this did not come true within {seconds} s: {condition}")


def step_of(run: RunFolder) -> int:
    """How far the training of a run has come."""
    return max((event["step"] for event in run.events() if event["phase"] == "fine-tune"), default=-1)
