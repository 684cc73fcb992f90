"""The papers beside the code are true: what they link to and name exists, their commands parse, their examples work as they stand."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from app import cli
from app.door.hosts import HostSettings
from backends.core import registry
from backends.zoo import __main__ as zoo

ROOT = Path(__file__).resolve().parents[2]
PAPERS = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "assets").rglob("*.md")])
}
TEXT = "\n".join(PAPERS.values())
README = PAPERS["README.md"]
EXAMPLE = re.compile(r"Save this as\s+`([^`]+)`:\n\n```python\n(.*?)```", re.DOTALL)
EXAMPLES = dict(EXAMPLE.findall(PAPERS["docs/add.md"]))  # file -> its content
METRIC = """
import numpy as np
from backends.core.registry import entries

class Evidence:
    def logits(self, part): return np.log(np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32))
    def labels(self, part): return np.array([1, 0])
    def ids(self, part): return ["train-0", "train-1"]

score = entries("metrics")["confidence_on_forgotten"].function(Evidence())
assert abs(score.value - 62.5) < 1e-4, score
assert score.items.round(4).tolist() == [0.75, 0.5], score
"""
METHOD = """
from pathlib import Path
import torch, toy
from backends.core.run import Run
from backends.core.registry import get

run = Run(toy.task(toy.make(Path("toy"))), toy.Memory(), seed=0)
method = get("methods", "cf_k")
method.function(run, method.parse({"epochs": 1}))
before = run.original.state_dict()
moved = [name for name, tensor in run.model.state_dict().items() if not torch.equal(tensor, before[name])]
assert moved == ["classifier.1.weight", "classifier.1.bias"], moved
"""
INSPECTOR = """
from types import SimpleNamespace
import numpy as np
from backends.core.registry import get

logits = {"before": [[5, 5], [0, 0], [9, 0]], "after": [[99, 0], [0, 0], [0, 9]]}
look = SimpleNamespace(
    task=SimpleNamespace(parts={"forget": np.array([0, 1])}),
    outputs=lambda when: {"train": np.array(logits[when], dtype=np.float32)},
)
inspector = get("inspectors", "doubt")
(panel,) = inspector.function(look, inspector.parse({}))
assert np.allclose(panel.series[0].values, [1.0, 0.5]), panel
"""
ATTACK = """
import tempfile
from pathlib import Path
from comeback.tried import TRUTH, context
from backends.core.registry import get

entry = get("attacks", "scaling")
result = entry.function(context(Path(tempfile.mkdtemp()), -TRUTH), entry.parse({}))
assert list(result.attacked.x) == [1.0, 1.05, 1.1], result
assert result.attacked.curve("before").tolist() == [1, 1, 1] and result.attacked.curve("after").tolist() == [0, 0, 0]
"""
CHECKS = {
    "backends/metrics/confidence_on_forgotten.py": METRIC,
    "backends/methods/cf_k.py": METHOD,
    "backends/inspectors/doubt.py": INSPECTOR,
    "backends/attacks/scaling.py": ATTACK,
}


def test_every_example_is_tried():
    assert set(EXAMPLES) == set(CHECKS)


@pytest.mark.parametrize("path", CHECKS)
def test_an_addition_that_is_shown_is_found_and_gives_the_right_numbers(path, tmp_path):
    shutil.copytree(ROOT / "backends", tmp_path / "backends", ignore=shutil.ignore_patterns("__pycache__"))
    assert not (tmp_path / path).exists()
    (tmp_path / path).write_text(EXAMPLES[path], "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", CHECKS[path]],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", CHECKS)
def test_an_addition_that_is_shown_is_in_the_common_style(path):
    for check in (["check"], ["format", "--check"]):
        command = [
            Path(sys.executable).with_name("ruff"),
            *check,
            "--config",
            ROOT / "pyproject.toml",
            "--stdin-filename",
            path,
            "-",
        ]
        done = subprocess.run(
            command, input=EXAMPLES[path], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:backends|pages|app|assets|tests|docs|requirements)/[\w/.-]*)`", TEXT)))
)
def test_a_file_that_is_named_exists(path):
    assert (ROOT / path).exists() or path in EXAMPLES


def anchors(text: str) -> set[str]:
    """What the headings of a document are linked by."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


LINKS = [
    (name, link) for name, text in PAPERS.items() for link in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", text)
]


@pytest.mark.parametrize(("name", "link"), sorted(set(LINKS)))
def test_a_link_leads_to_a_file_and_a_heading(name, link):
    path, _, anchor = link.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.is_file()
    assert not anchor or anchor in anchors(file.read_text("utf-8"))


