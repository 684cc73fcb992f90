"""Output of the command line: results to standard output, everything else to standard error, errors as one sentence."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import Any

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
WIDEST = 60


def say(text: str) -> None:
    """Print one line to a person, beside the result."""
    print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """Print a line of the result."""
    print(_printable(text), flush=True)


def piece(text: str) -> None:
    """Print a part of a line of the result, shown at once."""
    print(_printable(text), end="", flush=True)


def document(value: Any) -> None:
    """The one JSON document that a command with --json writes."""
    from backends.api import files

    print(_printable(files.dumps(value, indent=1)), flush=True)


def number(value: Any, unit: str = "") -> str:
    """A measured number as a person reads it; NaN, "NaN" and None are "not measured"."""
    if value is None or math.isnan(float(value)):
        return "not measured"
    read = float(value)
    text = f"{read:.2f}" if abs(read) < 1000 else f"{read:,.0f}".replace(",", " ")
    return f"{text} {unit}".strip()


def seconds(value: float) -> str:
    """A time as a person reads it."""
    return f"{value:.1f} s" if value < 120 else f"{value / 60:.0f} min"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of columns, aligned on the left; a cell longer than 60 characters is cut."""
    cells = [[_cut(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _printable(text: str) -> str:
    """Half characters, as broken file names bring them, become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
