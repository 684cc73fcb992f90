"""The parts of the door by themselves: names, origins, what a request may hold, what an answer carries."""

import json
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.door import headers, values
from app.door.hosts import Hosts, is_foreign, split
from app.door.middleware import Door
from backends.api.errors import BadInput

EVENTS = {0: values.Event(2), 1: values.Event(0, needs_event_data=True)}


@pytest.mark.parametrize(
    ("bound", "host", "allowed"),
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "localhost:7860", True),
        ("127.0.0.1", "LOCALHOST", True),
        ("127.0.0.1", "127.8.9.1:1", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("::1", "[::1]:7860", True),
        ("127.0.0.1", "evil.test:7860", False),
        ("127.0.0.1", "localhost.evil.test", False),
        ("127.0.0.1", "127.0.0.1.evil.test:7860", False),
        ("127.0.0.1", "192.168.1.5:7860", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "evil@127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1/evil", False),
        ("127.0.0.1", "127.0.0.1:port", False),
        ("127.0.0.1", "[::1", False),
        ("192.168.1.5", "192.168.1.5:7860", True),
        ("192.168.1.5", "192.168.1.6:7860", False),
        ("studio.lan", "studio.lan:7860", True),
        ("0.0.0.0", "192.168.1.5:7860", True),
        ("0.0.0.0", "evil.test:7860", False),
        ("::", "[fe80::1]:7860", True),
        ("0.0.0.0", "0.0.0.0:7860", True),
    ],
)
def test_a_local_studio_answers_to_its_own_names_only(monkeypatch, bound, host, allowed):
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("LETHE_SHARED", "0")
    assert Hosts(bound).allows(host) is allowed


def test_names_can_be_added_and_a_machine_knows_its_own(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "0")
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv("LETHE_HOSTS", "Studio.lan, 10.0.0.7 ,[fe80::2]")
    monkeypatch.setattr("socket.gethostname", lambda: "Desk.home")
    hosts = Hosts.here("127.0.0.1")
    assert all(hosts.allows(host) for host in ("studio.lan:80", "10.0.0.7", "[fe80::2]:7860"))
    assert not hosts.allows("other.lan")
    everywhere = Hosts("0.0.0.0")
    assert all(everywhere.allows(host) for host in ("desk.home", "desk:7860", "desk.local"))
    assert not everywhere.allows("other.local")


