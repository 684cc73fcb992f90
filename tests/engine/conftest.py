"""A job that takes seconds: the toy of tests/toy.py, its images in a folder, one thread, checkpoints all the time."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import toy
from PIL import Image
from small_jobs import LONG, SETTINGS, numbers

from backends.api import runs
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One thread, float32, and a checkpoint ten times a second."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LETHE_MEMORY_LIMIT", raising=False)


@pytest.fixture(scope="session")
def toy_images(once):
    """The toy's images as a folder of images by class, written once a run of the tests."""

    def write(where: Path) -> Path:
        data = toy.data()
        for name, split in (("train", data.train), ("test", data.test)):
            for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
                folder = where / name / data.names[label]
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image[..., 0]).save(folder / f"{number:04d}.png")
        return where

    return once("toy-images", write)


def spec(toy_folder, toy_images, method="fine_tune", epochs=3, seed=0, **more) -> JobSpec:
    """A toy job; `more` replaces fields."""
    asked = {"model": str(toy_folder), "data": str(toy_images), "method": method, "forget": ("two",), "seed": seed}
    return JobSpec(**asked | {"params": {"epochs": epochs, "batch_size": 40, "learning_rate": 0.02}} | more)


@pytest.fixture
def queue(toy_folder, toy_images):
    """Queues a toy job: queue(epochs=3, seed=1, method="fine_tune")."""

    def put(**asked) -> RunFolder:
        return runs.create(spec(toy_folder, toy_images, **asked))

    return put


@pytest.fixture
def started(queue):
    """Queues a toy job and moves it to running, as the dispatcher does."""

    def put(**asked) -> RunFolder:
        run = queue(**asked)
        run.move("running")
        return run

    return put


@pytest.fixture(scope="session")
def finished_home(once, toy_folder, toy_images):
    """A home with one job of three epochs, done in one of the processes of this run of the tests, for all of them."""

    def fill(where: Path) -> Path:
        from backends.engine import exit_codes
        from backends.engine.job import do

        with _home(where):
            run = runs.create(spec(toy_folder, toy_images))
            run.move("running")
            assert do(run, 1) == exit_codes.DONE
        return where

    return once("finished", fill)


@pytest.fixture
def finished(finished_home, home) -> RunFolder:
    """That run, in the home of this test, which may do with it what it likes."""
    (run,) = (finished_home / "runs").iterdir()
    return RunFolder(shutil.copytree(run, home / "runs" / run.name))


@pytest.fixture(scope="session")
def undisturbed(once, toy_folder, toy_images):
    """What the long job measures when nobody disturbs it, in a process of its own as in the studio."""

    def fill(where: Path) -> Path:
        with _home(where):
            run = runs.create(spec(toy_folder, toy_images, epochs=LONG))
            run.move("running")
            command = [sys.executable, "-m", "backends.engine.job", str(run.path), "1"]
            assert subprocess.run(command, timeout=300).returncode == 0
        return where

    (run,) = (once("undisturbed", fill) / "runs").iterdir()
    return numbers(RunFolder(run))


@contextmanager
def _home(where: Path) -> Iterator[None]:
    """The settings of small jobs, and this home, for what is done for the tests of more than one file."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | {"LETHE_HOME": str(where)}).items():
            patch.setenv(name, value)
        yield
