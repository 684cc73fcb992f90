"""What may know what: the walls that keep the web process small and an addition one file."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backends.api import catalog
from backends.api.results import Result

ROOT = Path(__file__).resolve().parents[2]
SHOWN = sorted(path for part in ("app", "pages", "lethe") for path in (ROOT / part).rglob("*.py"))
HEAVY = ("torch", "transformers", "diffusers", "captum", "umap", "peft", "sklearn", "numba", "safetensors.torch")
LARGEST = 10 * 2**20


def loaded_by(code: str) -> list[str]:
    """The heavy libraries that a process has loaded after running `code`."""
    tell = f"\nimport json, sys\nprint('\\n' + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code + tell], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def modules(*folders: str) -> list[str]:
    """Every module under these folders, as it is imported; scripts of the classroom are run by Streamlit instead."""
    found = [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in found]


def test_the_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_this_check_would_notice():
    assert loaded_by("import sklearn") == ["sklearn"]


def test_the_shell_and_every_page_load_no_model_library():
    names = modules("app", "backends/api", "pages/studio")
    assert {"app.server", "app.cli", "backends.api.submit"} < set(names)
    assert loaded_by("import app.server, app.gradio_patches\n" + "\n".join(f"import {name}" for name in names)) == []


def test_the_package_loads_no_model_library_before_a_model_is_wanted():
    names = [name for name in modules("lethe") if name not in ("lethe._weights", "lethe.__main__")]
    assert {"lethe", "lethe._run", "lethe._jobs"} < set(names)
    assert loaded_by("\n".join(f"import {name}" for name in names)) == []


def test_the_classroom_runs_without_a_model_library():
    code = (
        "from streamlit.testing.v1 import AppTest\n"
        f"page = AppTest.from_file({str(ROOT / 'pages' / 'classroom' / 'main.py')!r}, default_timeout=120).run()\n"
        "assert not page.exception, page.exception\n"
    )
    assert loaded_by(code) == []


def test_the_command_line_starts_without_the_studio():
    code = "import sys, app.cli\nassert not {'gradio', 'streamlit', 'plotly', 'distributed'} & set(sys.modules)"
    assert loaded_by(code) == []


def literals(path: Path) -> list[tuple[int, str]]:
    """Every string in a source file with its line, docstrings left out."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


@pytest.fixture
def ids() -> set[str]:
    known = catalog.load()
    said = {entry.id for kind in ("methods", "metrics", "inspectors", "attacks") for entry in getattr(known, kind)}
    fields = {
        *known.models[0].card,
        *Result.model_fields,
    }  # "confusion" is an inspector and a field of every model's card
    return said - fields


def test_no_method_metric_or_inspector_is_named_by_the_interface(ids):
    assert len(ids) > 20
    alone = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(ids) if "_" in name))
    named = [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for path in SHOWN
        for line, text in literals(path)
        if text in ids or alone.search(text)
    ]
    named += [
        f"{path.relative_to(ROOT)} {found[0]!r}"
        for path in (ROOT / "app" / "static").rglob("*")
        if path.suffix in (".js", ".css", ".html") and (found := alone.search(path.read_text("utf-8")))
    ]
    assert named == []


def test_every_shipped_file_is_small_enough():
    large = {
        str(path.relative_to(ROOT)): path.stat().st_size for path in (ROOT / "assets").rglob("*") if path.is_file()
    }
    assert large and {name: size for name, size in large.items() if size > LARGEST} == {}


def test_no_shipped_file_can_run_code_when_it_is_opened():
    pickles = {".bin", ".pt", ".pth", ".pkl", ".ckpt", ".pickle"}
    assert [path for path in (ROOT / "assets").rglob("*") if path.suffix in pickles] == []


def test_the_catalog_is_built_without_the_libraries_that_take_seconds():
    """It is the first thing that a new installation waits for; torch alone is unavoidable."""
    assert loaded_by("from backends import catalog\ncatalog.build()") == ["torch", "safetensors.torch"]


@pytest.mark.parametrize("kind", ["methods", "metrics", "inspectors", "attacks"])
def test_no_two_entries_for_a_family_have_the_same_place(kind):
    places: dict[tuple[str, int], list[str]] = {}
    for entry in getattr(catalog.load(), kind):
        for family, fits in entry.works_with.items():
            if fits is True:
                places.setdefault((family, entry.order), []).append(entry.id)
    assert {place: both for place, both in places.items() if len(both) > 1} == {}
