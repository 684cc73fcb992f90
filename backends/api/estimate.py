"""How long a job will take and how much memory it needs, from what was measured; never guessed.

First from finished runs of this home, which ran on this machine; then from what came with Lethe: for some models each
method's time on a processor (assets/measured/times), else the tables (assets/measured), taken as much longer or shorter as
this machine took for the runs that it did. Nothing known is said as nothing, not as a number.
"""

from functools import cache
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from pydantic import BaseModel

from . import benchmarks, files, runs
from .errors import Unreadable
from .home import ASSETS
from .languages import plural, tr
from .renamed import MethodId

THEN = ", then "  # between the devices of a run whose method went on on another one: its seconds are of neither
LATEST = 20  # runs by which this machine's pace is known
LENGTHS = ("epochs", "steps", "rounds")  # parameters that a method's time is proportional to


class Estimate(BaseModel):
    """What earlier jobs needed: seconds, peak memory in bytes (None: not measured), and where they ran: `here`, or in words. Seconds
    in all where they are `whole`, else those of the method alone, without opening the model and measuring."""

    seconds: float
    memory: float | None
    here: bool
    whole: bool
    count: int
    where: str = ""


class Past(BaseModel):
    """One earlier job: `seconds` of its method, and those `around` it, for opening and measuring; `forget_count`, how many items
    it forgot."""

    method: MethodId
    params: dict[str, Any]
    seconds: float
    memory: float | None
    around: float = 0.0
    forget_count: int | None = None
    device: str = ""
    threads: int = 0
    scaled: bool = False  # measured on another machine, and brought to this one's pace


def estimates(model: str) -> dict[str, list[Past]]:
    """Earlier jobs on a model by finished runs of this home, keyed `here`, and by the shipped table, keyed `shipped`."""
    own = [past for run in runs.all_runs(shipped=False) if (past := _of_run(run)) is not None]
    return {"here": [past for of, past in own if of == model], "shipped": _at_pace(_shipped(model), pace(own))}


def pace(own: list[tuple[str, Past]]) -> float | None:
    """How many times as long as that of the shipped tables this machine takes: the median over its latest runs on a processor, given as
    (model, what it needed), newest first; None where none of them can be compared."""
    ratios = []
    for model, job in own[:LATEST]:
        there = {"here": [], "shipped": [past for past in _shipped(model) if not _on_gpu(past)]}
        known = estimate(model, job.method, job.params, there, job.forget_count)
        if known is not None and not _on_gpu(job):
            ratios.append((job.seconds + job.around * known.whole) / known.seconds)
    return median(ratios) if ratios else None


def _at_pace(past: list[Past], times: float | None) -> list[Past]:
    """Jobs of another machine as this one would do them, on a processor."""
    if times is None:
        return past
    return [
        job if _on_gpu(job) else job.model_copy(update={"seconds": times * job.seconds, "around": times * job.around, "scaled": True})
        for job in past
    ]  # fmt: skip


def estimate(
    model: str,
    method: str,
    params: dict[str, Any],
    past_jobs: dict[str, list[Past]] | None = None,
    forget_count: int | None = None,
) -> Estimate | None:
    """What the job will need, or None where nothing like it was measured.

    The median of earlier jobs of this method on this model, with the time of the method taken as proportional to its
    epochs, steps and rounds, and, where `forget_count` is given, to the items of an epoch. Opening and measuring take what they usually
    took here; by a shipped table, whose jobs share what was measured of the original, as long as in its slower quarter.

    Args:
        model: id of the model.
        method: id of the method.
        params: complete parameters.
        past_jobs: what `estimates` gave, to ask about many methods at once.
        forget_count: how many items are to be forgotten, for methods whose epochs are passes over these.
    """
    past_jobs = past_jobs or estimates(model)
    for where in ("here", "shipped"):
        past = _on_processor([job for job in past_jobs[where] if job.method == method])
        if past:
            memory = [job.memory for job in past if job.memory]
            return Estimate(
                seconds=median(job.seconds * _length_ratio(params, forget_count, job) for job in past)
                + _around([job.around for job in past], here=where == "here"),
                memory=median(memory) if memory else None,
                here=where == "here",
                whole=all(job.around for job in past),
                count=len(past),
                where=_hardware_words(past[0]),
            )
    return None


