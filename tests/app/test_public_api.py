"""What programs can call: checked as pages are, said in one sentence, and no door for strangers that the pages have not."""

import asyncio
import json
import re
import time
from pathlib import Path

import apart
import pytest
from fastapi.testclient import TestClient

from app import public_api, server
from app.door import values
from app.inference import LIVE
from app.looks import Looks
from app.public_api import _own, finished, jobs, mcp
from app.public_api.calling import plain
from backends.api import catalog, elsewhere, runs
from backends.api.errors import BadInput
from backends.api.limits import limits

ROOT = Path(__file__).resolve().parents[2]
ALICE, BOB = "the secret of alice's program", "the secret of bob's program"
JOB = {"model": "fashion-resnet", "method": "salun", "forget": ["Sandal"]}
CLOTHES = ["T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def call(name, **arguments):
    """What a function answers, as over MCP."""
    return apart.run(public_api.get(name)(arguments))


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.setenv("LETHE_SHARED", "1")


@pytest.fixture
def tests_of_runs(monkeypatch):
    """The queue of tests with a process that waits to be told to go on, instead of one that attacks."""
    go = []

    def stream(op, *, cancelled, **wanted):
        yield {"phase": "Plain question", "done": 1, "of": 4}
        while not go and not cancelled.is_set():
            time.sleep(0.01)
        yield {"params": {}, "failed": {}}

    queue = Looks(stream)
    for module in (finished, jobs):
        monkeypatch.setattr(module, "LOOKS", queue)
    yield queue, go
    go.append(True)


def waited(look):
    """The look, once it works."""
    until = time.monotonic() + 10
    while not look.phase and time.monotonic() < until:
        time.sleep(0.01)
    return look


# --- what is said of the functions


def test_the_documentation_lists_exactly_the_functions_with_their_arguments():
    rows = re.findall(r"^\| `(\w+)\(([\w, ]*)\)` \|", (ROOT / "docs" / "api.md").read_text("utf-8"), re.M)
    documented = {name: [one for one in arguments.split(", ") if one] for name, arguments in rows}
    assert documented == {one.name: list(one.parameters) for one in public_api.CALLS}


@pytest.mark.parametrize("function", public_api.CALLS, ids=lambda one: one.name)
def test_a_function_says_what_it_does_takes_and_answers(function):
    schema = function.schema
    assert function.purpose.endswith(".") and function.returns.endswith(".")
    assert set(schema["properties"]) == set(function.parameters) and not schema["additionalProperties"]
    assert all(field["description"].endswith((".", "-")) for field in schema["properties"].values())
    assert schema.get("required", []) == function.required


# --- what cannot be done


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("list_methods", {"model": "no-such"}, "There is no model 'no-such'; choose one of fashion-resnet"),
        ("start_job", JOB | {"model": "no-such"}, "There is no model 'no-such'; choose one of"),
        ("start_job", JOB | {"model": "owner/name"}, "There is no model 'owner/name'; choose one of"),
        ("start_job", JOB | {"model": "."}, "There is no model '.'; choose one of"),
        ("start_job", JOB | {"method": "no-such"}, "There is no method 'no-such'; choose one of"),
        ("start_job", JOB | {"method": elsewhere.ID, "settings": {"folder": "/"}}, f"There is no method '{elsewhere.ID}'"),
        ("start_job", JOB | {"method": "uce"}, "uce cannot be used with this model"),
        ("start_job", JOB | {"forget": CLOTHES}, "All 10 classes were chosen to be forgotten; leave at least one to keep"),
        ("start_job", JOB | {"forget": []}, "Nothing to forget was named"),
        ("start_job", JOB | {"forget": "Sandal"}, "forget was 'Sandal', but input should be a valid list"),
        ("start_job", JOB | {"forget": ["@/etc/passwd"]}, "programs name none of the studio's machine"),
        ("start_job", JOB | {"keep": [" @/etc/passwd"]}, "programs name none of the studio's machine"),
        ("start_job", JOB | {"settings": {"epochs": "many"}}, "salun: epochs was 'many', but a whole number is needed"),
        ("start_job", JOB | {"seed": -1}, "seed was -1, but a whole number from 0"),
        ("start_job", JOB | {"seed": True}, "seed was True, but input should be a valid integer"),
        ("start_job", JOB | {"secret": "short"}, "The secret has 5 characters, but 16 to 200 are needed"),
        ("start_job", JOB | {"owner": "me"}, "There is no argument 'owner'; start_job takes model, method"),
        ("start_job", {"model": "fashion-resnet"}, "start_job was given no method; it needs model, method and forget"),
        ("wait", {"run": "../../etc"}, "There is no run '../../etc'"),
        ("wait", {"run": "example-forget-cat/../../.."}, "There is no run"),
        ("wait", {"run": "example-forget-cat", "seconds": 1e9}, "seconds was 1e+09, but 0 to 60 are allowed"),
        ("wait", {"run": "example-forget-cat", "seconds": float("nan")}, "seconds was nan, but 0 to 60 are allowed"),
        ("result", {"run": ""}, "There is no run ''"),
        ("cancel", {"run": "example-forget-cat"}, "came with Lethe; it can be looked at, not changed"),
        ("ask", {"run_or_model": "authors-lm", "question": "x" * 10_000}, "The question has 10,000 characters"),
        ("ask", {"run_or_model": "emoji-sd", "question": "a cat"}, "emoji-sd draws pictures; use draw"),
        ("ask", {"run_or_model": "fashion-resnet", "question": "../x"}, "'../x' is no image of the data"),
        ("ask", {"run_or_model": "../x", "question": "a cat"}, "There is no run '../x'"),
        ("draw", {"run_or_model": "authors-lm", "prompt": "a cat"}, "authors-lm "),
        ("draw", {"run_or_model": "emoji-sd", "prompt": "x" * 10_000}, "The prompt has 10,000 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(home, nobody_answers, name, arguments, sentence):
    with pytest.raises(BadInput) as error:
        call(name, **arguments)
    assert sentence in str(error.value) and str(error.value).endswith(".") and "\n" not in str(error.value)
    assert not list(home.glob("runs/*"))


@pytest.mark.parametrize("name", ["result", "verdict", "compare", "card", "test"])
def test_a_run_that_is_not_done_has_none_of_it(make_run, name):
    queued, failed = make_run("queued"), make_run("failed")
    with pytest.raises(BadInput, match=f"Run {queued.id} is queued; only a run that is done has"):
        call(name, run=queued.id)
    with pytest.raises(BadInput, match="is failed \\(The memory ran out; choose a smaller batch\\); only"):
        call(name, run=failed.id)
    with pytest.raises(BadInput, match="is queued; only a run that is done has an unlearned model to ask"):
        call("ask", run_or_model=queued.id, question="test-3")


# --- jobs


def test_a_job_waits_with_all_its_settings(home):
    answer = call("start_job", **JOB, settings={"epochs": 3}, seed=7)
    run = runs.find(answer["run"])
    assert answer["settings"]["epochs"] == 3 == run.spec.params["epochs"] and run.spec.seed == 7
    assert answer["status"] == "queued" and answer["secret"] == "" == run.state.owner
    assert call("cancel", run=run.id) == {"run": run.id, "status": "cancelled", "tests": 0}


def test_waiting_tells_the_true_progress_and_ends_with_the_run(make_run):
    working, done = make_run("running"), make_run("done")
    begun = time.monotonic()
    now = call("wait", run=working.id, seconds=0.6)
    assert 0.6 <= time.monotonic() - begun < 10
    assert (now["status"], now["phase"], now["step"], now["steps"], now["ended"]) == ("running", "forget", 5, 10, False)
    begun = time.monotonic()
    assert call("wait", run=done.id, seconds=60)["ended"] and time.monotonic() - begun < 10

    async def ends_meanwhile():
        waiting = asyncio.create_task(public_api.get("wait")({"run": working.id, "seconds": 60}))
        await asyncio.sleep(0.2)
        working.move("failed", note="The disk is full.")
        return await waiting

    ended = apart.run(ends_meanwhile())
    assert ended["ended"] and ended["message"] == "The disk is full." and time.monotonic() - begun < 20


def test_where_many_wait_already_the_next_is_answered_at_once(make_run, monkeypatch):
    run = make_run("running")
    monkeypatch.setattr(jobs, "WAITING", 2)

    async def three():
        waiting = [asyncio.create_task(jobs.wait(run.id, 3)) for _ in range(2)]
        await asyncio.sleep(0.2)
        begun = time.monotonic()
        assert (await jobs.wait(run.id, 60))["status"] == "running"
        took = time.monotonic() - begun
        await asyncio.gather(*waiting)
        return took

    assert apart.run(three()) < 2 and jobs._waiting == 0


# --- finished runs


def test_the_numbers_of_a_run_come_with_their_controls(make_run):
    run = make_run("done")
    answer = call("result", run=run.id)
    assert answer["metrics"]["unlearning_accuracy"] == {
        "before": 3.0, "after": 100.0, "reference": 100.0, "unit": "%", "direction": "reference",
        "title": answer["metrics"]["unlearning_accuracy"]["title"],
    }  # fmt: skip
    assert [mark["question"] for mark in answer["marks"]] == ["Forgotten?", "Rest intact?", "Really gone?"]
    assert answer["sentence"] and answer["settings"] == {"epochs": 2} and answer["seconds"] == 12.0
    assert call("verdict", run=run.id) | {"tests": []} == {
        "run": run.id, "sentence": answer["sentence"], "marks": answer["marks"], "word": "not tested", "reasons": [],
        "settles": "", "tests": [],
    }  # fmt: skip


@pytest.mark.parametrize("run", [run.id for run in runs.all_runs() if run.shipped])
def test_every_shipped_run_can_be_read_whole(run, nobody_answers):
    answers = {name: call(name, run=run) for name in ("result", "verdict", "compare", "card")}
    json.dumps(answers, allow_nan=False)
    attacked = (runs.find(run).path / "attack").is_dir()
    words = ("hidden", "erased", "still there", "damaged", "cannot tell", "filter") if attacked else ("not tested",)
    assert answers["verdict"]["word"] in words
    assert bool(answers["verdict"]["tests"]) == attacked and answers["card"]["run"] == run
    items = answers["compare"]["items"]
    assert {item["role"] for item in items} >= {"forget"}
    for item in items:
        before, after = item["before"], item["after"]
        assert before["text"] or before["picture"].startswith("data:image/")
        assert after["text"] or after["picture"].startswith("data:image/")
        assert 0 <= before["share"] <= 1
    assert any(item["before"] != item["after"] for item in items if item["role"] == "forget")


def test_a_number_that_was_not_measured_is_null():
    assert plain({"a": (float("nan"), 1.5), 3: [float("inf")]}) == {"a": [None, 1.5], "3": [None]}


# --- strangers


def test_a_job_of_a_shared_studio_is_its_secrets(home, shared):
    made = call("start_job", **JOB)
    own = call("start_job", **JOB, secret=ALICE)
    assert len(made["secret"]) >= _own.LEAST and own["secret"] == ALICE
    assert runs.find(own["run"]).state.owner == runs.owner_mark(ALICE)
    for secret in ("", BOB, made["secret"], runs.owner_mark(ALICE)):
        with pytest.raises(
            BadInput, match="was started in another browser or program, so it can only be looked at here"
        ):
            call("cancel", run=own["run"], secret=secret)
    assert runs.find(own["run"]).state.status == "queued"
    assert call("cancel", run=own["run"], secret=ALICE)["status"] == "cancelled"
    assert call("cancel", run=made["run"], secret=made["secret"])["status"] == "cancelled"


def test_a_secret_has_as_many_jobs_waiting_as_a_browser(home, shared):
    for _ in range(limits().queued_jobs):
        call("start_job", **JOB, secret=ALICE)
    with pytest.raises(BadInput, match="a visitor of this shared studio may have 3 waiting"):
        call("start_job", **JOB, secret=ALICE)
    assert call("start_job", **JOB, secret=BOB)["status"] == "queued"


def test_nobody_is_told_of_runs_whose_id_they_do_not_have(make_run, shared):
    hers = make_run("done", owner=runs.owner_mark(ALICE))
    told = [call("list_models"), call("list_methods", model="fashion-resnet"), call("list_attacks")]
    with pytest.raises(BadInput) as error:
        call("wait", run=hers.id[:-1])
    assert hers.id not in json.dumps(told) + str(error.value) and hers.id[:8] in str(error.value)
    assert call("result", run=hers.id)["run"] == hers.id  # the id is the link


def test_tests_of_a_shared_studio_are_who_asked_for_thems(make_run, shared, tests_of_runs):
    queue, _ = tests_of_runs
    run = make_run("done", owner=runs.owner_mark(ALICE))
    with pytest.raises(BadInput, match="give a secret of your own, 16 to 200 characters"):
        call("test", run=run.id)
    assert call("test", run=run.id, secret=BOB)["state"] in ("waiting", "working")
    (look,) = queue.owned(runs.owner_mark(BOB))
    assert not waited(look).joins  # the run is Alice's
    standing = call("test", run=run.id, secret=BOB)
    assert (standing["state"], standing["phase"], standing["step"], standing["steps"]) == (
        "working",
        "Plain question",
        1,
        4,
    )
    assert queue.owned(runs.owner_mark(BOB)) == [look]
    with pytest.raises(BadInput, match="another browser or program"):
        call("cancel", run=run.id, secret="a secret of somebody else")
    assert not look.cancelled.is_set()
    assert call("cancel", run=run.id, secret=BOB) == {"run": run.id, "status": "done", "tests": 1}
    assert look.cancelled.is_set()


def test_a_test_that_ended_is_told_and_not_made_again(make_run, tests_of_runs):
    queue, go = tests_of_runs
    run = make_run("done")
    assert not call("test", run=run.id)["ended"]
    go.append(True)
    until = time.monotonic() + 10
    while not (told := call("test", run=run.id))["ended"] and time.monotonic() < until:
        time.sleep(0.02)
    assert told["state"] == "done" and told["word"] == "not tested" and len(queue._all) == 1
    assert call("test", run=run.id)["state"] == "done" and len(queue._all) == 1


def test_what_was_tested_already_is_not_tested_again(tests_of_runs):
    queue, _ = tests_of_runs
    assert call("test", run="example-forget-sandal")["word"] == "hidden" and queue._all == []


def test_all_programs_together_are_one_visitor_before_the_models(monkeypatch):
    asked = []

    def answered(op, *, visitor, **args):
        asked.append((op, visitor, args["reference"]))
        return {"before": {"said": "Quebec", "share": "NaN"}, "truth": "", "seconds": 1.0}

    monkeypatch.setattr(LIVE._quick, "ask", answered)
    assert call("ask", run_or_model="authors-lm", question="Where?")["before"] == {"text": "Quebec", "share": None}
    call("ask", run_or_model="example-author-forgotten", question="Where?")
    assert asked == [("answer", "programs", False), ("answer", "programs", True)]


# --- over HTTP


@pytest.fixture(scope="module")
def served(new_home):
    """A shared studio, through its door."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LETHE_HOME", str(new_home()))
        patch.setenv("LETHE_SHARED", "1")
        with TestClient(server.create_app(), raise_server_exceptions=False) as client:
            yield client


def called(client, name, **arguments):
    """What a function answers through the door, or its sentence."""
    posted = client.post(f"/gradio_api/call/v2/{name}", json=arguments)
    if posted.status_code != 200:
        return posted.json()["error"]
    text = client.get(f"/gradio_api/call/v2/{name}/{posted.json()['event_id']}").text
    kind, data = re.findall(r"^event: (\w+)\ndata: (.*)$", text, re.M)[-1]
    return json.loads(data)[0] if kind == "complete" else json.loads(data)["error"]


def tool(client, name, arguments, **headers):
    """The same as a tool: the text that it answers, and whether that is an error."""
    sent = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    accept = {"accept": "application/json, text/event-stream"}
    answer = client.post("/gradio_api/mcp/", json=sent, headers=accept | headers)
    if answer.status_code != 200:
        return answer.text, answer.status_code
    result = answer.json()["result"]
    return result["content"][0]["text"], result["isError"]


def test_exactly_the_functions_are_public_under_their_names(served):
    told = served.get("/gradio_api/info").json()
    every = served.get("/gradio_api/info?all_endpoints=True").json()
    names = [f"/{one.name}" for one in public_api.CALLS]
    assert list(told["named_endpoints"]) == names == list(every["named_endpoints"])
    assert told["unnamed_endpoints"] == {} == every["unnamed_endpoints"]
    private = {fn.api_name for fn in served.app.routes[-1].app.get_blocks().fns.values()} - {name[1:] for name in names}
    assert len(private) > 50
    for name in private:
        assert called(served, name).startswith("There is no function")


def test_a_stranger_may_by_a_program_what_they_may_by_a_page(served, make_run, shared):
    hers = make_run("queued", owner=runs.owner_mark(ALICE))
    refused = "was started in another browser or program"
    assert refused in called(served, "cancel", run=hers.id, secret=BOB) and hers.state.status == "queued"
    assert refused in tool(served, "cancel", {"run": hers.id})[0] and hers.state.status == "queued"
    assert called(served, "wait", run=hers.id, seconds=0)["status"] == "queued"
    assert called(served, "cancel", run=hers.id, secret=ALICE)["status"] == "cancelled"


def test_a_program_and_a_tool_say_the_same(served, shared):
    sentence = called(served, "result", run="../../etc")
    assert sentence.startswith("There is no run '../../etc'") and tool(served, "result", {"run": "../../etc"}) == (
        sentence,
        True,
    )
    same = called(served, "verdict", run="example-forget-sandal")
    assert same["word"] == "hidden" and json.loads(tool(served, "verdict", {"run": "example-forget-sandal"})[0]) == same


def test_a_tool_shows_pictures_as_pictures(served, shared):
    sent = {"name": "compare", "arguments": {"run": "example-forget-cat"}}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": sent}
    content = served.post("/gradio_api/mcp", json=request, headers={"accept": "application/json"}).json()["result"][
        "content"
    ]
    items = json.loads(content[0]["text"])["items"]
    assert items[0]["before"]["picture"] == "picture 1" and len(content) == 1 + 2 * len(items)
    assert {one["mimeType"] for one in content[1:]} == {"image/png"} and "base64" not in content[0]["text"]


def test_an_error_that_nobody_foresaw_is_told_without_its_text(served, shared, monkeypatch):
    def broken(run_id):
        raise RuntimeError("a text of the code's own")

    monkeypatch.setattr(runs, "find", broken)
    text, failed = tool(served, "wait", {"run": "x"})
    assert failed and "did not expect" in text and "own" not in text
    assert "did not expect" in called(served, "wait", run="x")


@pytest.mark.parametrize(
    "headers", [{"origin": "http://evil.test"}, {"host": "evil.test"}, {"sec-fetch-site": "cross-site"}]
)
def test_tools_are_behind_the_door(served, headers, monkeypatch):
    if "host" in headers:
        monkeypatch.setenv("LETHE_SHARED", "0")
    text, status = tool(served, "list_models", {}, **headers)
    assert status == 403 and ("another site" in text or "not served under the name" in text)
    request = {"json": {}, "headers": headers}
    assert served.post("/gradio_api/call/v2/list_models", **request).status_code == 403


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD"])
def test_tools_keep_no_connection_open(served, method):
    answer = served.request(method, "/gradio_api/mcp/", headers={"accept": "text/event-stream"})
    assert answer.status_code == 405 and answer.headers["allow"] == "POST"


def test_a_call_that_is_too_long_is_refused_before_it_is_read(served):
    for address in ("/gradio_api/mcp/", "/gradio_api/call/v2/wait"):
        assert served.post(address, content=b"x" * (limits().body_bytes + 1)).status_code == 413


def test_tools_need_their_package_and_say_so(served, monkeypatch):
    def missing(self):
        raise ModuleNotFoundError("mcp")

    monkeypatch.setattr(mcp.Tools, "_server", property(missing))
    assert tool(served, "list_models", {}) == (mcp.NOT_INSTALLED, 503)


FUNCTIONS = {"wait": values.Function(("run", "seconds"), ("run",)), "list_models": values.Function(())}


@pytest.mark.parametrize(
    ("name", "body", "sentence"),
    [
        ("act", b"{}", "There is no function 'act'; there are list_models, wait."),
        ("wait", b"", "no JSON that can be read"),
        ("wait", b"[]", "must be a JSON object"),
        ("wait", b"{}", "wait was given no run; wait takes run, seconds."),
        ("wait", b'{"run": "x", "fn_index": 3}', "There is no argument 'fn_index'; wait takes run, seconds."),
        ("list_models", b'{"session_hash": "x"}', "There is no argument 'session_hash'; list_models takes no arguments."),
        ("wait", b'{"run": {"path": "/etc/passwd"}}', "stands for a file, and wait takes none"),
        ("wait", b'{"run": ' + b"[" * 40 + b"]" * 40 + b"}", "more than 30 lists"),
    ],
)  # fmt: skip
def test_a_call_by_name_holds_its_arguments_and_nothing_else(name, body, sentence):
    with pytest.raises(BadInput) as error:
        values.check_call(body, name, FUNCTIONS)
    assert sentence in str(error.value)
    assert values.check_call(b'{"run": "x"}', "wait", FUNCTIONS) == b'{"run":"x"}'


def test_the_attacks_that_programs_are_told_of_are_those_of_the_catalog():
    assert [one["id"] for one in call("list_attacks")] == [one.id for one in catalog.load().attacks]
    names = [one["names"] for model in call("list_models") for one in model["forget"]]
    assert {"classes": CLOTHES} in names
