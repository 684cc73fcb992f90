"""Corrective unlearning, measured: what methods make of manipulated models when only a part of the manipulated images was found."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import typer

from ..api import files, submit
from ..api.home import ASSETS, home
from ..api.runs import RunFolder, State
from ..api.spec import JobSpec

MODELS = ("fashion-resnet-trigger", "fashion-resnet-swap")
METHODS = ("retrain", "fine_tune", "ssd", "scrub", "bad_teacher")  # EU, CF, SSD, SCRUB and BadT of the paper
BLIND = "ebyd"  # needs to be told of no manipulated image
SHARES, SEEDS = (10, 50, 100), (0, 1, 2)
ALL_MODELS, ALL_METHODS = [*MODELS], [*METHODS, BLIND]
METRICS = ("corrected_accuracy", "testing_accuracy", "attack_success_rate")
MEASURED = ASSETS / "measured" / "systems" / "corrective.json"
HEAD = """# Corrective unlearning and EBYD, measured

Made by `python -m backends.zoo corrective` on the two embedded models that learned from manipulated images, each method with its default
settings, by a rule: the shares of the manipulated images that were found, each with three seeds of the job and of the draw. Mean, and the
standard deviation over the seeds; numbers of fewer seeds say so. Acc_corr: right by the true labels where the manipulation shows; Acc_retain:
right on the other test images; ASR: the trigger works; all in percent.

What the paper says (Goel et al., Corrective Machine Unlearning, TMLR 2024, its abstract): retraining without what was found is no gold
standard, since most of the manipulated images have to be known before it helps; SSD removes a trigger when a small part is known and fails on
swapped labels. Its authors sweep the strength of every method for each setting; here all have the defaults that were chosen on whole
classes, which for SSD on swapped labels destroys the model. EBYD (Li et al., 2024) is not told of any manipulated image.
"""


def main(
    model: Annotated[list[str], typer.Option(help="Which models.")] = ALL_MODELS,
    method: Annotated[list[str], typer.Option(help="Which methods.")] = ALL_METHODS,
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the table.")] = Path("docs/results"),
) -> None:
    """Measure what is not measured yet (about an hour on two cores, most of it retraining), and write the table."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as place_to_work:
        os.environ["LETHE_HOME"] = place_to_work
        for job in jobs(model, method):
            if minutes and time.monotonic() > end:
                break
            stored = files.read_json(MEASURED, [])
            if any(_same(row, job) for row in stored):
                continue
            row = _measured(job)
            files.write_json(MEASURED, sorted([*files.read_json(MEASURED, []), row], key=_order))
            typer.echo(f"{row['model']} {row['method']} {row['share']} % seed {row['seed']}: {row['after']}", err=True)
    files.write_bytes(to / "corrective.md", table(files.read_json(MEASURED, [])).encode())


def jobs(models: list[str], methods: list[str]) -> Iterator[JobSpec]:
    """Every job of the table; of a method that is not told what was found, one share."""
    for seed in SEEDS:
        for model in models:
            for method in methods:
                if method == BLIND and model != MODELS[0]:
                    continue  # there is no trigger
                for share in SHARES if method != BLIND else (100,):
                    target = f"poison:{share}%" + (f":{seed}" if seed and share < 100 else "")
                    yield JobSpec(model=model, method=method, forget=(target,), seed=seed, metrics=METRICS)


def _share(job: JobSpec) -> int:
    return int(job.forget[0].split(":")[1].rstrip("%"))


def _same(row: dict[str, Any], job: JobSpec) -> bool:
    return bool(
        (row["model"], row["method"], row["share"], row["seed"]) == (job.model, job.method, _share(job), job.seed)
    )


def _order(row: dict[str, Any]) -> tuple[int, int, int, int]:
    return MODELS.index(row["model"]), (*METHODS, BLIND).index(row["method"]), row["share"], row["seed"]


def _measured(job: JobSpec) -> dict[str, Any]:
    from ..engine.job import do

    run = RunFolder(home() / "runs" / job.method)
    files.write_json(run.path / "spec.json", submit.check(job).model_dump())
    files.write_json(run.path / "state.json", State().model_dump())
    do(run, run.move("running").attempt)
    result = run.result
    if result is None:
        raise RuntimeError(run.state.message)
    shutil.rmtree(run.path)
    values = {
        when: {name: _rounded(one[when]) for name, one in result["metrics"].items()}
        for when in ("before", "after", "reference")
    }
    return {"model": job.model, "method": job.method, "share": _share(job), "seed": job.seed, **values}


def _rounded(value: Any) -> float | None:
    return None if value is None or value != value else round(float(value), 2)


def table(rows: list[dict[str, Any]]) -> str:
    """The document, from the rows that are stored."""
    lines = [HEAD]
    for model in MODELS:
        own = [row for row in rows if row["model"] == model]
        if not own:
            continue
        card = files.read_json(ASSETS / "models" / model / "card.json")
        lines.append(f"## {card['title']}\n\n{card['summary']}\n")
        trigger = card["tampering"]["kind"] == "trigger"
        shown = METRICS if trigger else METRICS[:2]
        lines.append("| method | found | Acc_corr | Acc_retain |" + (" ASR |" if trigger else ""))
        lines.append("|---" * (2 + len(shown)) + "|")
        for title, when in (("nothing done", "before"), ("retrained without all of it", "reference")):
            lines.append(f"| {title} | | {_cells([own[0]], when, shown)} |")
        for method in (*METHODS, BLIND):
            for share in SHARES:
                each = [row for row in own if (row["method"], row["share"]) == (method, share)]
                if each:
                    told_share = "none is told" if method == BLIND else f"{share} %"
                    few = "" if len(each) == len(SEEDS) else f" ({len(each)} of {len(SEEDS)} seeds)"
                    lines.append(f"| {_title(method)}{few} | {told_share} | {_cells(each, 'after', shown)} |")
        lines.append("")
    return "\n".join(lines)


def _cells(rows: list[dict[str, Any]], when: str, shown: Sequence[str]) -> str:
    return " | ".join(_cell([row[when].get(name) for row in rows]) for name in shown)


def _cell(values: list[float | None]) -> str:
    measured = [value for value in values if value is not None]
    if not measured:
        return ""
    return f"{mean(measured):.1f}" + (f" ± {stdev(measured):.1f}" if len(measured) > 1 else "")


def _title(method: str) -> str:
    from ..core.registry import get

    name = {"retrain": "EU: ", "fine_tune": "CF: "}.get(method, "")
    return name + str(get("methods", method).entry.title)
