"""What attacks bring back of the shipped runs, and every attack with its paper, as Markdown tables in docs/results/attacks.md."""

from pathlib import Path

import numpy as np

from ..api import attacked, court
from ..api.attacked import Attacked
from ..api.court import Judgement, Trial
from ..api.runs import RunFolder
from ..core import registry
from ._table import into as replaced

BEGIN, END = "<!-- comebacks:begin -->", "<!-- comebacks:end -->"
ATTACKS = "<!-- attacks:begin -->", "<!-- attacks:end -->"


def into(text: str, folder: Path) -> str:
    """A document with its tables made anew; `folder` holds the shipped runs."""
    return replaced(replaced(text, tables(folder), BEGIN, END), every_attack(), *ATTACKS)


def tables(folder: Path) -> str:
    """A table for each shipped run that was attacked."""
    parts = [_table(RunFolder(path)) for path in sorted(folder.iterdir()) if (path / "attack").is_dir()]
    return "\n".join(part for part in parts if part)


def _table(run: RunFolder) -> str:
    judged = court.of_folders(sorted(one for one in (run.path / "attack").iterdir()), court.guarded(run))
    if judged is None:
        return ""
    by_id = {one.attack: one for one in map(attacked.read, sorted((run.path / "attack").iterdir())) if one is not None}
    entries = registry.entries("attacks")
    lines = [_line(entries[one.attack].entry.title.partition(":")[0], one, by_id[one.attack]) for one in judged.tests]
    return "\n".join(
        [
            f"**{run.id}** ({run.spec.model}, {', '.join(run.spec.forget)}, `{run.spec.method}`): **{judged.title[1]}**. {_why(judged)}\n",
            "| test | how far | original | unlearned | retrained reference | recovery | unlearned over reference | |",
            "|---|---|---:|---:|---:|---:|---:|---|",
            *lines,
            "",
        ]
    )


def _why(judged: Judgement) -> str:
    return " ".join([*judged.reasons, judged.settles]).strip()


def _line(name: str, test: Trial, what: Attacked) -> str:
    """A test: the curve of each model over the places of the attack, what it says, and how sure that is."""
    curves = [" ".join(_percent(value) for value in what.curve(when)) or "none" for when in attacked.WHENS]
    places = " ".join(f"{value:g}" for value in what.x) + (f" {what.x_title}" if what.x_title else "")
    recovery = "" if test.recovery is None else f"{100 * test.recovery:.0f} %"
    spread = "" if test.interval is None else f"{100 * test.interval[0]:+.0f} to {100 * test.interval[1]:+.0f}"
    effect = "void" if test.void else "explains" if not test.counts else "brings it back" if test.hit else ""
    return f"| {name} | {places} | {' | '.join(curves)} | {recovery} | {spread} | {effect} |"


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.0f}"


def every_attack() -> str:
    """Every attack: its name, what it does, its paper and for whom it is."""
    lines = ["| attack | id | kind | what it does | paper | for |", "|---|---|---|---|---|---|"]
    for one in registry.entries("attacks").values():
        entry = one.entry
        fits = ", ".join(family for family, works in entry.works_with.items() if works is True)
        source = f"[{entry.source.title}]({entry.source.url})" if entry.source.url else entry.source.title
        name, _, does = entry.title.partition(": ")
        weighed = entry.test if entry.counts else f"{entry.test}, explains"
        lines.append(
            f"| {name} | `{entry.id}` | {weighed} | {does[:1].upper()}{does[1:]}. {entry.summary} | {source} | {fits} |"
        )
    return "\n".join(lines) + "\n"