def test_a_shared_studio_answers_to_every_name_unless_some_are_set(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")
    assert Hosts("0.0.0.0").allows("me-lethe.hf.space")
    monkeypatch.setenv("LETHE_HOSTS", "lethe.example")
    monkeypatch.setenv("SPACE_HOST", "me-lethe.hf.space")
    hosts = Hosts.here("0.0.0.0")
    assert hosts.allows("lethe.example") and hosts.allows("me-lethe.hf.space") and hosts.allows("127.0.0.1:7860")
    assert not hosts.allows("evil.test")


@pytest.mark.parametrize(
    ("sent", "scheme", "foreign"),
    [
        ({}, "http", False),
        ({"sec-fetch-site": "same-origin", "origin": "https://odd"}, "http", False),
        ({"sec-fetch-site": "none"}, "http", False),
        ({"sec-fetch-site": "same-site"}, "http", True),
        ({"sec-fetch-site": "cross-site"}, "http", True),
        ({"origin": "http://127.0.0.1:7860"}, "http", False),
        ({"origin": "http://127.0.0.1:7861"}, "http", True),
        ({"origin": "http://127.0.0.1"}, "http", True),
        ({"origin": "http://localhost:7860"}, "http", True),
        ({"origin": "http://evil.test:7860"}, "http", True),
        ({"origin": "null"}, "http", True),
        ({"origin": ""}, "http", True),
        ({"origin": "http://[bad"}, "http", True),
        ({"origin": "http://127.0.0.1:bad"}, "http", True),
        ({"origin": "https://me.hf.space", "host": "me.hf.space"}, "http", False),
        ({"origin": "https://me.hf.space", "host": "10.1.2.3:7860", "x-forwarded-host": "me.hf.space"}, "http", False),
        ({"origin": "http://127.0.0.1:7860"}, "ws", False),
    ],
)
def test_a_page_of_another_origin_is_foreign(sent, scheme, foreign):
    assert is_foreign({"host": "127.0.0.1:7860"} | sent, scheme) is foreign


def test_a_host_is_split_as_a_browser_would():
    assert split("LocalHost:80") == ("localhost", 80)
    assert split("[::1]") == ("::1", None)
    assert split("a b") == ("a b", None)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON"),
        (b"[1]", "JSON object"),
        (b'{"fn_index": 0, "data": ["\\ud800", 1]}', "no JSON"),
        (b'{"fn_index": 0, "data": [NaN, 1]}', "no JSON"),
        ('{"fn_index": 0, "data": [1, 2]}'.encode("utf-16"), "no JSON"),
        (b'{"data": [1, 2]}', "fn_index"),
        (b'{"fn_index": 7, "data": [1, 2]}', "fn_index"),
        (b'{"fn_index": "0", "data": [1, 2]}', "fn_index"),
        (b'{"fn_index": true, "data": []}', "fn_index"),
        (b'{"fn_index": 0.0, "data": [1, 2]}', "fn_index"),
        (b'{"fn_index": 0, "data": [1]}', "list of 2 values"),
        (b'{"fn_index": 0, "data": {"0": 1, "1": 2}}', "list of 2 values"),
        (b'{"fn_index": 0}', "list of 2 values"),
        (b'{"fn_index": 1, "data": []}', "event_data"),
        (b'{"fn_index": 1, "data": [], "event_data": "x"}', "event_data"),
        (b'{"fn_index": 0, "data": [1, 2], "session_hash": 3}', "session_hash"),
        (b'{"fn_index": 0, "data": [1, 2], "session_hash": ""}', "session_hash"),
        (b'{"fn_index": 0, "data": [1, 2], "batched": true}', "batch"),
        (b'{"fn_index": 0, "data": [1, 2], "trigger_id": "x"}', "trigger_id"),
        (b'{"fn_index": 0, "data": [' + b"[" * 40 + b"]" * 40 + b", 2]}", "within each other"),
        (b'{"fn_index": 0, "data": [' + b"[" * 100_000 + b"]" * 100_000 + b", 2]}", "no JSON"),
    ],
)
def test_what_no_page_sends_is_one_sentence(tmp_path, body, why):
    with pytest.raises(BadInput, match=why) as refused:
        values.check_body(body, EVENTS, tmp_path)
    assert "\n" not in str(refused.value)


DRAWN = {"mine": {7: values.Event(1), 8: values.Event(0, needs_event_data=True)}}


def drawn(session):
    return DRAWN.get(session, {})


def test_an_event_that_was_drawn_for_one_page_is_one_of_that_page(tmp_path):
    body = {"fn_index": 7, "data": ["a"], "session_hash": "mine"}
    assert json.loads(values.check_body(json.dumps(body).encode(), EVENTS, tmp_path, drawn)) == body
    ours = {"fn_index": 0, "data": [1, 2], "session_hash": "mine"}  # the pages' own stay what they are
    assert json.loads(values.check_body(json.dumps(ours).encode(), EVENTS, tmp_path, drawn)) == ours


@pytest.mark.parametrize("session", ["another", "", "MINE", None, 7, ["mine"], {"mine": 1}])
def test_it_is_none_of_any_other(tmp_path, session):
    body = {"fn_index": 7, "data": ["a"]} | ({"session_hash": session} if session is not None else {})
    with pytest.raises(BadInput, match=r"names no event of this studio .*; open the page again\.$"):
        values.check_body(json.dumps(body).encode(), EVENTS, tmp_path, drawn)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"fn_index": 9}, "names no event"),
        ({"data": []}, "list of 1 values"),
        ({"fn_index": 8}, "event_data"),
        ({"data": [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}]}, "not uploaded here"),
        ({"data": [[{"path": "/etc/passwd"}]]}, "not uploaded here"),
        ({"batched": True}, "batch"),
    ],
)
def test_what_was_drawn_is_checked_like_all_else(tmp_path, more, why):
    body = {"fn_index": 7, "data": ["a"], "session_hash": "mine"} | more
    with pytest.raises(BadInput, match=why):
        values.check_body(json.dumps(body).encode(), EVENTS, tmp_path, drawn)


