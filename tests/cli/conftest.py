"""The command line in a process of its own, and one run that it really made.

What a process of its own adds to a command is tried once or twice; other commands that ask a model are given in this process, and
their questions go to one process that holds the models (`here`). Starting one takes longer than most answers.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """What a command left: its exit code and its two outputs."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output; anything else there is an error."""
        return json.loads(self.out, parse_constant=pytest.fail)


def command(home: Path, *arguments: str, timeout: int = 300) -> Said:
    """`lethe` with these arguments, as a person starts it."""
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", *arguments],
        cwd=ROOT,
        env=os.environ | {"LETHE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def lethe(home):
    """Run a command on an empty home."""
    return lambda *arguments, **options: command(home, *arguments, **options)


@pytest.fixture(scope="session")
def warm_live(made):
    """The process that answers about the run that was made and about embedded models."""
    from backends.api.live import Live

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(made.home))
        live = Live()
        live.start()
    yield live
    live.stop()


@pytest.fixture
def here(made, warm_live, monkeypatch, capsys):
    """Run a command in this process, on the home of the run that was made; the process that it asks outlives it."""
    from app import cli

    monkeypatch.setenv("LETHE_HOME", str(made.home))
    monkeypatch.setattr("backends.api.live.Live", lambda: warm_live)
    monkeypatch.setattr(warm_live, "stop", lambda: None)

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = cli.run(list(arguments))
        return Said(code, *capsys.readouterr())

    return run


@dataclass(frozen=True)
class Made:
    """A run that the command line made, and its home."""

    home: Path
    said: Said
    id: str

    def lethe(self, *arguments: str) -> Said:
        return command(self.home, *arguments)


@pytest.fixture(scope="session")
def made(new_home) -> Made:
    """One class forgotten by the quickest method there is, measured, as a person would."""
    home = new_home()
    said = command(
        home, "unlearn", "--model", "fashion-resnet", "--method", "fine_tune", "--forget", "sandal", "--keep", "images:" + ",".join(map(str, range(2000))),
        "--set", "epochs=1", "--seed", "3", "--json",
    )  # fmt: skip
    assert said.code == 0, said.err
    return Made(home, said, said.document["run_id"])
