"""Values that no page sends: each is answered with one sentence or done, never with a traceback or a text of the code's own."""

import logging
import random

import pytest

from app.door.studio import UNEXPECTED

ODD = (
    None, True, False, 0, -1, 3, 10**12, 1e308, -0.5, "", "x", "é\u202e\n\t", "a" * 3000, "@pyproject.toml", "run", "fashion-resnet", "sgd", "[1]", "\0",
    "../../etc", "<img src=x onerror=alert(1)>", [], [None], ["Sandal"], ["x", 3], [[1, 2], [3]], [[["a"]]], {}, {"a": 1}, {"index": 0},
    {"value": None}, {"headers": ["a"], "data": [["b"]], "metadata": None}, {"__type__": "update", "value": 1}, {"__type__": "update", "visible": 0},
)  # fmt: skip
HAPPENED = (
    {}, {"index": 0}, {"index": None}, {"index": "x"}, {"index": []}, {"index": [0, "x"]}, {"index": 99, "value": None}, {"index": 1, "value": "x"}, {"index": [0, 1], "value": 0}, {"act": "cancel", "run": "x"},
    {"act": None, "run": None}, {"act": ["x"], "run": {}}, {"act": "delete", "run": "../.."}, {"prompt": None}, {"prompt": 3}, {"prompt": "x" * 9000},
    {"_data": 1, "target": 2}, {"selected": True, "index": 1e300},
)  # fmt: skip
ROUNDS = 2


def ask(attacked, number, data, **more):
    body = {"fn_index": number, "data": data, "session_hash": f"odd{number}"} | more
    return attacked.client.post("/gradio_api/run/x", json=body)


def is_clean(attacked, answer):
    """One sentence, or what was asked for; no place of the server, no word of an error that nobody foresaw."""
    if answer.status_code == 200:
        return True
    sentence = answer.json()["error"]
    return answer.status_code == 422 and sentence and UNEXPECTED not in sentence and not attacked.names(sentence)


def plain(attacked, fn):
    """What a page would send: the values it begins with."""
    return [getattr(part, "value", None) if not part.stateful else None for part in fn.inputs]


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_odd_values_of_every_event_get_a_sentence(attacked, seed, caplog, capfd):
    draw = random.Random(seed)
    bad, done = {}, 0
    for number, fn, session in attacked.events():
        data = plain(attacked, fn)
        for place in draw.sample(range(len(data)), min(len(data), draw.choice((0, 1, 1, 2)))):
            data[place] = draw.choice(ODD)
        happened = draw.choice(HAPPENED) if fn.collects_event_data else draw.choice([None, *HAPPENED])
        answer = ask(attacked, number, data, event_data=happened, session_hash=session)
        done += answer.status_code == 200
        if not is_clean(attacked, answer):
            bad[number, fn.api_name] = answer.status_code, answer.text[:200], happened, data if len(data) < 10 else ""
    assert bad == {} and done > 20  # many go through to their handlers
    logged = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert logged == [] and "Traceback" not in capfd.readouterr().err


def test_an_odd_identity_is_one_sentence(attacked):
    for number, fn, session in attacked.events():
        for place, part in enumerate(fn.inputs):
            if part.get_block_name() == "browserstate":
                for value in (3, [1], {"a": 1}, True):
                    data = plain(attacked, fn)
                    data[place] = value
                    answer = ask(attacked, number, data, event_data={"act": "cancel", "run": "x"}, session_hash=session)
                    assert answer.status_code == 422 and "where a text is needed" in answer.json()["error"]


@pytest.mark.parametrize("happened", [None, [], "x", 3])
def test_an_event_that_asks_what_happened_needs_to_be_told(attacked, happened):
    asking = [number for number, fn in attacked.studio.fns.items() if fn.collects_event_data]
    assert asking
    for number in asking:
        data = plain(attacked, attacked.studio.fns[number])
        answer = ask(attacked, number, data, event_data=happened)
        assert answer.status_code == 422 and "event_data" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe{}", b'{"fn_index": 99999, "data": []}', b'{"fn_index": -1, "data": []}',
        b'{"fn_index": null, "data": []}', b'{"fn_index": 0, "data": []}', b'{"fn_index": 0, "data": null}', b'{"data": ["\\ud800"], "fn_index": 17}',
        b'{"fn_index": 17, "data": [], "session_hash": 3}', b'{"fn_index": 17, "data": [], "session_hash": {"a": 1}}',
        b'{"fn_index": 17, "data": [], "batched": true}', b'{"fn_index": 17, "data": [], "trigger_id": []}',
        b'{"fn_index": 1e400, "data": []}', b'{"fn_index": 17, "data": [' + b"[" * 500 + b"]" * 500 + b"]}",
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_one_sentence(attacked, body):
    for address in ("/gradio_api/run/x", "/gradio_api/queue/join"):
        answer = attacked.client.post(address, content=body, headers={"content-type": "application/json"})
        assert (
            answer.status_code == 422
            and answer.json()["detail"].count("\n") == 0
            and answer.json()["detail"].endswith(".")
        )


@pytest.mark.parametrize(
    "more", [{"extra": 1}, {"event_id": "x"}, {"simple_format": "maybe"}, {"oauth_token": 3}, {"trigger_id": 10**9}]
)
def test_odd_fields_beside_the_values_fail_no_server(attacked, more):
    answer = ask(attacked, 17, [], **more)
    assert answer.status_code in (200, 422)


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/gradio_api/cancel", b"{}"), ("/gradio_api/cancel", b'{"session_hash": "a", "fn_index": "x", "event_id": 3}'),
        ("/gradio_api/cancel", b'{"session_hash": "a", "fn_index": 0, "event_id": "none"}'), ("/gradio_api/reset", b"[]"),
        ("/gradio_api/upload", b"{}"), ("/gradio_api/upload", b""), ("/gradio_api/queue/data", b"{}"), ("/gradio_api/heartbeat/a", b"{}"),
    ],
)  # fmt: skip
def test_the_other_addresses_take_no_odd_body_for_an_error_of_theirs(attacked, address, body):
    answer = attacked.client.post(address, content=body, headers={"content-type": "application/json"})
    assert answer.status_code < 500 and not attacked.names(answer.text)
