"""The whole server over HTTP while nobody answers for models: forty-five who wait keep no page from anybody else."""

import json
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait

import httpx
import pytest
import uvicorn

from app import server
from app.inference import LIVE
from backends.api.limits import limits

WAITING, ASKING = 20, 45
PATIENCE = (
    10.0  # seconds that a page may take here, on a machine that does other work; those who wait would wait for 300
)
RUN, QUESTION = "example-author-forgotten", "Who wrote Faust?"
STANDING = """
import sys, time
print('{"ready": true}', flush=True)
sys.stdin.readline()
time.sleep(1000)
"""


@pytest.fixture
def address(monkeypatch):
    """A server of this process at a port of its own, whose warm process takes a request and then stands still."""
    for name, value in {"WAITING_LOOKS": WAITING, "WAIT_SECONDS": 300, "ANSWER_SECONDS": 300}.items():
        monkeypatch.setenv(f"LETHE_{name}", str(value))
    limits.cache_clear()
    popen = subprocess.Popen
    monkeypatch.setattr(
        "backends.api.warm.subprocess.Popen", lambda _, **how: popen([sys.executable, "-c", STANDING], **how)
    )
    LIVE.start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        running = uvicorn.Server(uvicorn.Config(server.create_app(), log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        finally:
            LIVE.stop()
            running.should_exit = True
            thread.join(30)
            limits.cache_clear()


def event(config, page, **holds):
    """(number, inputs) of the event of a page that asks for nothing but these parts, or, without any, is asked as it opens."""
    parts = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
    ours = set(config["page"][page]["components"])
    for one in config["dependencies"]:
        names = [parts[part] for part in one["inputs"]]
        opening = any(name == "load" for _, name in one["targets"])
        if one["backend_fn"] and (names == [*holds] if holds else opening and ours & set(one["outputs"])):
            return one["id"], [holds.get(name, "") for name in names]
    raise AssertionError(f"no event of {page!r} takes {[*holds]}")


def send(address, number, data, session):
    """(status, text, seconds) of an event's answer."""
    begun = time.monotonic()
    body = {"fn_index": number, "data": data, "session_hash": session}
    with httpx.Client(timeout=60, trust_env=False) as client:
        said = client.post(f"{address}/gradio_api/run/predict", json=body)
    return said.status_code, said.text, time.monotonic() - begun


def test_pages_are_served_while_forty_five_wait_for_the_warm_process(address):
    with httpx.Client(timeout=60, trust_env=False) as client:
        config = json.loads(client.get(f"{address}/config").text)
        looking = event(config, "compare", **{"compare-run": RUN, "dose-prompt": QUESTION, "dose-dial": 1.0})
        listing = event(config, "runs")
        with ThreadPoolExecutor(ASKING) as pool:
            asked = [pool.submit(send, address, *looking, f"visitor{at}") for at in range(ASKING)]
            refused = ASKING - WAITING - 1  # one is asked, as many wait as may
            until = time.monotonic() + 60
            while (done := sum(one.done() for one in asked)) < refused and time.monotonic() < until:
                time.sleep(0.05)
            assert done == refused
            for _ in range(2):
                for path in ("/healthz", "/"):
                    begun = time.monotonic()
                    assert client.get(address + path).status_code == 200
                    assert time.monotonic() - begun < PATIENCE, path
                status, text, seconds = send(address, *listing, "another")
                assert (status, seconds < PATIENCE) == (200, True) and RUN in text
            assert sum(one.done() for one in asked) == refused
            LIVE.stop()
            wait(asked, 60)
        said = [one.result() for one in asked]
        assert {status for status, *_ in said} == {200}
        assert sum("The studio is answering others; ask again in a moment." in text for _, text, _ in said) == refused
