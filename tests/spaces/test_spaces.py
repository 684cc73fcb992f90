"""Spaces with a server are written from tracked files alone, and start from their own files; bad input leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import urllib.request
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from app import cli, spaces
from app.spaces import _tree, docker, gradio
from backends.api.errors import LetheError

ROOT = Path(__file__).resolve().parents[2]
START, GRACE = 300, 20  # seconds
FAKE = '''"""Does what the package of ZeroGPU does to Gradio, and tells it."""
import sys

assert "gradio" not in sys.modules and "torch" not in sys.modules, "it came too late"
import gradio

original = gradio.Blocks.launch


def count(*args, **kwargs):
    print("launched", flush=True)
    return original(*args, **kwargs)


def launch(*args, **kwargs):
    print("started up", flush=True)
    gradio.Blocks.launch = count
    return count(*args, **kwargs)


gradio.Blocks.launch = launch
decorated = []


def GPU(*, duration):
    def decorate(function):
        decorated.append(function)
        print("decorated", duration, flush=True)
        return function

    return decorate
'''


def said(capsys, *arguments):
    """Exit code and the one sentence of a command."""
    code = cli.run(["space", *map(str, arguments)])
    told = capsys.readouterr()
    assert told.out == ""
    return code, told.err.strip()


@pytest.fixture
def full(tmp_path):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    return folder


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sdk", "streamlit"), ("'streamlit'", "docker, gradio, static")),
        (("--sdk", "static", "--run", "nowhere"), ("nowhere",)),
        (("--sdk", "docker", "--studio", "https://studio.example.org"), ("--studio are for --sdk static",)),
        (("--sdk", "static", "--studio", "ftp://x"), ("'ftp://x'", "https://")),
        (("--sdk", "docker", "--sign-in"), ("--sign-in is for --sdk gradio",)),
        (("--sdk", "gradio", "--org", "our-school"), ("'our-school'", "--sign-in")),
        (("--sdk", "gradio", "--sign-in", "--org", "a\nsdk: static"), ("name of an organisation",)),
        (("--sdk", "static", "--studio", "https://huggingface.co/spaces/a/b"), ("https://user-name.hf.space",)),
        (("--sdk", "static", "--studio", 'https://x.org/"onclick="'), ("give the address",)),
        (("--sdk", "static", "--lang", "fr"), ("'fr'", "en, de")),
        (("--sdk", "docker", "--lang", "de"), ("language of each visitor", "--sdk static")),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(tmp_path, capsys, arguments, words):
    code, sentence = said(capsys, *arguments, "--to", tmp_path / "space")
    assert code == 2 and sentence.count("\n") == 0 and all(word in sentence for word in words), sentence
    assert not (tmp_path / "space").exists()


def test_a_folder_with_other_files_is_not_touched(full, capsys):
    code, sentence = said(capsys, "--sdk", "docker", "--to", full)
    assert code == 2 and "holds other files" in sentence
    assert [path.name for path in full.iterdir()] == ["letter.txt"]
    code, sentence = said(capsys, "--sdk", "docker", "--to", full / "letter.txt")
    assert code == 2 and "is no folder" in sentence


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A checkout with tracked, untracked and ignored files, and a link out of it."""
    root = tmp_path / "tree"
    for name in (
        "app/a.py",
        "assets/b.bin",
        "backends/c.py",
        "lethe/g.py",
        "pages/d.py",
        "tests/e.py",
        "docs/f.png",
        ".env",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for name in ("pyproject.toml", "LICENSE", "Dockerfile", ".dockerignore", "requirements/studio.txt"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes((ROOT / name).read_bytes())
    (root / "app/link.py").symlink_to("/etc/hostname")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(root), *words], check=True)
    (root / "app/secret.txt").write_text("token")
    (root / ".lethe").mkdir()
    monkeypatch.setattr(_tree, "ROOT", root)
    monkeypatch.setattr(gradio, "ROOT", root)
    return root


def files_of(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and ".git/" not in str(path)}


def test_only_what_is_tracked_and_needed_goes_along(tree, tmp_path):
    spaces.write("docker", tmp_path / "space", spaces.Order())
    assert files_of(tmp_path / "space") == {
        "app/a.py", "assets/b.bin", "backends/c.py", "lethe/g.py", "pages/d.py", "pyproject.toml", "LICENSE", "requirements/studio.txt",
        "Dockerfile", ".dockerignore", "README.md", spaces.MARK,
    }  # fmt: skip


