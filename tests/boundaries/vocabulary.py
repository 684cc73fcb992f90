"""How many of the names that the code binds are everyday words where the field has a term: python tests/boundaries/vocabulary.py

A name bound is an assignment, an argument or a definition. Terms to use instead stand in CONTRIBUTING.md.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = """
said found known shown asked kept told made held gone seen given wanted named taken drawn says looks tells knows
whole rest thing things
"""
EVERYDAY = frozenset(WORDS.split())


def bindings(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the name of everything that a file binds."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name


def everyday(path: Path) -> list[tuple[int, str]]:
    """Those of a file that are an everyday word."""
    return [(line, name) for line, name in bindings(path) if name.strip("_") in EVERYDAY]


def counts(folder: str) -> tuple[int, int]:
    """Of the Python files of a folder: names bound, and everyday words among them."""
    paths = list((ROOT / folder).rglob("*.py"))
    return sum(len(list(bindings(path))) for path in paths), sum(len(everyday(path)) for path in paths)


if __name__ == "__main__":
    for part in sys.argv[1:] or ["app", "pages", "backends", "lethe"]:
        files = sorted((ROOT / part).rglob("*.py")) if (ROOT / part).is_dir() else [ROOT / part]
        everyday_by_file = {path: everyday(path) for path in files}
        for path, names in sorted(everyday_by_file.items(), key=lambda one: -len(one[1])):
            if names:
                words = ", ".join(f"{word} {count}" for word, count in Counter(name for _, name in names).most_common())
                print(f"{path.relative_to(ROOT)}: {words}")
        total, bad = (
            counts(part) if (ROOT / part).is_dir() else (len(list(bindings(files[0]))), len(everyday_by_file[files[0]]))
        )
        print(f"{part}: {bad} of {total} names bound, {100 * bad / max(total, 1):.1f} %\n")
