"""The wheel: one package, installed where no checkout is seen, does a real job from an empty folder."""

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NO_INDEX = "error sending request|Failed to fetch|dns error|Could not connect"
JOB = """
import json, lethe, app, backends
run = lethe.unlearn(model="fashion-resnet", method="gradient_ascent", forget="images:1,2,3", epochs=1)
print(json.dumps([run.status, run.verdict, lethe.__file__, app.__file__, backends.__file__]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The built wheel. Where the package index is out of reach, what builds it cannot be had."""
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [Path(sys.executable).with_name("uv"), "build", "--wheel", "-q", "-o", out, ROOT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode and re.search(NO_INDEX, done.stderr):
        pytest.skip("hatchling, which builds the wheel, is fetched from the package index, and that is out of reach")
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The folder of an environment that has the wheel, and sees the libraries of this one but not its checkout."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True, timeout=120)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--python", python, wheel], check=True, timeout=300)
    (site,) = folder.glob("lib/python*/site-packages")
    libraries = Path(pytest.__file__).resolve().parents[1]
    # its own .pth files, as that of the checkout, are not read
    (site / "libraries.pth").write_text(f"{libraries}\n", "utf-8")
    return folder


def test_the_wheel_holds_one_package_and_neither_tests_nor_documents(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {"lethe", wheel.name.rpartition("-py3")[0] + ".dist-info"}
    assert {name.split("/")[2] for name in names if name.startswith("lethe/_studio/")} == {
        "app", "assets", "backends", "pages",
    }  # fmt: skip
    assert not [name for name in names if re.search(r"/(tests?|docs|screenshots)/|conftest|__pycache__|\.webp$", name)]
    missing = [
        str(path.relative_to(ROOT))
        for part in ("app", "pages", "backends", "assets")
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and f"lethe/_studio/{path.relative_to(ROOT)}" not in names
    ]
    assert [path for path in missing if not path.endswith((".pyi", ".gitignore"))] == []


def test_it_adds_one_name_to_site_packages(installed):
    (site,) = installed.glob("lib/python*/site-packages")
    names = {path.name for path in site.iterdir()} - {
        "_virtualenv.py",
        "_virtualenv.pth",
        "libraries.pth",
        "__pycache__",
    }
    assert {name.partition("-")[0] for name in names} == {"lethe", "lethe_studio"}


@pytest.mark.slow
def test_from_an_empty_folder_it_lists_what_there_is_and_does_a_job(installed, home, tmp_path):
    where = tmp_path / "empty"
    where.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"LETHE_THREADS": "1", "LETHE_PRECISION": "float32"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=where, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = json.loads(run(installed / "bin" / "lethe", "catalog", "--json"))
    assert listed["methods"] and listed["lessons"]
    status, verdict, *places = json.loads(run(installed / "bin" / "python", "-c", JOB))
    assert status == "done" and verdict
    assert all(Path(place).is_relative_to(installed) for place in places), places
    shown = json.loads(run(installed / "bin" / "python", "-m", "lethe", "runs", "--json"))
    assert [row["status"] for row in shown if not row["shipped"]] == ["done"]
    assert list(where.iterdir()) == []
