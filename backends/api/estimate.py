"""How long a job will take and how much memory it needs, from what was measured; never guessed.

First from finished runs of this home, which ran on this machine; then from the table that came with Lethe
(assets/measured). Nothing known is said as nothing, not as a number.
"""

from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from pydantic import BaseModel

from . import files, measured, runs


class Estimate(BaseModel):
    """What earlier jobs needed: seconds in all, peak memory in bytes (None: not measured), and where they ran."""

    seconds: float
    memory: float | None
    here: bool
    count: int


class Past(BaseModel):
    """One earlier job."""

    method: str
    params: dict[str, Any]
    seconds: float
    memory: float | None


def estimates(model: str) -> dict[str, list[Past]]:
    """Earlier jobs on a model by finished runs of this home, keyed `here`, and by the shipped table, keyed `shipped`."""
    own = [past for run in runs.all_runs(shipped=False) if (past := _of_run(str(run.path), model)) is not None]
    return {"here": own, "shipped": _shipped(model)}


def estimate(
    model: str, method: str, params: dict[str, Any], known: dict[str, list[Past]] | None = None
) -> Estimate | None:
    """What the job will need, or None where nothing like it was measured.

    The median of earlier jobs of this method on this model; where they had another number of epochs, the time is taken
    as proportional to it.

    Args:
        model: id of the model.
        method: id of the method.
        params: complete parameters.
        known: what `estimates` gave, to ask about many methods at once.
    """
    known = known or estimates(model)
    for where in ("here", "shipped"):
        past = [job for job in known[where] if job.method == method]
        if past:
            memory = [job.memory for job in past if job.memory]
            return Estimate(
                seconds=median(job.seconds * _ratio(params, job.params) for job in past),
                memory=median(memory) if memory else None,
                here=where == "here",
                count=len(past),
            )
    return None


def _ratio(params: dict[str, Any], before: dict[str, Any]) -> float:
    now, then = params.get("epochs"), before.get("epochs")
    return now / then if isinstance(now, int) and isinstance(then, int) and min(now, then) > 0 else 1.0


def _of_run(path: str, model: str) -> Past | None:
    past = _finished(path) if (Path(path) / "result.json").is_file() else None
    return past[1] if past is not None and past[0] == model else None


@cache
def _finished(path: str) -> tuple[str, Past]:
    """Model and needs of a finished run; its result never changes, so it is read once."""
    result = files.read_json(Path(path) / "result.json")
    return result["model"], Past(
        method=result["method"],
        params=result["params"],
        seconds=files.number(result["seconds"]),
        memory=_bytes(result.get("peak_memory")),
    )


def _bytes(value: Any) -> float | None:
    number = files.number(value)
    return number if number > 0 else None


@cache
def _shipped(model: str) -> list[Past]:
    rows = [row for table in measured.tables().values() for row in table if row.model == model and row.metrics]
    return [
        Past(method=row.method, params=row.params, seconds=row.seconds, memory=_bytes(row.peak_memory)) for row in rows
    ]
