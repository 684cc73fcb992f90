"""The code speaks the field's words, and no shared file tells families of models apart by their names."""

import ast
from pathlib import Path

import vocabulary

from backends.api import families

PARTS = ("app", "pages", "backends", "lethe")
MOST = 0.5  # percent of the names bound; those left are keys of files or of widgets
SHARED = ("app", "pages", "backends", "lethe")
OWN = ("app/families", "backends/families")
OTHER = {("backends/methods/eco.py", "classifier")}  # the name of a phase


def test_identifiers_are_the_terms_of_the_field():
    bound, everyday = (sum(column) for column in zip(*map(vocabulary.counts, PARTS), strict=True))
    assert 100 * everyday / bound < MOST, "python tests/boundaries/vocabulary.py lists them"


def test_the_count_counts(tmp_path):
    path = tmp_path / "some.py"
    path.write_text("def said(known, logits):\n    found = _held = logits\n    return [shown for shown in found]\n")
    assert sorted(name for _, name in vocabulary.everyday(path)) == ["_held", "found", "known", "said", "shown"]
    assert len(list(vocabulary.bindings(path))) == 6


def named(path: Path) -> set[str]:
    """The families that a file names as strings."""
    strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {value for value in strings if isinstance(value, str) and value in families.every()}


def test_no_shared_file_names_a_family():
    paths = {
        str(path.relative_to(vocabulary.ROOT)): path
        for part in SHARED
        for path in (vocabulary.ROOT / part).rglob("*.py")
    }
    shared = {name: path for name, path in paths.items() if not name.startswith(OWN)}
    assert {"pages/studio/new/_targets.py", "app/widgets/basic.py", "backends/models/source.py"} <= shared.keys()
    assert {(name, family) for name, path in shared.items() for family in named(path)} == OTHER