def _around(seconds: list[float], *, here: bool) -> float:
    """Seconds for opening and measuring, by those of earlier jobs."""
    return median(seconds) if here or len(seconds) < 2 else quantiles(seconds, n=4, method="inclusive")[2]


def _on_processor(past: list[Past]) -> list[Past]:
    """Those that ran on a processor, which everybody has; where there are none, all."""
    return [job for job in past if not _on_gpu(job)] or past


def _on_gpu(job: Past) -> bool:
    return job.device.startswith("cuda")


def _hardware_words(job: Past) -> str:
    """ "2 processor cores", "2 processor cores and brought to the pace of this machine", "one NVIDIA H100"."""
    if _on_gpu(job):
        return tr("one {device}", device=job.device.partition("(")[2].rstrip(")") or "GPU")
    cores = plural("{count} processor core", "{count} processor cores", job.threads or 2)
    return tr("{cores} and brought to the pace of this machine", cores=cores) if job.scaled else cores


def _length_ratio(params: dict[str, Any], forget_count: int | None, before: Past) -> float:
    """How much longer the method works than an earlier job did."""
    ratio = 1.0
    for name in LENGTHS:
        now, then = params.get(name), before.params.get(name)
        if isinstance(now, int) and isinstance(then, int) and min(now, then) > 0:
            ratio *= now / then
            if name == "epochs" and forget_count and before.forget_count:
                ratio *= forget_count / before.forget_count
    return ratio


def _of_run(run: runs.RunFolder) -> tuple[str, Past] | None:
    return _finished(run) if (run.path / "result.json").is_file() else None


_needs: dict[Path, tuple[str, Past]] = {}


def _finished(run: runs.RunFolder) -> tuple[str, Past] | None:
    """Model and needs of a finished run; its result never changes, so it is read once."""
    if run.path not in _needs:
        try:
            result, history = run.result, run.state.history
        except Unreadable:
            return None
        if result is None or THEN in result.get("device", ""):
            return None
        seconds = files.number(result["seconds"])
        _needs[run.path] = (
            result["model"],
            Past(
                method=result["method"],
                params=result["params"],
                seconds=seconds,
                memory=_bytes(result.get("peak_memory")),
                around=max(0.0, _attempt_seconds(history) - seconds),
                forget_count=result.get("forget_count"),
                device=result.get("device", ""),
            ),
        )
    return _needs[run.path]


def _attempt_seconds(history: list[runs.Moment]) -> float:
    """Seconds of a run's last attempt, from when it left the queue; 0 where they are not known."""
    begun = [moment.at for moment in history if moment.status == "running"]
    return history[-1].at - begun[-1] if begun and history[-1].status == "done" else 0.0


def _bytes(value: Any) -> float | None:
    number = files.number(value)
    return number if number > 0 else None


@cache
def _shipped(model: str) -> list[Past]:
    timed = [_past_of_row(row) for row in files.read_json(ASSETS / "measured" / "times" / f"{model}.json", [])]
    rows = [row for table in benchmarks.tables().values() for row in table if row.model == model and row.metrics]
    return timed + [
        past for row in rows if (past := _past_of_row(row.model_dump())).method not in {job.method for job in timed}
    ]


def _past_of_row(row: dict[str, Any]) -> Past:
    """A measured row as an earlier job."""
    seconds = files.number(row["seconds"])
    total = files.number(row.get("total_seconds"))
    return Past(
        method=row["method"],
        params=row["params"],
        seconds=seconds,
        memory=_bytes(row.get("peak_memory")),
        around=max(0.0, total - seconds) if total == total else 0.0,
        forget_count=row.get("forget_count"),
        device=row.get("device", ""),
        threads=row.get("threads", 0),
    )
