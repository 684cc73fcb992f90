"""The papers beside the code are true: the files they name exist, and the addition they show works as it stands there."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
RUN_IT = """
import numpy as np
from backends.registry import entries

class Evidence:
    def logits(self, part): return np.log(np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32))
    def labels(self, part): return np.array([1, 0])
    def ids(self, part): return ["train-0", "train-1"]

score = entries("metrics")["{name}"].function(Evidence())
assert abs(score.value - 62.5) < 1e-4, score
assert score.items.round(4).tolist() == [0.75, 0.5], score
"""


def shown_addition() -> tuple[Path, str]:
    """The file that CONTRIBUTING.md tells to save, and its content."""
    name = re.search(r"Save this as `([^`]+)`", CONTRIBUTING)
    code = re.search(r"```python\n(.*?)```", CONTRIBUTING, re.DOTALL)
    assert name and code
    return Path(name[1]), code[1]


def test_the_addition_that_is_shown_is_found_and_gives_the_right_number(tmp_path):
    path, code = shown_addition()
    shutil.copytree(ROOT / "backends", tmp_path / "backends", ignore=shutil.ignore_patterns("__pycache__"))
    assert not (tmp_path / path).exists()
    (tmp_path / path).write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", RUN_IT.format(name=path.stem)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_addition_that_is_shown_is_in_the_common_style(tmp_path):
    _, code = shown_addition()
    for check in (["check"], ["format", "--check"]):
        command = [
            Path(sys.executable).with_name("ruff"),
            *check,
            "--config",
            ROOT / "pyproject.toml",
            "--stdin-filename",
            "new.py",
            "-",
        ]
        done = subprocess.run(command, input=code, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:backends|pages|app|assets)/[\w/.-]+)`", CONTRIBUTING + README)))
)
def test_a_file_that_is_named_exists(path):
    assert (ROOT / path).exists() or Path(path) == shown_addition()[0]


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README + CONTRIBUTING))))
def test_a_link_leads_to_a_file(link):
    assert (ROOT / link).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)$", README + CONTRIBUTING, re.MULTILINE))))
def test_a_make_command_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_the_readme_opens_a_space_on_the_port_of_the_container():
    front = README.split("---")[1]
    said = dict(line.split(": ", 1) for line in front.strip().splitlines())
    assert (said["sdk"], said["license"]) == ("docker", "apache-2.0")
    assert f"EXPOSE {said['app_port']}" in (ROOT / "Dockerfile").read_text("utf-8")
    assert len(said["short_description"]) <= 60


def test_the_makefile_installs_a_torch_that_the_package_allows():
    from packaging.requirements import Requirement

    needs = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    torch = next(Requirement(text) for text in needs if text.startswith("torch"))
    version = re.search(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert version and version[1] in torch.specifier
    assert f"torch=={version[1]}" in (ROOT / "Dockerfile").read_text("utf-8")


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License" in text and "END OF TERMS AND CONDITIONS" in text