def test_a_space_is_written_again_and_what_is_not_ours_stays(tree, tmp_path):
    to = tmp_path / "space"
    (to / ".git").mkdir(parents=True)
    (to / ".git" / "config").write_text("theirs")
    (to / "README.md").write_text("of the Hub")
    spaces.write("docker", to, spaces.Order())
    (to / "notes.txt").write_text("mine")
    spaces.write("gradio", to, spaces.Order())
    assert not (to / "Dockerfile").exists() and (to / gradio.ENTRY).is_file()
    assert (to / "notes.txt").read_text() == "mine" and (to / ".git" / "config").read_text() == "theirs"
    assert "sdk: gradio" in (to / "README.md").read_text("utf-8")


def test_a_space_where_members_of_an_organisation_sign_in(tree, tmp_path):
    spaces.write("gradio", tmp_path / "open", spaces.Order())
    assert "hf_oauth" not in (tmp_path / "open" / "README.md").read_text("utf-8")
    spaces.write("gradio", tmp_path / "space", spaces.Order(sign_in=True, organisation="our-school"))
    values = head(tmp_path / "space")
    assert (
        values | {"hf_oauth": "true", "hf_oauth_scopes": "[contribute-repos]", "hf_oauth_authorized_org": "our-school"}
        == values
    )


def test_the_list_of_an_earlier_space_removes_nothing_elsewhere(tree, tmp_path):
    to, other = tmp_path / "space", tmp_path / "other.txt"
    to.mkdir()
    other.write_text("mine")
    (to / spaces.MARK).write_text(json.dumps({"files": ["../other.txt", "/etc/hostname", "missing"]}))
    spaces.write("docker", to, spaces.Order())
    assert other.read_text() == "mine" and Path("/etc/hostname").exists()


def test_a_file_that_is_too_large_is_named_and_nothing_is_written(tree, tmp_path):
    (tree / "assets" / "b.bin").write_bytes(bytes(spaces.LARGEST + 1))
    with pytest.raises(LetheError, match=r"assets/b\.bin would have 10 MB"):
        spaces.write("docker", tmp_path / "space", spaces.Order())
    assert not (tmp_path / "space").exists() and not list(tmp_path.glob(".space*"))


def test_without_a_checkout_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_tree, "ROOT", tmp_path)
    with pytest.raises(LetheError, match="no git checkout"):
        spaces.write("docker", tmp_path / "space", spaces.Order())


