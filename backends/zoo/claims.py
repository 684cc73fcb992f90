"""What papers claim of a method beside what was measured of it here: assets/measured/claims, and docs/results/claims.md.

The target is chosen by a rule: the first of the family's benchmark, a class on which no setting here was chosen. What the
tables have measured is taken from there; the other settings are measured by this command.
"""

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from ..api import files, submit
from ..api.home import ASSETS
from ..api.spec import JobSpec
from ..core import registry
from ..metrics.average_gap import OVER
from ._matrix import benchmarks
from ._table import spread, values

PAGE = ASSETS.parent / "docs" / "results" / "claims.md"
SEEDS = (0, 1, 2)
CONTROLS = ("retrain", "fine_tune")  # what a table has beside: the aim, and the plainest method


@dataclass(frozen=True)
class Claim:
    """What a paper says of a method, with the settings of ours that it is held to; `{}` are those that the studio starts from."""

    method: str
    says: str
    settings: dict[str, Any] = field(default_factory=dict)


MODEL = "fashion-resnet"
CLAIMS = (
    Claim("laf", "Without any label it comes near to methods that have all labels."),
    Claim("laf", "With few labels it does better than methods that have all of them.", {"labels": 100}),
    Claim(
        "concept_poisoning", "A class is erased and the performance on the others largely kept, with random labels ..."
    ),
    Claim("concept_poisoning", "... and with targeted ones.", {"poison": "targeted"}),
)


def main(
    minutes: Annotated[float, typer.Option(help="Start no job after this many minutes; 0: go on to the end.")] = 0,
    to: Annotated[Path, typer.Option(help="Folder of the measured results.")] = ASSETS / "measured",
    page: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Measure the settings of each claim that no table has, three seeds each, and write the page (ten minutes on two cores)."""
    from .table import measured

    path, end = to / "claims" / f"{MODEL}.json", time.monotonic() + 60 * minutes
    target, jobs = first_target(), [(claim, seed) for claim in CLAIMS if claim.settings for seed in SEEDS]
    with tempfile.TemporaryDirectory() as place_to_work:
        os.environ["LETHE_HOME"] = place_to_work
        for claim, seed in jobs:
            rows = files.read_json(path, [])
            if any(_of(row, claim) and (row["target"], row["seed"]) == (target, seed) for row in rows):
                continue
            if minutes and time.monotonic() > end:
                break
            spec = JobSpec(model=MODEL, method=claim.method, forget=(target,), seed=seed, params=dict(claim.settings))
            row = measured(submit.check(spec), timed=False) | {"given": claim.settings}
            files.write_json(path, [*rows, row])
            typer.echo(
                f"{claim.method} {claim.settings}, {target}, seed {seed}: {row.get('error') or row['seconds']}",
                err=True,
            )
    files.write_bytes(page, written(to).encode())


def first_target() -> str:
    """What is forgotten: the first target of the benchmark of the model's family."""
    family = files.read_json(ASSETS / "models" / MODEL / "card.json")["family"]
    return str(benchmarks()[family].targets[0])


def written(measured: Path) -> str:
    """The page, from the rows in a folder."""
    tables = files.read_json(measured / f"{MODEL}.json", [])
    own = files.read_json(measured / "claims" / f"{MODEL}.json", [])
    target = first_target()
    return f"""# What papers claim, and what was measured

Claims in the words of the abstracts, shortened; no number of a paper is repeated, since theirs are of other models and data. Measured
here with three seeds (mean and standard deviation) on the first target of [the tables](classifiers.md), on which no setting of these
methods was chosen. UA, RA, TA and MIA as there: each is best where it is nearest to retraining. Made by `python -m backends.zoo claims`.

**{MODEL}, forgetting {target}**

{_table(target, tables, own)}"""


def _table(target: str, tables: list[dict[str, Any]], own: list[dict[str, Any]]) -> str:
    heads = [registry.get("metrics", name).entry.short for name in OVER]
    lines = [f"| method | the paper says | {' | '.join(heads)} |", "|---|---|" + "---:|" * len(heads)]
    for name in CONTROLS:
        rows = [row for row in tables if (row["method"], row["target"]) == (name, target)]
        lines.append(_line(registry.get("methods", name).entry.title, "", rows))
    for claim in CLAIMS:
        rows = [row for row in (own if claim.settings else tables) if _of(row, claim) and row["target"] == target]
        settings = "".join(f", {name} = {value}" for name, value in claim.settings.items())
        lines.append(_line(registry.get("methods", claim.method).entry.title + settings, claim.says, rows))
    return "\n".join(lines) + "\n"


def _line(title: str, says: str, rows: list[dict[str, Any]]) -> str:
    cells = [spread(values(rows, name)) for name in OVER]
    return f"| {title} | {says} | {' | '.join(cells)} |"


def _of(row: dict[str, Any], claim: Claim) -> bool:
    return bool(row["method"] == claim.method and row.get("given", {}) == claim.settings)
