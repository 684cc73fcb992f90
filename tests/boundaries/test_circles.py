"""No module of backends imports, while it is loaded, one that imports it: what a function imports when it is called does not count."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """What runs when a module is loaded: neither in functions nor under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imports(ast.Module(node.orelse, []))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports(node)


def graph(package: Path) -> dict[str, set[str]]:
    """The modules of a package by name, each with those of the package that it imports while it is loaded."""
    paths = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py"))
    }
    edges: dict[str, set[str]] = {name: set() for name in paths}
    for name, path in paths.items():
        own_package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in imports(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            else:
                parents = own_package.split(".")[: len(own_package.split(".")) - node.level + 1] if node.level else []
                base = ".".join([*parents, *([node.module] if node.module else [])])
                inside = [f"{base}.{alias.name}" for alias in node.names]
                targets = [target if target in paths else base for target in inside]
            edges[name] |= {target for target in targets if target in paths and target != name}
    return edges


def circle(edges: dict[str, set[str]]) -> list[str]:
    """One circle of imports, from a module back to itself; empty where there is none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_circle_of_imports_in_backends():
    edges = graph(ROOT / "backends")
    assert len(edges) > 250
    assert "backends.core.task" in edges["backends.core.run"]
    assert "backends.families.language" in edges["backends.families.moe"]
    assert circle(edges) == []


@pytest.mark.parametrize(
    "back",
    [
        "import toy.one",
        "from toy import one",
        "from .one import ONE",
        "from . import one",
        "try:\n    from . import one\nexcept ImportError:\n    pass",
        "class Two:\n    from .one import ONE",
    ],
)
def test_a_circle_would_be_noticed(tmp_path, back):
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from . import two\nONE = 1\n")
    (package / "two.py").write_text(back + "\n")
    assert sorted(set(circle(graph(package)))) == ["toy.one", "toy.two"]


@pytest.mark.parametrize(
    "back",
    [
        "def late():\n    from .one import ONE",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .one import ONE",
        "import one",
    ],
)
def test_what_is_not_imported_while_loading_makes_no_circle(tmp_path, back):
    package = tmp_path / "toy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from . import two\nONE = 1\n")
    (package / "two.py").write_text(back + "\n")
    assert circle(graph(package)) == []
