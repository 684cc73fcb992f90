"""How long jobs take: the default one by phase, and every method against one epoch of plain fine-tuning."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

from backends.api import catalog, runs
from backends.api.home import ASSETS

MODEL = "fashion-resnet"
ROUNDS = 3


def default(model: str = MODEL) -> dict[str, Any]:
    """What a person who only presses start asks for: model, method and target of the model's card."""
    card = json.loads((ASSETS / "models" / model / "card.json").read_text())
    return {"model": model, "method": card["default_method"], "forget": card["default_forget"]}


def as_command(asked: dict[str, Any], **settings: object) -> list[str]:
    """`lethe unlearn` for a model, a method, targets and settings, as words."""
    words = [
        sys.executable,
        "-m",
        "app.cli",
        "unlearn",
        "--model",
        asked["model"],
        "--method",
        asked["method"],
        "--json",
    ]
    words += [word for target in asked["forget"] for word in ("--forget", target)]
    return words + [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def phases(events: list[dict[str, Any]], end: float) -> dict[str, float]:
    """Seconds of each phase, in order: from its first event to the first of the next, the last one to `end`."""
    starts: dict[str, float] = {}
    for event in events:
        starts.setdefault(event["phase"], event["seconds"])
    edges = [*starts.values(), end]
    return {name: edges[at + 1] - edges[at] for at, name in enumerate(starts)}


def default_job(model: str = MODEL, rounds: int = ROUNDS) -> Iterator[str]:
    """`lethe unlearn` a few times: from the command to its answer, then by phase."""
    asked = default(model)
    command = as_command(asked)
    took, parts = [], []
    for _ in range(rounds):
        begun = time.monotonic()
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        took.append(time.monotonic() - begun)
        events = runs.find(json.loads(said)["run_id"]).events()
        parts.append(phases(events, events[-1]["seconds"]))
    yield f"{asked['method']} on {asked['model']}: {median(took):.1f} s from the command to its answer (median of {rounds})"
    inside = [sum(each.values()) for each in parts]
    for name in parts[0]:
        yield f"{name}: {median(each[name] for each in parts):.1f} s"
    yield f"starting, queueing and answering: {median(t - i for t, i in zip(took, inside, strict=True)):.1f} s"


def methods() -> Iterator[str]:
    """Each method once as a person gets it, through the engine; the reference last, as it takes longest."""
    from backends.api import submit
    from backends.api.spec import JobSpec
    from backends.core import registry
    from backends.zoo.table import measured

    asked = default()
    known = [method for method in registry.entries("methods").values() if method.entry.works_with["classifier"] is True]
    for method in sorted(known, key=lambda each: each.entry.reference):
        row = measured(submit.check(JobSpec(**(asked | {"method": method.id}))))
        if "error" in row:
            yield f"{method.id}: failed ({row['error']})"
            continue
        ratio = row["seconds"] / row["epoch_seconds"]
        yield f"{method.id}: {ratio:.1f} epochs ({row['seconds']:.1f} s; an epoch takes {row['epoch_seconds']:.1f} s)"


def defaults() -> Iterator[str]:
    """The default job of every embedded model in an empty home, once: seconds, and the longest phases."""
    for entry in catalog.load().models:
        if not entry.default_method:
            continue
        first, *others = default_job(entry.id, 1)
        longest = sorted(others, key=lambda line: -float(line.rpartition(": ")[2].split()[0]))[:3]
        yield f"{first} ({'; '.join(longest)})"
