"""A job that takes seconds: the toy of tests/toy.py, its images in a folder, one thread, checkpoints all the time."""

import pytest
import toy
from PIL import Image

from backends.api import runs
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """One thread, float32, and a checkpoint whenever it is asked for."""
    for name, value in {
        "LETHE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "LETHE_PRECISION": "float32",
        "LETHE_CHECKPOINT_SECONDS": "0.1",
        "LETHE_DEVICE": "cpu",
    }.items():
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


@pytest.fixture
def queue(toy_folder, toy_images):
    """Queues a toy job: queue(epochs=3, seed=1, method="fine_tune")."""

    def put(method: str = "fine_tune", epochs: int = 3, seed: int = 0, **more) -> RunFolder:
        asked = {"model": str(toy_folder), "data": str(toy_images), "method": method, "forget": ("two",), "seed": seed}
        params = {"epochs": epochs, "batch_size": 40, "learning_rate": 0.02} | more.pop("params", {})
        return runs.create(JobSpec(**asked | {"params": params} | more))

    return put


@pytest.fixture
def started(queue):
    """Queues a toy job and moves it to running, as the dispatcher does."""

    def put(**asked) -> RunFolder:
        run = queue(**asked)
        run.move("running")
        return run

    return put
