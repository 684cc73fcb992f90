"""Which method works on which family, as a Markdown table made from the catalog."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from ..api import families
from ..core import registry
from ..core.benchmark import Benchmark
from ._names import citation, known_name
from ._table import into as replaced

BEGIN, END = "<!-- methods:begin -->", "<!-- methods:end -->"
TRAINED, GUARD = "●", "guard"


def into(text: str) -> str:
    """A document with its table of methods made anew."""
    return replaced(text, table([item.entry for item in registry.entries("methods").values()]), BEGIN, END)


@cache
def benchmarks() -> Mapping[str, Benchmark]:
    """How methods are compared, by family, of the families that have it."""
    with_one = {name: family.benchmark for name, family in families.every().items() if family.benchmark}
    return MappingProxyType({name: families.load(benchmark) for name, benchmark in with_one.items()})


def table(entries: list[Any]) -> str:
    """A line for each known name: its ids, papers, and what it does in each family; by family, then as pages list them."""
    groups: dict[str, list[Any]] = defaultdict(list)
    for entry in sorted(entries, key=_first_family):
        groups[known_name(entry.title)].append(entry)
    heads = ["method", "id", "paper", *(one.heading for one in benchmarks().values())]
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|" + ":---:|" * len(benchmarks())]
    return "\n".join([*lines, *(_line(name, ours) for name, ours in groups.items())])


def _fits(entry: Any, family: str) -> bool:
    return entry.works_with.get(family) is True


def _first_family(entry: Any) -> int:
    """Place of the first family that a method works on; behind all others where it works on none of these."""
    return next((at for at, family in enumerate(benchmarks()) if _fits(entry, family)), len(benchmarks()))


def _line(name: str, entries: list[Any]) -> str:
    marks = []
    for family in benchmarks():
        fitting = [entry for entry in entries if _fits(entry, family)]
        marks.append(" ".join(dict.fromkeys(GUARD if entry.guard else TRAINED for entry in fitting)))
    ids = ", ".join(f"`{entry.id}`" for entry in entries)
    papers = "; ".join(dict.fromkeys(citation(entry.source) for entry in entries))
    return f"| {' | '.join([name, ids, papers, *marks])} |"