def test_a_gradio_space_names_versions_that_the_project_allows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    allowed = {Requirement(one).name.replace("_", "-"): Requirement(one).specifier for one in project["dependencies"]}
    wanted = {one.name: one for one in map(Requirement, gradio.requirements().split("\n")[:-1])}
    assert wanted.keys() == (allowed.keys() | {"spaces"}) - {"gradio"}
    for name in wanted.keys() - {"spaces", *gradio.LOOSE}:
        version = str(wanted[name].specifier).removeprefix("==")
        assert allowed[name].contains(version), name
    assert allowed["gradio"].contains(_tree.version_of("gradio"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """written(sdk): a whole Space of this tree."""
    made = {}

    def of(sdk):
        if sdk not in made:
            made[sdk] = tmp_path_factory.mktemp("spaces") / sdk
            spaces.write(sdk, made[sdk], spaces.Order())
        return made[sdk]

    return of


def head(folder):
    """The front matter of a Space."""
    lines = (folder / "README.md").read_text("utf-8").split("---\n")[1].splitlines()
    return dict(line.split(": ", 1) for line in lines)


def test_a_docker_space_holds_what_its_dockerfile_copies(written):
    folder = written("docker")
    assert head(folder) | {"sdk": "docker", "app_port": "7860", "license": "apache-2.0"} == head(folder)
    assert len(head(folder)["short_description"]) <= 60
    assert not any((folder / name).exists() for name in ("tests", "docs", ".git", ".ci", "Makefile"))
    for source in re.findall(r"^COPY (?:--\S+ )?(\S+) ", (folder / "Dockerfile").read_text("utf-8"), re.MULTILINE):
        assert (folder / source).exists(), source
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert max(sizes) <= spaces.LARGEST and sum(sizes) < docker.MOST


def get(address):
    with urllib.request.urlopen(address, timeout=60) as answer:
        return answer.status, answer.read().decode("utf-8", "replace"), answer.headers


def started(command, cwd, environment):
    """A process that was started, what it said until it was ready, and its address."""
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines, end = [], time.monotonic() + START
    while time.monotonic() < end:
        line = process.stdout.readline()
        assert line, f"it ended with {process.wait()}: {''.join(lines)}"
        lines.append(line.strip())
        if found := re.search(r"http://[\d.]+:\d+", line):
            return process, lines, found[0]
    process.kill()
    raise AssertionError(f"not ready in {START} s: {lines}")


def ended(process):
    """Seconds until a process that is told to end has ended."""
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(GRACE)
    return time.monotonic() - begun


def check(address):
    """What every studio answers."""
    assert get(f"{address}/healthz")[1] == "ok"
    status, page, headers = get(f"{address}/")
    assert status == 200 and "lethe-home" in page
    assert "frame-ancestors" in headers["content-security-policy"] and "access-control-allow-origin" not in headers
    assert "streamlit" in get(f"{address}/classroom/")[1].lower()
    assert "first-run" in get(f"{address}/run?id=example-forget-sandal")[1]
    config = json.loads(get(f"{address}/config")[1])
    assert config["analytics_enabled"] is False


@pytest.mark.slow
def test_a_docker_space_starts_from_its_own_files(written, tmp_path, new_home):
    folder = written("docker")
    environment = os.environ | {"PYTHONPATH": str(folder), "LETHE_HOME": str(new_home()), "SPACE_ID": "someone/lethe"}
    where = "import app, backends, pages; print(app.__path__[0], backends.__path__[0], pages.__path__[0])"
    found = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert all(path.startswith(str(folder)) for path in found.stdout.split()) and found.stdout
    process, _, address = started([sys.executable, "-m", "app.server", "--port", "0"], tmp_path, environment)
    try:
        check(address)
    finally:
        ended(process)


@pytest.mark.slow
def test_a_gradio_space_goes_through_launch_once_and_ends_in_time(written, tmp_path, new_home, free_port):
    folder = written("gradio")
    values = head(folder)
    assert values["sdk"] == "gradio" and values["app_file"] == gradio.ENTRY and values["python_version"] == '"3.12"'
    (tmp_path / "spaces.py").write_text(FAKE)
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path), "LETHE_HOME": str(new_home()), "SPACE_ID": "someone/lethe",
        "GRADIO_SERVER_PORT": str(free_port), "GRADIO_ANALYTICS_ENABLED": "True", "PYTHONUNBUFFERED": "1",
        "SPACES_ZERO_GPU": "true",
    }  # fmt: skip
    (tmp_path / "elsewhere").mkdir()
    process, lines, address = started([sys.executable, str(folder / gradio.ENTRY)], tmp_path / "elsewhere", environment)
    try:
        assert lines == ["decorated 40", "started up", "launched", f"Lethe is ready: {address}"]
        assert address.endswith(f":{free_port}")
        check(address)
    finally:
        seconds = ended(process)
    assert process.returncode == 0 and seconds < GRACE


def test_a_run_is_done_again_in_a_studio_or_by_the_commands(home):
    from app.spaces._site import Site
    from backends.api import runs
    from backends.api.spec import JobSpec

    own = runs.create(JobSpec(model="fashion-resnet", method="salun", forget=("Ankle boot",), seed=3), "")
    shipped = runs.find("example-forget-sandal")
    here, there = (Site([own, shipped], studio, lambda *_: None) for studio in ("", "https://studio.example.org"))
    assert here.linked(f'<a href="{here.again(own)}">') == f'<a href="yourself.html#{own.id}">'
    assert there.again(shipped) == "new?clone=example-forget-sandal"
    assert there.again(own) == "new?model=fashion-resnet&method=salun&seed=3&forget=Ankle%20boot"
    inside = there.linked(
        '<a href="run?id=example-forget-sandal&amp;tab=back"> <a href="run?id=else"> <a href="data:,">'
    )
    assert 'href="run-example-forget-sandal-back.html"' in inside and 'href="data:,"' in inside
    assert 'href="https://studio.example.org/run?id=else" target="_blank"' in inside
