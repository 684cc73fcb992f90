"""What pages have more on a Space: a link of the page around the frame, a banner after it woke, and its health as numbers."""

import json

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app import health, server, space_page
from backends.api import runs
from backends.api.spec import JobSpec


@pytest.fixture
def space(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/lethe")
    monkeypatch.delenv("LETHE_PRECISION", raising=False)
    monkeypatch.delenv("LETHE_KEEP", raising=False)


def test_the_head_names_the_space_and_nothing_that_is_no_name(space, monkeypatch):
    assert '{"id": "someone/lethe", "writesBack": true}' in space_page.head(writes_back=True)
    for name in ("", "someone", "a/b</script><script>alert(1)", "a/b/c"):
        monkeypatch.setenv("SPACE_ID", name)
        assert space_page.head(writes_back=True) == "" and space_page.space_id() == ""


def test_the_banner_is_there_until_the_processor_is_measured(space, home, tmp_path, monkeypatch):
    now = space_page.BEGUN + 60
    assert "first jobs take longer" in space_page.waking(now) and space_page.GONE in space_page.waking(now)
    monkeypatch.setenv("LETHE_KEEP", str(tmp_path))
    assert space_page.GONE not in space_page.waking(now)
    assert space_page.waking(space_page.BEGUN + space_page.LONGEST + 1) == ""
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "warm.json").write_text('"measured"')
    assert space_page.waking(now) == ""


def test_there_is_no_banner_elsewhere(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert space_page.waking(space_page.BEGUN + 1) == ""


def test_health_tells_numbers_and_nothing_of_runs(home):
    run = runs.create(JobSpec(model="m", method="x", forget=("a secret target",)))
    app = FastAPI()
    server.own_routes(app)
    client = TestClient(app)
    assert client.get("/healthz").text == "ok"
    told = client.get("/healthz/details").json()
    assert told == health.details() | {"seconds": told["seconds"], "free_bytes": told["free_bytes"]}
    assert (told["waiting"], told["working"], told["engine"]["works"], told["keeps"]) == (1, 0, False, False)
    assert run.id not in json.dumps(told) and "secret" not in json.dumps(told) and told["free_bytes"] > 0
