"""The web process: every page builds, nothing is public by accident, and no model library is ever loaded."""

import json
import os
import socket
import subprocess
import sys

import pytest
from fastapi.testclient import TestClient

from app import public_api, server, supervisor
from backends.api.errors import Busy, OutOfReach

FORBIDDEN = (
    "torch",
    "transformers",
    "diffusers",
    "captum",
    "umap",
    "sklearn",
    "numba",
    "safetensors.torch",
    "distributed",
)


@pytest.fixture(scope="module")
def app(new_home):
    """The whole application, made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(new_home()))
        yield server.create_app()


@pytest.fixture(scope="module")
def config(app):
    return app.routes[-1].app.get_blocks().get_config_file()


def test_every_page_of_the_design_is_there(config):
    names = {path: name for path, name, _ in config["pages"]}
    assert set(names) == {"", "api", "new", "run", "runs", "methods"}
    assert all(config["page"][path]["components"] for path in names)


def test_few_parts_wait_for_an_answer(config):
    """At each step of each event the browser walks through all that wait: of hundreds that takes half a second a step."""
    waiting = {one["api_name"]: len(one["show_progress_on"] or one["outputs"]) for one in config["dependencies"]}
    assert {name: count for name, count in waiting.items() if count > 50} == {}


def test_text_whose_change_is_answered_begins_as_no_text(config):
    """None would be changed to "" by arriving, and be answered without anybody having written anything."""
    parts = {one["id"]: one for one in config["components"]}
    heard = [parts[part] for one in config["dependencies"] for part, event in one["targets"] if event == "change"]
    heard = [part for part in heard if part["props"]["visible"] != "hidden"]  # of what nobody sees no text is None
    texts = [one["props"]["value"] for one in heard if one["type"] == "textbox"]
    assert len(texts) > 4 and set(texts) == {""}


def test_every_endpoint_is_private_unless_intended(config):
    public = [one["api_name"] for one in config["dependencies"] if one["api_visibility"] != "private"]
    assert public == [one.name for one in public_api.CALLS]


def test_form_widgets_are_interactive_although_hidden(config):
    boxes = [
        one["props"]
        for one in config["components"]
        if one["type"] in ("number", "slider", "dropdown", "checkbox", "textbox")
    ]
    assert boxes and all(box.get("interactive") for box in boxes if box.get("label"))


def test_the_first_page_answers_and_names_no_other_host(app):
    with TestClient(app) as client:
        page = client.get("/")
        assert page.status_code == 200 and "Lethe" in page.text
        assert client.get("/healthz").text == "ok"
        assert client.get("/classroom", follow_redirects=False).headers["location"] == "classroom/"


def test_plotly_is_served_compressed_and_kept(app):
    with TestClient(app) as client:
        sent = client.get("/vendor/plotly.min.js")
        assert sent.headers["content-encoding"] == "gzip" and "max-age" in sent.headers["cache-control"]
        assert int(sent.headers["content-length"]) < 2_000_000 and len(sent.content) > 4_000_000
        again = client.get("/vendor/plotly.min.js", headers={"If-None-Match": sent.headers["etag"]})
        assert again.status_code == 304
        plain = client.get("/vendor/plotly.min.js", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers and plain.content == sent.content


def test_the_web_process_loads_no_model_library(new_home):
    code = (
        "import json, sys, psutil\n"
        "from app import server\nserver.create_app(); server.Classroom._load()\n"
        f"loaded = [m for m in {FORBIDDEN} if m in sys.modules]\n"
        "print(json.dumps([loaded, psutil.Process().memory_info().rss]))"  # getrusage would count the parent's peak too
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"LETHE_HOME": str(new_home())},
    )
    assert done.returncode == 0, done.stderr
    loaded, size = json.loads(done.stdout.splitlines()[-1])
    assert loaded == []
    assert size < 400 * 2**20


def test_streamlit_leaves_the_studios_figures_as_they_are(app):
    import plotly.io

    server.Classroom._load()
    assert plotly.io.templates.default == "plotly_white"


def test_a_taken_port_is_one_sentence():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Busy, match=f"Port {port} on 127.0.0.1 is taken"), supervisor.bind("127.0.0.1", port):
            pass


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 99_999), ("no.such.host.invalid", 7860)])
def test_an_impossible_address_is_one_sentence(host, port):
    with pytest.raises(OutOfReach, match="give a host of this machine"), supervisor.bind(host, port):
        pass


def test_a_second_server_on_the_home_is_one_sentence(home):
    home.mkdir()
    code = f"import sys\nfrom pathlib import Path\nfrom app.supervisor import hold_home\nwith hold_home(Path({str(home)!r})):\n    print('held', flush=True)\n    sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"process {first.pid}.*LETHE_HOME"), supervisor.hold_home(home):
            pass
        first.stdin.close()
        assert first.wait(20) == 0
    with supervisor.hold_home(home):
        pass


def test_a_home_that_cannot_be_written_is_one_sentence(monkeypatch):
    monkeypatch.setenv("LETHE_HOME", "/proc/nothing")
    with pytest.raises(OutOfReach, match="cannot be written"):
        server.serve(port=0)


def test_an_unreachable_scheduler_is_one_sentence(home):
    with pytest.raises(OutOfReach, match="does not answer; start it, or leave --scheduler out"):
        server.serve(port=0, scheduler="tcp://127.0.0.1:9")
