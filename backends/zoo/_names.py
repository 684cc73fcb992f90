"""How the documents name a method: its known name, its id, and the paper that it follows."""

import re
from typing import Any

MANY = re.compile(r"([^,;]*?) et al\.|([A-Z][\w’'-]+), [A-Z][\w’'-]+ (?:and|&) ")
TWO = re.compile(r"[A-Z][\w’'-]+ (?:and|&) [A-Z][\w’'-]+")
YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def known_name(title: str) -> str:
    """A title up to its colon: what comes behind says what the method does."""
    return title.partition(":")[0].strip()


def citation(source: Any) -> str:
    """Authors and year of a source, linked to where it can be read; without authors and a year its whole first title."""
    first = source.title.partition(";")[0]
    many, two, year = MANY.match(first), TWO.match(first), YEAR.search(source.title)
    authors = f"{many[1] or many[2]} et al." if many else two[0] if two else ""
    text = f"{authors}, {year[0]}" if authors and year else first
    return f"[{text}]({source.url})" if source.url else text


def heading(entry: Any, settings: str = "") -> str:
    """First cell of a measured row: title, settings that differ, whether the weights stay, id and paper."""
    guard = " (guard; weights unchanged)" if entry.guard else ""
    return f"{entry.title}{f'; {settings}' if settings else ''}{guard} · `{entry.id}` · {citation(entry.source)}"
