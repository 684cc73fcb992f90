"""The tier of a test, read from what it needs: `unit`, `job` or `browser`.

A test needs what its file imports, what the helper files imported there import, and what its fixtures import. With Playwright
it is a browser test; with a model library, a part of `backends` behind `backends.api`, or a way to start processes it is a job;
all others are unit tests. With `-m unit` no other file is opened, no model library can be imported, and of what computes only
the process that makes the catalog can be started.
"""

import ast
import inspect
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
LIBRARIES = {"accelerate", "captum", "diffusers", "numba", "safetensors", "sklearn", "torch", "transformers", "umap"}
PROCESSES = {"lethe", "multiprocessing", "subprocess"}  # whoever imports lethe may do a job
BROWSER = {"playwright"}
TOGETHER = {"attacks"}  # folders whose files share a server that takes seconds to make
# Browser tests wait more than they work: these have a studio and a Chromium of their own beside that of the others.
SECOND = {"test_axe", "test_drawing_compare", "test_drawing_walk", "test_experts_walk"}
TIERS = {
    "unit": "needs no model library and starts no process; `make check` runs these",
    "job": "needs a model library, or starts processes",
    "browser": "drives Chromium",
}


def imported(tree: ast.AST) -> set[str]:
    """Dotted names of what is imported anywhere in a syntax tree; `from a import b` gives a.b, since b may be a module."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def helpers() -> dict[str, Path]:
    """Files that tests import, by the name they are imported with."""
    return {path.stem: path for path in TESTS.rglob("*.py") if not path.name.startswith(("test_", "conftest", "__"))}


@cache
def needs(path: Path, function: str | None = None) -> frozenset[str]:
    """What a file needs, with what the helper files that it imports need.

    Args:
        path: the file.
        function: where given, only this function counts and what stands outside of functions ("" for that alone).
    """
    tree = ast.parse(path.read_text("utf-8"))
    if function is not None:
        tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef) or node.name == function]
    names = imported(tree)
    followed = {top(name) for name in names} & helpers().keys()
    return frozenset(names).union(*(needs(helpers()[name]) for name in followed))


def top(name: str) -> str:
    """The package of a dotted name."""
    return name.partition(".")[0]


def tier(names: frozenset[str]) -> str:
    """The tier of a test that needs these."""
    packages = {top(name) for name in names}
    if packages & BROWSER:
        return "browser"
    behind = any(name.startswith("backends.") and name.split(".")[1] != "api" for name in names)
    return "job" if behind or packages & (LIBRARIES | PROCESSES) else "unit"


def needs_of_place(path: Path) -> frozenset[str]:
    """What it takes to open a folder of tests or a file in it: what each conftest.py above imports, and the file itself."""
    above = [folder / "conftest.py" for folder in (path, *path.parents) if folder == TESTS or TESTS in folder.parents]
    read = frozenset[str]().union(*(needs(conftest, "") for conftest in above if conftest.is_file()))
    own = needs(path) if path.suffix == ".py" else frozenset[str]()
    return own | (read - PROCESSES)  # a conftest.py starts processes only in the fixtures that a test asks for


def tier_of(item: pytest.Item) -> str:
    """The tier of a collected test."""
    names = needs_of_place(item.path)
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        for definition in definitions:
            path = Path(inspect.getfile(definition.func))
            if TESTS in path.parents and path != item.path:
                names |= needs(path, definition.func.__name__)
    return tier(names)


class NoModelLibrary:
    """Stands before Python's own finders, so that a unit test that needs a model library after all fails."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if top(name) in LIBRARIES:
            raise ModuleNotFoundError(
                f"{name} is imported by a unit test; tests/tiers.py holds what makes it one", name=name
            )


def no_process_that_computes(event: str, arguments: tuple[object, ...]) -> None:
    """A hook of the interpreter that refuses to start an engine or a process that opens models, as a full machine would.

    Raises:
        ChildProcessError: a unit test wanted one.
    """
    if event == "subprocess.Popen":
        words = [str(word) for word in arguments[1]] if isinstance(arguments[1], list | tuple) else []
        if any(word.startswith("backends.") and word != "backends.catalog" for word in words):
            raise ChildProcessError(f"a unit test starts {' '.join(words)}; tests/tiers.py holds what makes it one")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in TIERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if config.option.markexpr == "unit":
        assert "torch" not in sys.modules
        sys.meta_path.insert(0, NoModelLibrary())
        sys.addaudithook(no_process_that_computes)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """A process for each core, and where tests wait for processes, pages and time limits, which unit tests do not, one more."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + (config.option.markexpr != "unit")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves folders and files closed that hold no unit test, where only those are asked for."""
    if config.option.markexpr != "unit" or TESTS not in collection_path.parents:
        return None
    return tier(needs_of_place(collection_path)) != "unit" or None


def group_of(path: str) -> str:
    """Tests of one group share a process: those of a file, of a folder whose files share a server, and half of the browser's.

    Args:
        path: of a file of tests, below the folder of all.
    """
    folder, _, name = path.rpartition("/")
    if folder == "browser":
        return "second browser" if name.removesuffix(".py") in SECOND else folder
    return folder if folder in TOGETHER else path


class Groups(LoadScopeScheduling):
    """Gives each group to one process, whose tests then share a studio and a Chromium, or a server.

    Not by marks: xdist 3.8 passes these on in the names of tests, which cannot be changed from pytest 9.2 on, so that every test
    goes anywhere (https://github.com/pytest-dev/pytest-xdist/issues/1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid.partition("::")[0].removeprefix(f"{TESTS.name}/"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its tier, and puts what takes long first, so that no process ends long after the others."""
    long = set()
    for item in items:
        name = tier_of(item)
        item.add_marker(name)
        if item.get_closest_marker("slow") or str(item.path.parent.relative_to(TESTS)) in TOGETHER:
            long.add(item.path)
    items.sort(key=lambda item: (item.get_closest_marker("browser") is None, item.path not in long))