def test_what_was_checked_is_what_is_passed_on(tmp_path):
    twice = b'{"fn_index": 0, "data": [1, 2], "data": ["a", null], "event_data": {"index": [0, 1]}}'
    passed = json.loads(values.check_body(twice, EVENTS, tmp_path))
    assert passed == {"fn_index": 0, "data": ["a", None], "event_data": {"index": [0, 1]}}


def test_an_answer_carries_our_headers_once_and_lets_no_other_origin_read():
    given = [
        (b"Content-Type", b"text/html"),
        (b"Referrer-Policy", b"unsafe-url"),
        (b"Access-Control-Allow-Origin", b"*"),
    ]
    sent = headers.with_security_headers(given, "/")
    assert (b"Content-Type", b"text/html") in sent and (b"x-content-type-options", b"nosniff") in sent
    assert [value for name, value in sent if name.lower() == b"referrer-policy"] == [b"same-origin"]
    assert not any(name.lower().startswith(b"access-control") for name, _ in sent)
    policy = dict(sent)[b"content-security-policy"].decode()
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in policy
    assert "http" not in policy.split("frame-ancestors")[0]
    assert b"sandbox" in dict(headers.with_security_headers([], "/gradio_api/file=/x"))[b"content-security-policy"]


async def behind(scope, receive, send):
    """A websocket that says what it hears, and pages of which one fails."""
    if scope["type"] == "websocket":
        socket = WebSocket(scope, receive, send)
        await socket.accept()
        await socket.send_text("open")
        await socket.close()
    elif scope["path"] == "/fails":
        raise RuntimeError("/a/path/of/the/server")
    else:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"access-control-allow-origin", b"*")]})
        await send({"type": "http.response.body", "body": b"page"})


@pytest.fixture
def door(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "0")
    monkeypatch.delenv("SPACE_ID", raising=False)
    return TestClient(
        Door(behind, Hosts("127.0.0.1"), SimpleNamespace(fns={})),
        base_url="http://127.0.0.1:7860",
        raise_server_exceptions=False,
    )


def test_a_websocket_comes_in_from_the_studios_own_page(door):
    for sent in ({}, {"origin": "http://127.0.0.1:7860"}, {"sec-fetch-site": "same-origin"}):
        with door.websocket_connect("ws://127.0.0.1:7860/classroom/_stcore/stream", headers=sent) as socket:
            assert socket.receive_text() == "open"


@pytest.mark.parametrize("sent", [{"origin": "http://127.0.0.1:7861"}, {"origin": "null"}, {"host": "evil.test:7860"}])
def test_a_websocket_of_another_page_or_name_does_not(door, sent):
    with pytest.raises(WebSocketDisconnect), door.websocket_connect("ws://127.0.0.1:7860/x", headers=sent):
        pass


def test_a_failure_is_one_sentence_with_the_headers_and_is_logged(door, caplog):
    answer = door.get("/fails")
    assert answer.status_code == 500 and "did not expect" in answer.json()["error"] and "/a/path" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff" and "/a/path/of/the/server" in caplog.text


def test_a_body_over_the_limit_is_refused_while_it_comes(door, monkeypatch):
    monkeypatch.setattr("app.door.middleware.limits", lambda: type("L", (), {"body_bytes": 100}))
    assert door.post("/gradio_api/run/x", content=b"[" * 101).status_code == 413
    assert door.post("/gradio_api/run/x", content=b"[" * 99).status_code == 422
