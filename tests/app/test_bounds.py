"""What one request, one visitor's uploads and the open pages may take, and that the server answers whatever its threads do."""

import os
import threading
import time
from pathlib import Path

import anyio
import apart
import gradio as gr
import httpx
import pytest
from fastapi.testclient import TestClient
from gradio.state_holder import SessionState

from app import bounds, server, sessions, uploads
from backends.api.limits import Limits, limits

EVENT = "/gradio_api/run/predict"
UPLOAD = "/gradio_api/upload"


@pytest.fixture(scope="module")
def where(new_home):
    return new_home()


@pytest.fixture(scope="module")
def client(where):
    """A browser before the whole application, made once, with small limits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(where))
        for name, value in {"BODY": 50_000, "UPLOAD": 10_000, "UPLOADS": 2**20}.items():
            patch.setenv(f"LETHE_{name}_BYTES", str(value))
        patch.setenv("LETHE_UPLOAD_FILES", "3")
        limits.cache_clear()
        with TestClient(server.create_app(), raise_server_exceptions=False) as made:
            yield made
    limits.cache_clear()


@pytest.fixture(autouse=True)
def same_home(where, monkeypatch):
    monkeypatch.setenv("LETHE_HOME", str(where))


@pytest.fixture
def holder(client):
    """What the studio remembers, with nobody there."""
    found = client.app.routes[-1].app.state_holder
    for session in list(found.session_data):
        found._forget(session)
    return found


def files(*sizes):
    return [("files", (f"{number}.txt", os.urandom(size))) for number, size in enumerate(sizes)]


def refused(answer, status=413):
    assert answer.status_code == status, answer.text
    sentence = answer.json()["error"]
    assert sentence.endswith(".") and "/" not in sentence
    return sentence


def lying():
    """The files in the folder of uploads, of any that were there."""
    return [path for path in uploads.folder().rglob("*") if path.is_file() and path.stat().st_size]


def test_a_body_over_its_limit_is_refused_by_its_length_and_while_it_comes(client):
    huge = b'{"data": "' + b"x" * 60_000 + b'"}'
    for path in (EVENT, "/gradio_api/queue/join", "/classroom/_stcore/anything"):
        assert "One request may bring 49 KB" in refused(client.post(path, content=huge))
        assert "49 KB" in refused(client.post(path, content=iter([huge[:30_000], huge[30_000:]])))


def test_a_body_within_its_limit_reaches_the_studio_whole(client):
    asked = {"fn_index": 10**6, "data": ["x" * 40_000], "session_hash": "a"}
    answer = client.post(EVENT, json=asked)
    assert (
        answer.status_code == 422 and "may bring" not in answer.text
    )  # there is no such event, which only a whole body tells
    assert client.post(EVENT, content=b"[").status_code == 422


def test_an_application_does_not_run_for_a_body_that_was_refused(client):
    ran = []

    async def within(scope, receive, send):
        ran.append(1)

    async def ask():
        sent, coming = [], [{"type": "http.request", "body": b"x" * 30_000, "more_body": True}] * 3
        scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}

        async def receive():
            return coming.pop()

        async def send(message):
            sent.append(message)

        await bounds.Bounds(within)(scope, receive, send)
        return sent, coming

    sent, left = apart.run(ask())
    assert sent[0]["status"] == 413 and len(left) == 1 and ran == []


def test_uploads_have_a_size_and_a_number(client):
    assert client.post(UPLOAD, files=files(9_000, 9_000, 9_000)).status_code == 200
    assert client.post(UPLOAD, files=files(11_000)).status_code == 413
    assert "3 files" in refused(client.post(UPLOAD, files=files(10, 10, 10, 10)))
    assert "3 files of 10 KB each" in refused(client.post(UPLOAD, files=files(50_000)))


def test_files_are_counted_wherever_the_mark_is_cut():
    body = b"--mark\r\n\r\nx\r\n" * 4 + b"--mark--"
    scope = {"headers": [(b"content-type", b'multipart/form-data; BOUNDARY="mark"')]}

    def count(step, most):
        coming = [{"body": body[at : at + step]} for at in range(0, len(body), step)]

        async def receive():
            return coming.pop(0)

        async def all_of_it():
            counting = bounds.Counting(scope, receive, Limits(upload_files=most))
            while coming:
                await counting()

        apart.run(all_of_it())

    for step in (1, 2, 5, 6, 7, 100):
        count(step, 4)
        with pytest.raises(bounds.TooMuch, match="3 files"):
            count(step, 3)


def test_uploads_lie_in_the_home_and_go_once_read_or_within_the_hour(client, where):
    first, second = client.post(UPLOAD, files=files(100, 200)).json()
    assert first.startswith(str(where)) and Path(first).exists()
    answer = uploads.read_once("file", lambda values: {"says": Path(values["file"]).read_bytes()})
    updates = answer({"file": first})
    assert len(updates["says"]) == 100 and updates["file"] is None
    uploads.sweep()
    assert Path(first).exists()  # somebody else may have uploaded the same a moment ago
    uploads.sweep(time.time() + uploads.SETTLED + 1)
    assert not Path(first).exists() and Path(second).exists()
    uploads.sweep(time.time() + uploads.HOUR + 1)
    assert lying() == []


def test_reading_fails_and_the_upload_still_goes(client):
    (path,) = client.post(UPLOAD, files=files(50)).json()

    def fails(values):
        raise ValueError

    with pytest.raises(ValueError):
        uploads.read_once("file", fails)({"file": path})
    uploads.sweep(time.time() + uploads.SETTLED + 1)
    assert not Path(path).exists()


def test_only_uploads_are_removed(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("x")
    uploads.done_with(mine)
    uploads.sweep(time.time() + 2 * uploads.HOUR)
    assert mine.exists()


def test_all_uploads_together_have_a_limit(client, monkeypatch):
    uploads.sweep(time.time() + 2 * uploads.HOUR)
    monkeypatch.setattr(uploads, "limits", lambda: Limits(uploads_bytes=2**20))
    old, new = uploads.folder() / "old", uploads.folder() / "new"
    uploads.folder().mkdir(parents=True, exist_ok=True)
    for path in (old, new):
        path.write_bytes(b"x" * 600_000)
    assert "may hold 1 MB; try again" in refused(client.post(UPLOAD, files=files(10)), 503)
    os.utime(old, (time.time() - 100,) * 2)
    assert client.post(UPLOAD, files=files(10)).status_code == 200
    assert not old.exists() and new.exists()
    uploads.sweep(time.time() + 2 * uploads.HOUR)


def test_a_session_has_what_gradio_reads_and_no_copy_of_the_page(client):
    blocks = client.app.routes[-1].app.get_blocks()
    theirs, ours = SessionState(blocks), sessions.Session(blocks)
    assert vars(theirs).keys() == vars(ours).keys() - {"_first", "_touched"}
    assert len(theirs.config_values) > 300 and ours.config_values == {}
    key, part = next(iter(blocks.blocks.items()))
    ours[key] = part
    ours._update_config(key)
    ours._update_value_in_config(key, "x")
    assert ours.config_values == {} and ours[key] is part


def test_a_part_is_kept_for_a_session_only_where_it_takes_other_values(client):
    blocks = client.app.routes[-1].app.get_blocks()
    ours = sessions.Session(blocks)
    dropdowns = ((key, part) for key, part in blocks.blocks.items() if isinstance(part, gr.Dropdown))
    key, first = next((key, part) for key, part in dropdowns if not part.multiselect)
    again = type(first)  # as Gradio makes it
    given = {**first.constructor_args, "render": False}
    ours[key] = again(**given | {"visible": False, "label": "Another"})
    assert ours[key].visible is False  # Gradio reads the answer from it
    ours.trim()
    assert ours[key] is first
    ours[key] = changed = again(**given | {"choices": ["one", "two"], "value": "one"})
    ours.trim()
    assert ours[key] is changed and ours[key].preprocess("two") == "two" and blocks.blocks[key] is first
    ours[key] = again(**given)
    ours.trim()
    assert ours[key] is first


def test_arriving_leaves_little_behind(client, holder):
    """The form answers arrival with hundreds of changed parts; a copy of each, kept, was a megabyte a page."""
    page = client.get("/config?page=").json()
    values = {one["id"]: one["props"].get("value") for one in page["components"]}
    for event in page["dependencies"]:
        if any(name == "load" for _, name in event["targets"]):
            if not event["backend_fn"]:
                continue
            data = [values.get(part) for part in event["inputs"]]
            asked = {"fn_index": event["id"], "session_hash": "arrived", "data": data}
            assert client.post(EVENT, json=asked).status_code == 200
    holder.forget_closed()
    session, first = holder.session_data["arrived"], holder.blocks.default_config.blocks
    changed = [key for key, part in session.blocks_config.blocks.items() if part is not first.get(key)]
    assert len(changed) < 30 and session.config_values == {}


def test_what_was_drawn_before_is_not_kept(client, holder):
    """Whoever changes the method a hundred times holds the settings of one."""
    blocks, sizes = holder.blocks, []
    (render,) = [fn for fn in blocks.fns.values() if fn.renderable]
    for method in ("salun", "scrub", "worst_case", "salun"):
        data = [None if part.stateful else method if part.elem_id == "method" else part.value for part in render.inputs]
        asked = {"fn_index": render._id, "session_hash": "draws", "data": data}
        assert client.post(EVENT, json=asked).status_code == 200
        parts = holder.session_data["draws"].blocks_config.blocks
        sizes.append(len(parts.keys() - blocks.default_config.blocks.keys()))
        for fn in holder.session_data["draws"].blocks_config.fns.values():
            assert all(part._id in parts for part in fn.inputs)
    assert sizes[0] == sizes[3] > 6 and sizes[2] > sizes[0]


def test_nothing_is_kept_of_a_page_that_was_closed(holder):
    for name in ("open", "closed"):
        assert holder[name]
        holder.connect(name)
    holder.disconnect("closed")
    holder["never-open"]
    later = time.monotonic() + limits().idle_seconds
    holder.forget_closed(later - 5)
    assert set(holder.session_data) == {"open", "closed", "never-open"}
    holder.forget_closed(later + 1)
    assert set(holder.session_data) == {"open"} == set(holder._used) == set(holder.time_last_used)
    holder.disconnect("open")
    holder.forget_closed(later + 10)
    assert not holder.session_data and not holder._open


def test_a_page_that_something_is_computed_for_stays(holder, monkeypatch):
    queue = holder.blocks._queue
    holder["busy"]
    monkeypatch.setitem(queue.pending_event_ids_session, "busy", {"event"})
    monkeypatch.setitem(queue.event_ids_to_events, "event", object())
    holder.forget_closed(time.monotonic() + 10**6)
    assert "busy" in holder
    del queue.event_ids_to_events["event"]
    holder.forget_closed(time.monotonic() + 10**6)
    assert "busy" not in holder and "busy" not in queue.pending_event_ids_session


def test_pages_have_a_limit_and_closed_ones_go_first(holder, monkeypatch):
    monkeypatch.setattr(sessions, "limits", lambda: Limits(sessions=3))
    for name in ("a", "b", "c"):
        assert holder[name]
    for name in ("a", "b"):
        holder.connect(name)
    assert holder["d"] and set(holder.session_data) == {"a", "b", "d"}
    holder.connect("d")
    assert holder["a"] and holder["e"] and set(holder.session_data) == {"a", "d", "e"}
    for name in "abd":
        holder.disconnect(name)


def test_an_open_connection_is_an_open_page(holder):
    seen = []

    async def within(scope, receive, send):
        seen.append(dict(holder._open))

    for path in ("/gradio_api/heartbeat/abc", "/gradio_api/queue/data"):
        apart.run(sessions.Heartbeats(within, holder)({"type": "http", "path": path}, None, None))
    assert seen == [{"abc": 1}, {}] and not holder._open


def test_the_server_is_alive_while_every_thread_waits(client):
    """The handlers' pool is full; what says that the server lives does not need it, nor does a page that is kept."""
    app, freed = client.app, threading.Event()

    async def ask():
        pool = anyio.to_thread.current_default_thread_limiter()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver") as browser:
            kept = await browser.get("/")
            async with anyio.create_task_group() as group:
                for _ in range(int(pool.total_tokens)):
                    group.start_soon(anyio.to_thread.run_sync, freed.wait)
                while pool.available_tokens:
                    await anyio.sleep(0.01)
                try:
                    with anyio.fail_after(10):
                        alive, again = await browser.get("/healthz"), await browser.get("/")
                finally:
                    freed.set()
            return alive.text, again.text == kept.text

    assert apart.run(ask()) == ("ok", True)
