"""A job that takes seconds: the toy of tests/toy.py, its images in a folder, one thread, checkpoints all the time."""

import subprocess
import sys

import pytest
import toy
from PIL import Image
from small_jobs import SETTINGS, numbers

from backends.api import runs
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec

LONG = 40  # epochs of the job that is killed: seconds, even on a quick machine


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One thread, float32, and a checkpoint ten times a second."""
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LETHE_MEMORY_LIMIT", raising=False)


@pytest.fixture(scope="session")
def toy_images(tmp_path_factory):
    """The toy's images as a folder of images by class."""
    where = tmp_path_factory.mktemp("images")
    data = toy.data()
    for name, split in (("train", data.train), ("test", data.test)):
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            folder = where / name / data.names[label]
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(folder / f"{number:04d}.png")
    return where


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
def undisturbed(toy_folder, toy_images, tmp_path_factory):
    """What the long job measures when nobody disturbs it, in a process of its own as in the studio."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(tmp_path_factory.mktemp("undisturbed")))
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        run = runs.create(spec(toy_folder, toy_images, epochs=LONG))
        run.move("running")
        command = [sys.executable, "-m", "backends.engine.job", str(run.path), "1"]
        assert subprocess.run(command, timeout=300).returncode == 0
        return numbers(run)
