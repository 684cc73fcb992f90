"""The whole server over HTTP while nobody answers for models: forty-five who wait keep no page from anybody else."""

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from app import server
from app.inference import LIVE
from backends.api import warm
from backends.api.limits import limits
from backends.api.line import BUSY
from backends.api.warm import ENDED

WAITING, ASKING = 20, 45
PATIENCE = (
    20.0  # seconds that anything may take here, on a machine that does other work; those who wait would wait for 300
)
MODEL, RUN = "emoji-sd", "example-author-forgotten"  # what the Playground is opened at, what the page Runs lists
STANDING = """
import sys, time
print('{"ready": true}', flush=True)
sys.stdin.readline()
time.sleep(1000)
"""


@pytest.fixture(scope="module")
def app(new_home):
    """(home, the whole application, made while processes are still what they are)."""
    with pytest.MonkeyPatch.context() as patch:
        home = new_home()
        patch.setenv("LETHE_HOME", str(home))
        yield home, server.create_app()


@pytest.fixture
def address(app, monkeypatch):
    """A server of this process at a port of its own, whose warm process takes a request and then stands still."""
    home, application = app
    limits_here = {"HOME": home, "WAITING_LOOKS": WAITING, "WAIT_SECONDS": 300, "ANSWER_SECONDS": 300}
    for name, value in limits_here.items():
        monkeypatch.setenv(f"LETHE_{name}", str(value))
    limits.cache_clear()

    def standing(_, **options):
        return subprocess.Popen([sys.executable, "-c", STANDING], **options)

    monkeypatch.setattr(warm, "subprocess", SimpleNamespace(Popen=standing, PIPE=subprocess.PIPE))
    LIVE.start()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            LIVE.stop()
            running.should_exit = True
            thread.join(30)
            LIVE.reopen()
            limits.cache_clear()


def opening_event(config, page):
    """(number, inputs) of the first event of a page as it opens."""
    ours = set(config["page"][page]["components"])
    for one in config["dependencies"]:
        if one["backend_fn"] and ours & set(one["outputs"]) and any(name == "load" for _, name in one["targets"]):
            return one["id"], [""] * len(one["inputs"])
    raise AssertionError(f"no event opens {page!r}")


def ask_event(config):
    """(number, inputs) of the event that fills in the tab Ask of a run's page, for an embedded model."""
    button = next(one["id"] for one in config["components"] if one["props"].get("elem_id") == "run-open-ask")
    for one in config["dependencies"]:
        if one["backend_fn"] and [button, "click"] in [list(target) for target in one["targets"]]:
            return one["id"], [f"?id={MODEL}&tab=ask", *[""] * (len(one["inputs"]) - 1)]
    raise AssertionError("no event fills in the tab Ask")


def send(address, event, session, query=""):
    """(status, text, seconds) of an event's answer."""
    begun, (number, data) = time.monotonic(), event
    body = {"fn_index": number, "data": data, "session_hash": session}
    with httpx.Client(timeout=60, trust_env=False) as client:
        answer = client.post(f"{address}/gradio_api/run/predict{query}", json=body)
    return answer.status_code, answer.text, time.monotonic() - begun


def test_pages_are_served_while_forty_five_wait_for_the_warm_process(address):
    with httpx.Client(timeout=60, trust_env=False) as client, ThreadPoolExecutor(ASKING) as pool:
        config = client.get(f"{address}/config").json()
        asking, listing = ask_event(config), opening_event(config, "runs")
        opened = [pool.submit(send, address, asking, f"visitor{at}") for at in range(ASKING)]
        try:
            refused = ASKING - WAITING - 1  # one is asked, as many wait as may
            until = time.monotonic() + PATIENCE
            while (done := sum(one.done() for one in opened)) < refused and time.monotonic() < until:
                time.sleep(0.05)
            assert done == refused
            for path in ("/healthz", "/"):
                begun = time.monotonic()
                assert client.get(address + path).status_code == 200
                assert time.monotonic() - begun < PATIENCE, path
            status, text, seconds = send(address, listing, "another")
            assert status == 200 and seconds < PATIENCE and RUN in text
            assert sum(one.done() for one in opened) == refused
        finally:
            LIVE.stop()
        answers = [one.result(PATIENCE) for one in opened]
    assert {status for status, *_ in answers} == {200}
    assert sum(BUSY in text for _, text, _ in answers) == refused
    assert sum(ENDED in text for _, text, _ in answers) == ASKING - refused  # nobody waits on for a server that ends
