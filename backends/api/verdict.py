"""The one honest sentence about a finished run, computed from its measurements whenever it is read.

So that a sentence which was wrong is mended for old runs as well. What looks inside a run found joins it: every panel of an
inspector or attack that has a `finding` adds that clause.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any

from . import catalog, court, families, languages
from . import findings as earlier
from .catalog import Model
from .errors import BadInput
from .home import home
from .marks import UNMEASURED, UNTESTED, Mark
from .numbers import Finding, Numbers, Subject
from .results import Measured
from .runs import RunFolder

__all__ = ["Finding", "Numbers", "Subject", "findings", "marks_of", "of_run", "sentence"]
UNCHANGED = "Nothing was forgotten of"


def sentence(
    metrics: Mapping[str, Measured], entries: Mapping[str, Any], about: Subject, look_findings: Sequence[Finding] = ()
) -> str:
    """The verdict.

    Args:
        metrics: what was measured.
        entries: the catalog's entry of each metric.
        about: the job.
        look_findings: by looks inside the run.
    """
    numbers = Numbers(metrics, entries)
    new = [one for one in look_findings if not one.covers or isnan(numbers.value(one.covers, "after"))]
    return families.get(about.family).verdict(numbers, about, new)


def of_run(run: RunFolder) -> str:
    """The verdict of a finished run by its folder; of one whose numbers do not suffice, the sentence it was finished with."""
    read = [run.path / "result.json", run.path / "metrics.json", *_findings_files(run)]
    changed = tuple((str(path), path.stat().st_mtime_ns) for path in read if path.is_file())
    return _of_run(run.path, changed, languages.current())


@lru_cache(maxsize=512)
def _of_run(path: Path, read: tuple[tuple[str, int], ...], language: str) -> str:
    """`of_run` in a language, made again only where one of the files it was `read` from has changed."""
    run = RunFolder(path)
    result = run.result
    if result is None:
        return ""
    stored_verdict = str(result.get("verdict", ""))
    read_run = _measured(run, result)
    if read_run is None:
        return stored_verdict
    metrics, about = read_run
    if any(name not in metrics for name in families.get(about.family).measured):
        return stored_verdict
    return sentence(metrics, {entry.id: entry for entry in catalog.load().metrics}, about, findings(run))


def _measured(run: RunFolder, result: dict[str, Any]) -> tuple[dict[str, Measured], Subject] | None:
    """What was measured of a run, and the job as a verdict sees it; None where either cannot be read."""
    try:
        metrics = {name: Measured.model_validate(one) for name, one in run.metrics.items()}
        about = Subject.model_validate(result["about"]) if result.get("about") else _subject(run, result)
    except (ValueError, TypeError, KeyError, BadInput):
        return None
    return (metrics, about) if about is not None and about.family in families.every() else None


def marks_of(run: RunFolder) -> tuple[Mark, Mark, Mark]:
    """Forgotten? Rest intact? Really gone? of a finished run by its folder; what it did not measure says so. The third is the court's
    where attacks were tried."""
    first, second, third = _measured_marks(run)
    judgement = court.of_run(run)
    return first, second, third if judgement is None else court.mark(judgement)


def _measured_marks(run: RunFolder) -> tuple[Mark, Mark, Mark]:
    """The marks by the metrics alone."""
    read_run = _measured(run, run.result or {})
    if read_run is None:
        return UNMEASURED, UNMEASURED, UNTESTED
    metrics, about = read_run
    numbers = Numbers(metrics, {entry.id: entry for entry in catalog.load().metrics})
    return families.get(about.family).marks(numbers, about)


def findings(run: RunFolder) -> list[Finding]:
    """What looks inside a run and attacks on it found that its verdict has to say, each once."""
    by_clause: dict[str, Finding] = {}
    for path in _findings_files(run):
        for panel in (earlier.at(path.parent) or {}).get("panels", []):
            if panel.get("finding"):
                by_clause.setdefault(
                    str(panel["finding"]), Finding(str(panel["finding"]), str(panel.get("covers", "")))
                )
    return list(by_clause.values())


def _findings_files(run: RunFolder) -> list[Path]:
    """What was found in a run: in its folder, and of one that came with Lethe beside the others of this home."""
    roots = [root for kind in ("inspect", "attack") for root in (run.path / kind, home() / kind / run.id)]
    return [path for root in roots for path in sorted(root.glob("*/found.json"))]


def _subject(run: RunFolder, result: dict[str, Any]) -> Subject | None:
    """What is known of a run of an earlier version, which did not write it down; None of a model that is no longer there."""
    installed = catalog.load()
    model: Model | None = next((entry for entry in installed.models if entry.id == run.spec.model), None)
    method = next((entry for entry in installed.methods if entry.id == run.spec.method), None)
    if model is None or method is None:
        return None
    return Subject(
        family=model.family,
        guard=method.guard,
        unchanged=str(result.get("verdict", "")).startswith(UNCHANGED),
        again=method.reference,
        **families.get(model.family).about_earlier(model.card, run.spec, result, method),
    )
