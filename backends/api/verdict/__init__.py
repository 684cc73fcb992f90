"""The one honest sentence about a finished run, computed from its measurements whenever it is read.

So that a sentence which was wrong is mended for old runs as well. What looks inside a run found joins it: every panel of an
inspector or attack that has a `finding` adds that clause.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import isnan
from pathlib import Path
from typing import Any

from .. import catalog, concepts, pairs
from .. import found as earlier
from ..catalog import SPEAKERS, Model
from ..errors import BadInput
from ..home import home
from ..results import Measured
from ..runs import RunFolder
from . import classifier, drawing, language
from .numbers import Finding, Numbers, Subject

__all__ = ["Finding", "Numbers", "Subject", "findings", "of_run", "sentence"]
UNCHANGED = "Nothing was forgotten of"


def needs(family: str) -> tuple[str, ...]:
    """The metrics that a verdict is made of."""
    return {"classifier": classifier.NEEDS, "text-to-image": drawing.NEEDS}.get(family, language.NEEDS)


def sentence(
    metrics: Mapping[str, Measured], entries: Mapping[str, Any], about: Subject, found: Sequence[Finding] = ()
) -> str:
    """The verdict.

    Args:
        metrics: what was measured.
        entries: the catalog's entry of each metric.
        about: the job.
        found: by looks inside the run.
    """
    numbers = Numbers(metrics, entries)
    found = [one for one in found if not one.covers or isnan(numbers.value(one.covers, "after"))]
    if about.family in SPEAKERS:
        return language.verdict(numbers, about, found)
    made = (drawing if about.family == "text-to-image" else classifier).verdict(numbers, about)
    return "; ".join([made.removesuffix("."), *(one.says for one in found)]) + "." if found else made


def of_run(run: RunFolder) -> str:
    """The verdict of a finished run by its folder; of one whose numbers do not suffice, the sentence it was finished with."""
    read = [run.path / "result.json", run.path / "metrics.json", *_looks(run)]
    return _of_run(run.path, tuple((str(path), path.stat().st_mtime_ns) for path in read if path.is_file()))


@lru_cache(maxsize=512)
def _of_run(path: Path, read: tuple[tuple[str, int], ...]) -> str:
    """`of_run`, made again only where one of the files it was `read` from has changed."""
    run = RunFolder(path)
    result = run.result
    if result is None:
        return ""
    kept = str(result.get("verdict", ""))
    try:
        metrics = {name: Measured.model_validate(one) for name, one in run.metrics.items()}
        about = Subject.model_validate(result["about"]) if result.get("about") else _subject(run, result)
    except (ValueError, TypeError, KeyError, BadInput):
        return kept
    if about is None or any(name not in metrics for name in needs(about.family)):
        return kept
    return sentence(metrics, {entry.id: entry for entry in catalog.load().metrics}, about, findings(run))


def findings(run: RunFolder) -> list[Finding]:
    """What looks inside a run and attacks on it found that its verdict has to say, each once."""
    found: dict[str, Finding] = {}
    for path in _looks(run):
        for panel in (earlier.at(path.parent) or {}).get("panels", []):
            if panel.get("finding"):
                found.setdefault(str(panel["finding"]), Finding(str(panel["finding"]), str(panel.get("covers", ""))))
    return list(found.values())


def _looks(run: RunFolder) -> list[Path]:
    """What was found in a run: in its folder, and of one that came with Lethe beside the others of this home."""
    roots = [root for kind in ("inspect", "attack") for root in (run.path / kind, home() / kind / run.id)]
    return [path for root in roots for path in sorted(root.glob("*/found.json"))]


def _subject(run: RunFolder, result: dict[str, Any]) -> Subject | None:
    """What is known of a run of an earlier version, which did not write it down; None of a model that is no longer there."""
    known = catalog.load()
    model: Model | None = next((entry for entry in known.models if entry.id == run.spec.model), None)
    method = next((entry for entry in known.methods if entry.id == run.spec.method), None)
    if model is None or method is None:
        return None
    family, gone = model.family, tuple(run.spec.gone)
    classes = tuple(name for name in gone if name in model.card.get("classes", ()))
    by_class = classes if len(classes) == len(gone) else ()
    concept = [concepts.read(text, model.card, model.id) for text in gone] if family == "text-to-image" else []
    if family == "classifier":
        what = of_images(int(result.get("forget_count", 0)), gone, by_class, found=method.finds)
    else:
        what = listed([one.name for one in concept] or pairs.named(gone), "concepts" if concept else "things")
    return Subject(
        family=family,
        what=what,
        by_class=by_class,
        other_kind="objects" if concept and all(one.kind == "style" for one in concept) else "styles",
        guard=method.guard,
        unchanged=str(result.get("verdict", "")).startswith(UNCHANGED),
        again=method.reference,
    )


def of_images(count: int, targets: Sequence[str], by_class: Sequence[str], *, found: bool = False) -> str:
    """What a classifier is to forget, in words.

    Args:
        count: training images.
        targets: as the person named them.
        by_class: whole classes, by name; empty where single images are forgotten.
        found: the method chose the forget set itself.
    """
    images = f"{count:,} training image{'' if count == 1 else 's'}"
    if found:
        return f"the {images} that it found"
    if by_class:
        return f"{' and '.join(by_class) if len(by_class) < 4 else f'{len(by_class)} classes'} ({images})"
    named = ", ".join(targets)
    return f"the {images} ({named})" if len(named) <= 40 else f"the {images}"


def listed(names: Sequence[str], kind: str) -> str:
    """Up to three names, of more how many."""
    return ", ".join(names) if len(names) < 4 else f"{len(names)} {kind}"
