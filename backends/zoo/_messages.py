"""Every sentence that Lethe says, where it is said: in the code, in the templates and scripts of pages, and in the catalog."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, get_args

from jinja2 import Environment, nodes

from backends.api import catalog, families
from backends.api.spec import Status

ROOT: Final = Path(__file__).resolve().parents[2]
CODE: Final = ("app", "pages", "backends/api", "backends/families")
NAMES: Final = {"tr": 1, "later": 1, "plural": 2}  # functions -> how many of their first arguments are sentences
SAID: Final = re.compile(r"letheSay\('((?:[^'\\]|\\.)*)'")
# The file of a catalogue that a sentence stands in, by how its place begins; the last fits all.
FILES: Final = (
    ("lessons", "pages/classroom/"), ("figures", "app/figures/"), ("catalog", "catalog/"), ("backend", "backends/"), ("interface", ""),
)  # fmt: skip

Said = tuple[str, str, str]  # a sentence, the one for many things or nothing, and its place


def file_of(place: str) -> str:
    """The name of the file of a catalogue that what is said at a place stands in."""
    return next(name for name, start in FILES if place.startswith(start))


def every() -> Iterator[Said]:
    """All sentences, in the order of their places; one that is said at several comes several times."""
    yield from every_of_code()
    yield from _in_catalog()
    yield from _nouns()


def every_of_code() -> Iterator[Said]:
    """The sentences of the code, the templates and the scripts."""
    for folder in CODE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _in_python(path)
    for path in sorted((ROOT / "app/templates").glob("*.html")):
        yield from _in_template(path)
    for path in sorted((ROOT / "app/static").glob("*.js")):
        yield from (
            (match[1].replace("\\'", "'"), "", _place(path)) for match in SAID.finditer(path.read_text("utf-8"))
        )


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _in_python(path: Path) -> Iterator[Said]:
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
        count = NAMES.get(getattr(call.func, "id", getattr(call.func, "attr", "")), 0)
        texts = [one.value for one in call.args[:count] if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if count and len(texts) == count and texts[0]:
            yield texts[0], texts[1] if count == 2 else "", _place(path)


def _in_template(path: Path) -> Iterator[Said]:
    for call in Environment().parse(path.read_text("utf-8")).find_all(nodes.Call):
        count = NAMES.get(call.node.name, 0) if isinstance(call.node, nodes.Name) else 0
        texts = [one.value for one in call.args[:count] if isinstance(one, nodes.Const)]
        if count and len(texts) == count:
            yield texts[0], texts[1] if count == 2 else "", _place(path)


def _in_catalog() -> Iterator[Said]:
    entries = catalog.load()
    for kind in type(entries).model_fields:
        for entry in getattr(entries, kind):
            for name in catalog.SPOKEN:
                for text in _texts(getattr(entry, name, ""), name):
                    yield text, "", f"catalog/{kind}/{entry.id}"
            for name in (getattr(entry, "params", None) or {}).get("properties", {}):
                words = name.replace("_", " ")
                yield words[:1].upper() + words[1:], "", f"catalog/{kind}/{entry.id}"
            if unit := getattr(entry, "unit", ""):
                yield unit, "", f"catalog/{kind}/{entry.id}"


def _texts(value: Any, name: str) -> Iterator[str]:
    """What a field of an entry says, as `catalog` translates it."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(one, key if name == "params" and key in catalog.SPOKEN_PARAMS else name)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, name)
    elif isinstance(value, str) and name != "params" and value:
        yield value


def _nouns() -> Iterator[Said]:
    """What is counted, and the states of a run: words that the code puts together or takes from what was written down."""
    for status in get_args(Status):
        yield status, "", "backends/api/runs.py"
    for family in families.every().values():
        for noun in (family.noun, family.noun.removesuffix("s")):
            yield str(noun), "", f"backends/families/{family.id}"
    for path in sorted((ROOT / "backends").rglob("*.py")):
        for found in re.findall(r'\bnoun(?:: [\w\[\]]+)? ?= ?"([^"]+)"', path.read_text("utf-8")):
            yield found, "", _place(path)
