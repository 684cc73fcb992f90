"""Nobody reads a file of the server: a file that no visitor sent, as the value of anything, is refused before anything is read."""

import itertools
import json

import apart
import pytest
import rendered
from canary import CANARY
from fastapi.testclient import TestClient
from gradio import processing_utils
from gradio.context import LocalContext
from gradio.exceptions import InvalidPathError

from app.door import values
from app.door.middleware import Door
from backends.api.errors import BadInput

FILE = {"_type": "gradio.FileData"}
TRANSPORTS = ("run/predict", "run/{name}", "queue/join", "api/predict", "api/{name}", "call/{name}", "call/v2/{name}")


def forged(attacked):
    """Values that stand for files which no visitor sent."""
    link = attacked.uploads / "link.txt"
    if not link.is_symlink():
        link.symlink_to(attacked.canary)
    places = [
        str(attacked.canary), str(link), f"{attacked.uploads}/../private/canary.txt", "/etc/passwd", "/proc/self/environ",
        "/proc/self/root/etc/passwd", "/dev/zero", "/dev/stdin", "pyproject.toml", "../../../../etc/passwd",
        f"file://{attacked.canary}", "http://127.0.0.1:1/x.txt", "", ".", "/", str(attacked.uploads), "/etc/passwd\0.txt", "x" * 5000,
    ]  # fmt: skip
    alone = [{"path": place, "meta": FILE} for place in places]
    bare = [{"path": place} for place in places[:3]]
    one = alone[0]
    shaped = [
        one | {"is_stream": True},
        one | {"url": f"file://{attacked.canary}"},
        {"url": str(attacked.canary), "meta": FILE},
        {"path": ["/etc/passwd"], "meta": FILE},
        {"path": None, "meta": FILE},
        [one], [[one]], {"value": one}, {"root": [one]}, {"data": [["a", one]], "headers": ["x", "y"], "metadata": None},
        {"__type__": "update", "value": one}, {"image": one, "caption": "x"}, [[one, "caption"]],
    ]  # fmt: skip
    return alone + bare + shaped


@pytest.mark.parametrize("built", ["shared"], indirect=True)  # the check knows no mode
def test_no_position_of_any_event_takes_one(attacked):
    """Every event of /config and of what is drawn, every position of its values, its event_data and fields that are nowhere meant."""
    door = Door(attacked.client.app, None, attacked.studio)
    bad = itertools.cycle(forged(attacked))
    checked, drawn = 0, 0

    def check(body):
        return values.check_body(json.dumps(body).encode(), door.events, attacked.uploads, door.rendered)

    for number, fn, session in attacked.events():
        event = (door.rendered(session) if fn.rendered_in else door.events)[number]
        assert event.inputs == len(fn.inputs)
        whole = {"fn_index": number, "session_hash": session, "event_data": {"index": 0, "value": None}}
        data = [None] * event.inputs
        assert check(whole | {"data": data})
        for place in range(event.inputs + 1):
            with pytest.raises(BadInput, match="not uploaded here"):
                check(whole | {"data": [*data[:place], next(bad), *data[place + 1 :]]})
            checked += 1
            drawn += fn.rendered_in is not None
        for more in ({"event_data": {"index": 0, "value": next(bad)}}, {"anything": next(bad)}):
            with pytest.raises(BadInput, match="not uploaded here"):
                check(whole | {"data": data} | more)
    assert checked > 1_000 and drawn > 100  # the walk saw the studio: about 3,000 and 1,000


def test_the_check_refuses_each_forged_value_and_takes_what_was_sent(attacked):
    for one in forged(attacked):
        assert not all(values.is_upload(found, attacked.uploads) for found in values.files_in([one])), one
    sent = attacked.client.post("/gradio_api/upload", files={"files": ("q.csv", b"question,answer\na,b\n")}).json()[0]
    for one in ({"path": sent, "meta": FILE, "url": f"http://h/gradio_api/file={sent}"}, {"path": sent}):
        assert all(values.is_upload(found, attacked.uploads) for found in values.files_in([one]))


def test_no_event_takes_one_over_any_transport(attacked):
    bad, answers = itertools.cycle(forged(attacked)), []
    before = attacked.copies()
    silent = [(number, fn, f"s{number}") for number, fn in attacked.studio.fns.items() if fn.fn is None]
    for number, fn, session in [*attacked.events(), *attacked.drawn(), *silent]:
        data = [next(bad) for _ in range(len(fn.inputs) + 1)]
        body = {"fn_index": number, "data": data, "session_hash": session, "event_data": {"index": next(bad)}}
        for transport in TRANSPORTS:
            answers.append(attacked.client.post("/gradio_api/" + transport.format(name=fn.api_name), json=body))
    assert {answer.status_code for answer in answers} == {422, 404}
    assert not any(CANARY in answer.text or attacked.names(answer.text) for answer in answers)
    assert attacked.copies() == before
    assert attacked.client.get("/healthz").text == "ok"


def test_each_part_of_the_pages_refuses_one_by_http(attacked):
    """One request for each part that any event reads, the bad value at its place and nothing else."""
    parts = {}
    for number, fn, session in attacked.events():
        for place, part in enumerate(fn.inputs):
            parts.setdefault(part._id, (number, place, len(fn.inputs), session))
    assert len(parts) > 100 and len([part for part in parts if part not in attacked.studio.blocks]) > 20
    bad = itertools.cycle(forged(attacked))
    for number, place, many, session in parts.values():
        data = [None] * many
        data[place] = next(bad)
        happened = {"index": 0, "value": None}
        body = {"fn_index": number, "data": data, "session_hash": session, "event_data": happened}
        answer = attacked.client.post("/gradio_api/run/x", json=body)
        assert answer.status_code == 422 and "not uploaded here" in answer.text and not attacked.names(answer.text)