def commands(program: str) -> list[str]:
    """What stands behind a program's name, in lines of code and between backticks."""
    lines = re.findall(rf"^(?: {{4}})?(?:\.venv/bin/)?{program} (\S.*)$", TEXT, re.MULTILINE)
    inline = re.findall(rf"`(?:\.venv/bin/)?{program}\s([^`]+)`", TEXT)
    return sorted({" ".join(command.partition("  #")[0].split()) for command in [*lines, *inline]})


def parsed(app: typer.Typer, words: list[str]) -> None:
    """Let a program read its arguments; nothing is done. A command that is only named may lack what it needs."""
    group = typer.main.get_command(app)
    if words == ["--help"] or words[0].isupper():  # COMMAND stands for any
        return
    command = group.get_command(None, words[0])
    assert command is not None, f"there is no command {words[0]!r}"
    if words[1:] not in ([], ["--help"], ["..."]):
        command.make_context(words[0], words[1:])


@pytest.mark.parametrize("command", commands("lethe"))
def test_a_command_parses(command):
    words = shlex.split(command)
    parsed(cli.app, words)
    if "--method" in words:
        assert registry.get("methods", words[words.index("--method") + 1])
    if "--model" in words:
        model = words[words.index("--model") + 1]
        assert any((ROOT / "assets" / kind / model).is_dir() for kind in ("models", "optional"))


@pytest.mark.parametrize("command", commands("python -m backends.zoo"))
def test_a_command_of_the_zoo_parses(command):
    parsed(zoo.build(), shlex.split(command))


def test_a_command_that_does_not_parse_would_be_found():
    for words in (["unlearn", "--modle", "emoji-sd"], ["unlearn", "--model", "emoji-sd"], ["forget"]):
        with pytest.raises(Exception, match=r"modle|[Mm]issing|no command"):
            parsed(cli.app, words)


@pytest.mark.parametrize("script", sorted(set(re.findall(r"\bpython ((?:docs|tests)/\S+\.py)", TEXT))))
def test_a_script_exists(script):
    assert (ROOT / script).is_file()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"(?:^ {4}|`)make ([a-z]+)", TEXT, re.MULTILINE))))
def test_a_make_command_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)


def test_every_setting_is_documented_and_there_is_no_other():
    """LETHE_PARENT is how processes tell each other who started them: no setting. Limits stand in a table of their own."""
    code = "\n".join(path.read_text("utf-8") for part in ("app", "backends") for path in (ROOT / part).rglob("*.py"))
    read = set(re.findall(r"environ(?:\.get\(|\[)\"(LETHE_[A-Z_]+)\"", code)) - {"LETHE_PARENT"}
    read |= {f"LETHE_{name.upper()}" for name in HostSettings.model_fields}
    by_hand, generated = PAPERS["docs/deploy.md"].split("<!-- limits:begin -->")
    assert set(re.findall(r"^\| `(LETHE_\w+)`", by_hand, re.MULTILINE)) == read
    assert "`LETHE_JOB_SECONDS`" in generated


def test_the_readme_is_short_and_its_moving_picture_light():
    by_hand = re.sub(r"(?s)<!-- methods:begin -->.*<!-- methods:end -->", "", README)
    assert len(by_hand.splitlines()) <= 80  # of the generated table each new method is a line
    (movie,) = re.findall(r"\]\((docs/[^)]+\.(?:webp|gif))\)", README)
    assert (ROOT / movie).stat().st_size <= 3_000_000


def test_every_picture_is_shown():
    shown = set(re.findall(r"\(docs/screenshots/([^)]+)\)", README))
    assert {path.name for path in (ROOT / "docs" / "screenshots").iterdir()} == shown


def test_the_citation_is_valid_and_of_this_version():
    """The fields that CFF 1.2.0 demands, none that it does not have, and the package's own version and licence."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = {"abstract", "doi", "identifiers", "keywords", "license", "repository-code", "type", "url", "version"}
    optional |= {"commit", "contact", "date-released", "license-url", "preferred-citation", "references", "repository"}
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert set(citation) <= {"cff-version", "message", "title", "authors"} | optional
    assert (citation["cff-version"], citation["type"]) == ("1.2.0", "software")
    assert citation["authors"] and all("name" in author or "family-names" in author for author in citation["authors"])
    assert (str(citation["version"]), citation["license"]) == (project["version"], project["license"])


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
