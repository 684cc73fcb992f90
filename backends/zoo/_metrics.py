"""Every metric with its paper, and where the code departs from it, as a Markdown table made from the catalog."""

from typing import Any

from ..core import registry
from ._names import citation
from ._table import into as replaced

BEGIN, END = "<!-- metrics:begin -->", "<!-- metrics:end -->"
HEADS = ("metric", "id", "what it tells", "paper", "where it departs from the paper")


def into(text: str) -> str:
    """A document with its table of metrics made anew."""
    return replaced(text, table([item.entry for item in registry.entries("metrics").values()]), BEGIN, END)


def table(entries: list[Any]) -> str:
    """A line for each metric, in the order in which pages list them."""
    rows = [(e.title, f"`{e.id}`", e.summary, citation(e.source), e.departures) for e in entries]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (HEADS, ("---",) * len(HEADS), *rows))