def test_gradio_itself_refuses_where_the_door_did_not(attacked):
    """The second lock: the same walk at Gradio's own application, without the door before it."""
    before = attacked.copies()
    behind = TestClient(attacked.inner, raise_server_exceptions=False)
    value = {"path": str(attacked.canary), "meta": FILE}
    for number, fn in attacked.studio.fns.items():
        if not any(part.stateful for part in fn.inputs) and fn.inputs:
            body = {
                "fn_index": number,
                "data": [value] * len(fn.inputs),
                "session_hash": "b",
                "event_data": {"index": 0},
            }
            answer = behind.post("/gradio_api/run/predict", json=body)
            assert answer.status_code >= 400 and CANARY not in answer.text and not attacked.names(answer.text)
    for number, fn, session in attacked.drawn():
        for place, part in enumerate(fn.inputs):
            if part._id not in attacked.studio.blocks:
                data = [None if part.stateful else rendered.value(part) for part in fn.inputs]
                data[place] = value
                body = {"fn_index": number, "data": data, "session_hash": session}
                answer = behind.post("/gradio_api/run/predict", json=body)
                assert answer.status_code >= 400 and CANARY not in answer.text and not attacked.names(answer.text)
    assert attacked.copies() == before


def test_gradios_check_of_paths_is_on_for_every_part(attacked):
    async def walk():
        LocalContext.blocks.set(attacked.studio)
        for part in {part._id: part for _, fn, _ in attacked.events() for part in fn.inputs}.values():
            for place in (attacked.canary, "/dev/zero", "/proc/self/environ"):
                with pytest.raises(InvalidPathError):
                    await processing_utils.async_move_files_to_cache(
                        {"path": str(place), "meta": FILE}, part, check_in_upload_folder=True
                    )

    apart.run(walk())


@pytest.mark.parametrize(
    "address",
    [
        "/gradio_api/file={canary}", "/gradio_api/file=/etc/passwd", "/gradio_api/file=pyproject.toml", "/gradio_api/file/{canary}",
        "/gradio_api/proxy=http://127.0.0.1:1/", "/gradio_api/file={uploads}/../private/canary.txt", "/gradio_api/file={uploads}/link.txt",
        "/gradio_api/custom_component/x/client/y/z", "/gradio_api/deep_link?session_hash=a", "/config?deep_link=abc", "/?deep_link=abc",
        "/gradio_api/run-history/buckets", "/gradio_api/openapi.json", "/monitoring", "/monitoring/summary", "/gradio_api/vibe-code",
        "/gradio_api/stream/a/b/1/playlist-file", "/static/../server.py", "/assets/..%2f..%2froutes.py", "/svelte/x",
    ],
)  # fmt: skip
def test_no_address_gives_one(attacked, address):
    forged(attacked)  # the link
    asked = address.format(canary=attacked.canary, uploads=attacked.uploads)
    answer = attacked.client.get(asked, follow_redirects=False)
    assert answer.status_code in (403, 404) and CANARY not in answer.text


def test_an_uploaded_page_or_picture_is_never_shown_as_a_page(attacked):
    """Whatever a visitor sent is handed out as a download, and in a sandbox where a browser shows it all the same."""
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    sent = attacked.client.post("/gradio_api/upload", files={"files": ("x.svg", drawn)}).json()[0]
    number, place = next(
        (number, fn.inputs.index(part))
        for number, fn in attacked.studio.fns.items()
        for part in fn.inputs
        if part.get_block_name() == "file"
    )
    data = [getattr(part, "value", None) if not part.stateful else None for part in attacked.studio.fns[number].inputs]
    data[place] = {"path": sent, "meta": FILE}
    attacked.client.post("/gradio_api/run/x", json={"fn_index": number, "data": data, "session_hash": "c"})
    answer = attacked.client.get(f"/gradio_api/file={sent}")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert (
        "sandbox" in answer.headers["content-security-policy"] and answer.headers["x-content-type-options"] == "nosniff"
    )


def test_a_file_that_a_visitor_sent_is_read(attacked):
    """The locks close nothing that is meant: questions sent as a file arrive in the form."""
    sent = attacked.client.post(
        "/gradio_api/upload", files={"files": ("own.csv", b"question,answer\nWho sang?,Mara\n")}
    ).json()[0]
    arrived = []
    for number, fn, session in attacked.events():
        heard = [part for part, event in fn.targets if event == "upload"]
        if not heard:
            continue
        data = [getattr(part, "value", None) if not part.stateful else None for part in fn.inputs]
        place = next(place for place, part in enumerate(fn.inputs) if part._id == heard[0])
        multiple = fn.inputs[place].file_count != "single"
        file = {"path": sent, "meta": FILE, "orig_name": "own.csv", "url": f"http://testserver/gradio_api/file={sent}"}
        data[place] = [file] if multiple else file
        body = {"fn_index": number, "data": data, "session_hash": session}
        answer = attacked.client.post("/gradio_api/run/x", json=body)
        arrived.append(answer.status_code == 200 and "Mara" in answer.text)
        assert (
            answer.status_code == 200 or "file type" in answer.json()["error"]
        )  # the field for running text takes no table
    assert sum(arrived) >= 2
