"""What comes back of what each method forgot, as Markdown tables in docs/results/comes-back.md: one for each model and target."""

from pathlib import Path
from typing import Any

from ..api import comebacks, court, files
from ..core import registry
from ._names import known_name
from ._table import into as replaced

CONTROLS = {"original": "*control: nothing done*", "noise": "*control: noise as large as the weights*"}
BEGIN, END = "<!-- methods-attacked:begin -->", "<!-- methods-attacked:end -->"


def into(text: str, folder: Path) -> str:
    """A document with its tables made anew; `folder` holds the rows of each model."""
    parts = [
        table([comebacks.Row.model_validate(row) for row in files.read_json(path)])
        for path in sorted(folder.glob("*.json"))
    ]
    return replaced(text, "\n".join(parts), BEGIN, END)


def table(rows: list[comebacks.Row]) -> str:
    """A line a method: the court's word, what is kept, and under every test what the unlearned model has, with the reference's share."""
    if not rows:
        return ""
    names = list(dict.fromkeys(test.attack for row in rows for test in row.tests))
    order = [name for name in registry.entries("attacks") if name in names]
    entries = registry.entries("attacks")
    heads = ["method", "verdict", "keeps", *(entries[name].entry.title.partition(":")[0] for name in order)]
    references = max(row.references for row in rows)
    counted = f"{references} retrained reference{'s' * (references != 1)}" if references else "no retrained reference"
    lines = [f"| {' | '.join(heads)} |", "|---|---|" + "---:|" * (len(heads) - 2)]
    for row in rows:
        tests: dict[str, Any] = {test.attack: test for test in row.tests}
        cells = [_cell(tests[name]) if name in tests else "–" for name in order]
        name = CONTROLS.get(row.method) or _name(row.method)
        kept = f"{_percent(row.kept)} ({_percent(row.kept_reference)})"
        lines.append(f"| {' | '.join([name, court.title(row.word, row.hit)[1], kept, *cells])} |")
    original = {test.attack: test.original for row in rows[:1] for test in row.tests}
    last = [_percent(original.get(name)) for name in order]
    lines.append(f"| *original model* | | | {' | '.join(last)} |")
    return f"**{rows[0].model}, {rows[0].target}**, {counted}\n\n" + "\n".join(lines) + "\n"


def _name(method: str) -> str:
    return f"{known_name(registry.get('methods', method).entry.title)} · `{method}`"


def _cell(test: comebacks.Tested) -> str:
    """`unlearned (reference)`, bold where it brings it back, in brackets where the test cannot tell."""
    text = f"{_percent(test.unlearned)} ({_percent(test.reference)})"
    return f"[{text}]" if test.void else f"**{text}**" if test.hit else text


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f}"
