"""Every sentence that Lethe says, where it is said: in the code, in the templates and scripts of pages, and in the catalog."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase
from typing import Any, Final, get_args

from jinja2 import Environment, nodes

from backends.api import catalog, families
from backends.api.spec import Status

ROOT: Final = Path(__file__).resolve().parents[2]
LOOKS: Final = ("backends/attacks", "backends/inspectors", "backends/families")
PANEL: Final = {
    "title",
    "says",
    "how",
    "x_title",
    "y_title",
    "start_name",
}  # what a panel says, see backends/api/panels.py
WORD: Final = re.compile(r"[A-Za-z]{2,}")
FIELD: Final = re.compile(r"\{\w+\}")
CODE: Final = ("app", "pages", "backends/api", "backends/families", "backends/methods")
NAMES: Final = {"tr": 1, "later": 1, "plural": 2}  # functions -> how many of their first arguments are sentences
SAID: Final = re.compile(r"letheSay\('((?:[^'\\]|\\.)*)'")
# The file of a catalogue that a sentence stands in, by how its place begins; the last fits all.
FILES: Final = (
    ("looks", ("backends/attacks/", "backends/inspectors/", "looks/")), ("lessons", "pages/classroom/"), ("figures", "app/figures/"), ("catalog", "catalog/"), ("backend", "backends/"), ("interface", ""),
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
    for folder in LOOKS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _in_look(path)


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


def _in_look(path: Path) -> Iterator[Said]:
    """What a look says of its pictures: the texts that are given to a panel, where they hold values with these as fields."""
    for call in (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)):
        if getattr(call.func, "id", "") in NAMES:
            continue
        for keyword in call.keywords:
            if keyword.arg in PANEL:
                for text in _templates(keyword.value):
                    if len(WORD.findall(FIELD.sub("", text))) > 1:
                        yield text, "", f"looks/{_place(path)}"


def _templates(node: ast.AST) -> Iterator[str]:
    """The texts in an expression, f-strings as templates, but none that is translated where it stands."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in NAMES:
        return
    if isinstance(node, ast.JoinedStr):
        yield _template(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from _templates(child)


def _template(text: ast.JoinedStr) -> str:
    """An f-string with a field for each of its values, the same for the same: {a}, {b} and so on."""
    fields: dict[str, str] = {}
    parts = []
    for part in text.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif isinstance(part, ast.FormattedValue):
            parts.append("{" + fields.setdefault(ast.dump(part), ascii_lowercase[len(fields)]) + "}")
    return "".join(parts)


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
        for noun in re.findall(r'\bnoun(?:: [\w\[\]]+)? ?= ?"([^"]+)"', path.read_text("utf-8")):
            yield noun, "", _place(path)
