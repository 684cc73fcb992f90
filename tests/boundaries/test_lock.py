"""What is installed is a lock of exact versions, and the lock fits what pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
OUTSIDE = {"torch"}  # its build depends on the machine: the Makefile and the Dockerfile name its version


def entries(name: str) -> dict[str, list[str]]:
    """The blocks of a lock by package: the line of its version first, then its hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line.split() for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    return {canonicalize_name(words[0].partition("==")[0]): words for words in lines}


@pytest.mark.parametrize("name", ["studio", "test"])
def test_every_entry_of_a_lock_is_one_version_with_its_hashes(name: str) -> None:
    for package, words in entries(name).items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[^=]+", words[0]), package
        assert any(word.startswith("--hash=sha256:") for word in words), package


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("studio", PROJECT["dependencies"]),
        ("test", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["test"]),
    ],
)
def test_a_lock_holds_what_the_project_needs_in_a_version_that_it_allows(name: str, wanted: list[str]) -> None:
    locked = entries(name)
    for line in wanted:
        need = Requirement(line)
        if need.name in OUTSIDE:
            continue
        version = locked[canonicalize_name(need.name)][0].partition("==")[2]
        assert need.specifier.contains(version, prereleases=True), f"{line}: the lock has {version}; run make lock"


def test_the_studio_runs_on_the_versions_that_were_tested() -> None:
    studio, test = entries("studio"), entries("test")
    assert {package: words[0] for package, words in studio.items()} == {package: test[package][0] for package in studio}


def test_one_version_of_torch_is_named_everywhere_and_allowed() -> None:
    version = re.search(r"^TORCH := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert version
    assert f"torch=={version[1]} " in (ROOT / "Dockerfile").read_text("utf-8")
    need = next(Requirement(line) for line in PROJECT["dependencies"] if Requirement(line).name == "torch")
    assert need.specifier.contains(version[1])
