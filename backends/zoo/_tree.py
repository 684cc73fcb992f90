"""The tree of the code, a line for each folder and file: the first sentences of their docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ._table import into as replaced

BEGIN, END = "<!-- tree:begin -->", "<!-- tree:end -->"
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
PARTS = ("lethe", "pages", "app", "backends")
ADDITIONS = {
    "methods",
    "metrics",
    "inspectors",
    "attacks",
    "data",
    "families",
    "lessons",
}  # folders whose files are not named


def into(text: str, root: Path) -> str:
    """A document with its tree of the code below `root` made anew."""
    return replaced(text, "\n".join(line for part in PARTS for line in lines(root / part, root)), BEGIN, END)


def lines(folder: Path, root: Path, depth: int = 0) -> Iterator[str]:
    """A folder, its files in the order of their names, then its folders, as a nested Markdown list."""
    yield f"{'  ' * depth}- `{folder.relative_to(root).as_posix()}/`{_about(folder / '__init__.py')}"
    if folder.name not in ADDITIONS:
        for path in sorted(folder.glob("*.py")):
            if path.name != "__init__.py":
                yield f"{'  ' * (depth + 1)}- `{path.name}`{_about(path)}"
    for inner in sorted(path for path in folder.iterdir() if any(path.rglob("*.py"))):
        if inner.is_dir() and folder.name not in ADDITIONS:
            yield from lines(inner, root, depth + 1)


def _about(path: Path) -> str:
    """First sentence of a file's docstring behind a colon; nothing where there is none."""
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) if path.exists() else ""
    paragraph = " ".join((text or "").partition("\n\n")[0].split())
    return f": {SENTENCE.split(paragraph)[0]}" if paragraph else ""
