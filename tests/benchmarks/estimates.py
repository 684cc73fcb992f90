"""What the form says before Start about time and memory, against what the job then needs: the first job from what came with Lethe, the others
from the jobs before them on this machine."""

import json
import subprocess
from collections.abc import Iterator
from statistics import median
from typing import Any

from backends.api import catalog, estimate, runs
from backends.api.runs import RunFolder

from .jobs import as_command, default

TWICE = 2  # as long: what a person does who turns the one knob that all know


def needed(run: RunFolder, *, whole: bool) -> tuple[float, float]:
    """Seconds, of the whole job or of its method alone, and peak memory in bytes, of a finished run."""
    result = run.result or {}
    moments = [moment.at for moment in run.state.history]
    return moments[-1] - moments[-2] if whole else result["seconds"], result["peak_memory"]


def longer(method: str) -> dict[str, int]:
    """The setting that makes a method work twice as long; empty where it has none."""
    settings = catalog.load().get("methods", method).params["properties"]
    return next(({name: TWICE * settings[name]["default"]} for name in estimate.LENGTHS if name in settings), {})


def estimates() -> Iterator[str]:
    """Each embedded model: its default job twice, then twice as long; ratios of said to needed, and how many are within 30 %."""
    ratios: dict[str, list[float]] = {"seconds": [], "memory": []}
    for entry in catalog.load().models:
        if not entry.default_method:
            continue
        asked, more = default(entry.id), longer(entry.default_method)
        for settings in ({}, {}, more) if more else ({}, {}):
            past = estimate.estimates(entry.id)
            said = subprocess.run(as_command(asked, **settings), check=True, capture_output=True, text=True).stdout
            run = runs.find(json.loads(said)["run_id"])
            told = estimate.estimate(entry.id, run.spec.method, run.spec.params, past)
            what = f"{run.spec.method} on {entry.id}" + "".join(f", {name} {value}" for name, value in settings.items())
            if told is None:
                yield f"{what}: nothing was known"
                continue
            seconds, memory = needed(run, whole=told.whole)
            ratio: dict[str, Any] = {
                "seconds": told.seconds / seconds,
                "memory": told.memory / memory if told.memory else None,
            }
            for name, value in ratio.items():
                if value is not None:
                    ratios[name].append(value)
            shown = ", ".join(f"{name} {value:.2f}" for name, value in ratio.items() if value is not None)
            yield f"{what}: said to needed, {'here' if told.here else 'as it came'}: {shown}"
    for name, each in ratios.items():
        within = sum(0.7 <= one <= 1.3 for one in each)
        yield f"{name}: {within} of {len(each)} within 30 %, median {median(each):.2f}"
