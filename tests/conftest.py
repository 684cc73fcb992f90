"""Every test has a home of its own; nothing it does reaches the person's runs."""

import os

import pytest
from hypothesis import settings
from tiers import pytest_collection_modifyitems, pytest_configure, pytest_ignore_collect  # noqa: F401

os.environ.setdefault("PYTHONWARNINGS", "error::FutureWarning")  # of the processes that tests start; pytest has its own
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("LETHE_HOSTS", "testserver")  # the Host that FastAPI's TestClient sends
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
if "PYTEST_XDIST_WORKER" in os.environ:  # each of several processes takes one core
    os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("lethe", deadline=None)  # a busy machine is no failure
settings.load_profile("lethe")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty LETHE_HOME."""
    where = tmp_path / "home"
    monkeypatch.setenv("LETHE_HOME", str(where))
    return where


@pytest.fixture(scope="session")
def toy_folder(tmp_path_factory):
    """The toy model of tests/toy.py, trained once a session."""
    import toy

    return toy.make(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def toy_task(toy_folder):
    """The toy, to forget the class "two"."""
    import toy

    return toy.task(toy_folder)


@pytest.fixture(scope="session")
def toy_language_folder(tmp_path_factory):
    """The model of tests/toy_language.py, trained once a session."""
    import toy_language

    return toy_language.make(tmp_path_factory.mktemp("toy-language"))


@pytest.fixture(scope="session")
def toy_mixture_folder(tmp_path_factory):
    """The same as a mixture of experts, trained once a session."""
    import toy_language

    return toy_language.make(tmp_path_factory.mktemp("toy-mixture"), mixture=True)


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
