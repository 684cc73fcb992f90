"""Every test has a home of its own; nothing it does reaches the person's runs."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from tiers import (  # noqa: F401
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_ignore_collect,
    pytest_xdist_auto_num_workers,
    pytest_xdist_make_scheduler,
)

os.environ.setdefault("PYTHONWARNINGS", "error::FutureWarning")  # of the processes that tests start; pytest has its own
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("LETHE_HOSTS", "testserver")  # the Host that FastAPI's TestClient sends
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
os.environ.setdefault("LETHE_NICE", "0")  # a test waits for its jobs, which would stand behind all other tests
# Each of several processes takes one core, and no job measures how many it could have.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("LETHE_THREADS", "1")
settings.register_profile("lethe", deadline=None)  # a busy machine is no failure
settings.load_profile("lethe")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty LETHE_HOME."""
    where = tmp_path / "home"
    monkeypatch.setenv("LETHE_HOME", str(where))
    return where


@pytest.fixture(scope="session")
def once(tmp_path_factory):
    """once(name, make): the folder that `make` filled, in whichever process of this run was the first to want it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def of(name: str, make: Callable[[Path], Path]) -> Path:
        folder = root / name
        with FileLock(root / f"{name}.lock"):
            if not folder.exists():
                shutil.rmtree(root / f"{name}.part", ignore_errors=True)
                (root / f"{name}.part").mkdir()
                make(root / f"{name}.part").rename(folder)
        return folder

    return of


@pytest.fixture(scope="session")
def new_home(once, tmp_path_factory):
    """new_home(): an empty LETHE_HOME but for the catalog, which is made once a run: whoever starts a studio or a command need not."""

    def catalog_in(folder: Path) -> Path:
        from backends.api import catalog

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LETHE_HOME", str(folder))
            making = catalog.prepare()
        assert making is not None and making.wait() == 0
        return folder

    def make() -> Path:
        return shutil.copytree(once("catalog", catalog_in), tmp_path_factory.mktemp("home"), dirs_exist_ok=True)

    return make


@pytest.fixture(scope="session")
def toy_folder(once):
    """The toy model of tests/toy.py, trained once a run."""
    import toy

    return once("toy", toy.make)


@pytest.fixture(scope="session")
def toy_tiles_folder(once):
    """The model of tests/toy_tiles.py, trained in slices once a run."""
    import toy_tiles

    return once("toy-tiles", toy_tiles.make)


@pytest.fixture(scope="session")
def toy_regressor_folder(once):
    """The model of tests/toy_regressor.py, trained once a run."""
    import toy_regressor

    return once("toy-regressor", toy_regressor.make)


@pytest.fixture
def toy_task(toy_folder):
    """The toy, to forget the class "two"."""
    import toy

    return toy.task(toy_folder)


@pytest.fixture(scope="session")
def toy_language_folder(once):
    """The model of tests/toy_language.py, trained once a run."""
    import toy_language

    return once("toy-language", toy_language.make)


@pytest.fixture(scope="session")
def toy_mixture_folder(once):
    """The same as a mixture of experts, trained once a run."""
    import toy_language

    return once("toy-mixture", partial(toy_language.make, mixture=True))


@pytest.fixture
def toy_mixture_task(toy_mixture_folder):
    """It, to forget five questions."""
    import toy_language

    return toy_language.task(toy_mixture_folder)


@pytest.fixture
def toy_language_task(toy_language_folder):
    """It, to forget five questions."""
    import toy_language

    return toy_language.task(toy_language_folder)
