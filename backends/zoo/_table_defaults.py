"""The settings that jobs start from, as a Markdown table: what chose them, and how they did on targets that chose nothing."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from ..api import files
from ..core import registry
from ._names import heading
from ._table import into as replaced

BEGIN, END = "<!-- defaults:begin -->", "<!-- defaults:end -->"
HEADS = (
    "model | method | settings | chosen on | measured on | forgotten, mean (worst) | left of what is kept, mean (worst)"
)
FORGOTTEN = 80.0  # percent of the forget set below which a target counts as not forgotten


def into(text: str, folder: Path) -> str:
    """A document with its table of default settings made anew from the records in a folder."""
    records = [files.read_json(path) for path in sorted(folder.glob("*.json"))]
    return replaced(text, table(record for record in records if reported(record)), BEGIN, END)


def reported(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The jobs with the chosen settings on targets that chose nothing."""
    others = set(record.get("reported_on", []))
    return [row for row in record.get("rows", []) if row["target"] in others and row["given"] == record["chosen"]]


def table(records: Iterable[dict[str, Any]]) -> str:
    """A line a record."""
    lines = [f"| {HEADS} |", "|---|---|---|---:|---:|---:|---:|"]
    return "\n".join([*lines, *(_line(record) for record in records)])


def _line(record: dict[str, Any]) -> str:
    rows = reported(record)
    title = heading(registry.get("methods", record["method"]).entry)
    settings = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in record["chosen"].items())
    targets = dict.fromkeys(row["target"] for row in rows)
    missed = [
        one for one in targets if mean(row["forgotten"] for row in rows if row["target"] == one) < FORGOTTEN
    ]  # fmt: skip
    counts = f"{_count(len(targets), record['kind'])}, {_count(len({row['seed'] for row in rows}), 'seed')}"
    forgotten = _range([row["forgotten"] for row in rows]) + (f"; not {', '.join(missed)}" if missed else "")
    left = _range([row["left"] for row in rows])
    if record["left_of"] == ["model_utility"]:
        left += ", of the utility alone"
    cells = (
        record["model"], title, settings, _count(len(record["chosen_on"]), record["kind"]), counts, forgotten, left,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _range(values: Sequence[float]) -> str:
    return f"{mean(values):.1f} ({min(values):.1f})"


def _count(number: int, noun: str) -> str:
    plural = {"class": "classes"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
