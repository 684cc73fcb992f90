"""A run folder that cannot be read stops nothing: not the start, not the queue, not the page of any other run."""

import json
import os
import shutil
from pathlib import Path

import apart
import pytest
from app_pages import answers_of, built

from app import cli
from backends.api import estimate, files, reading, runs, submit
from backends.api.errors import BadInput, LetheError, Unreadable
from backends.api.home import ASSETS
from backends.api.runs import RunFolder
from backends.engine.dispatcher import Dispatcher
from pages.studio import runs as runs_page

GOOD = "20261101-000000-good"


def rewrite(name, change):
    """Change the JSON of a file."""

    def damage(path: Path):
        said = json.loads((path / name).read_text("utf-8"))
        files.write_json(path / name, change(said))

    return damage


def cut(name):
    """Half of a file."""

    def damage(path: Path):
        content = (path / name).read_bytes()
        (path / name).write_bytes(content[: len(content) // 2])

    return damage


def text(name, content):
    """Other content."""
    return lambda path: (path / name).write_text(content)


def folder(name):
    """A folder in place of a file."""

    def damage(path: Path):
        (path / name).unlink()
        (path / name).mkdir()

    return damage


def link(name, to):
    """A link that leads out of the home in place of a file or folder."""

    def damage(path: Path):
        where = path / name
        shutil.rmtree(where) if where.is_dir() else where.unlink()
        where.symlink_to(to)

    return damage


def everything_is_a_link(path: Path):
    elsewhere = path.parents[2] / "elsewhere"
    shutil.move(path, elsewhere)
    path.symlink_to(elsewhere)


def first_sample(change):
    def damage(path: Path):
        change(sorted((path / "samples").glob("*.json"))[0])

    return damage


NAMES = ("spec.json", "state.json", "result.json", "metrics.json")
UNREADABLE = {
    **{f"{name} cut": cut(name) for name in NAMES},
    **{f"{name} empty": text(name, "") for name in NAMES},
    **{f"{name} null": text(name, "null") for name in NAMES},
    **{f"{name} a list": text(name, "[]") for name in NAMES},
    **{f"{name} a folder": folder(name) for name in NAMES},
    **{f"{name} a link to /etc/passwd": link(name, "/etc/passwd") for name in NAMES},
    **{f"{name} a link to an endless device": link(name, "/dev/zero") for name in NAMES},
    **{f"{name} nested without end": text(name, "[" * 100_000) for name in NAMES},
    "spec.json missing": lambda path: (path / "spec.json").unlink(),
    "state.json and result.json missing": lambda path: [(path / f"{n}.json").unlink() for n in ("state", "result")],
    "spec.json empty object": text("spec.json", "{}"),
    "result.json empty object": text("result.json", "{}"),
    "spec of other types": rewrite("spec.json", lambda said: said | {"forget": 7}),
    "unknown status": rewrite("state.json", lambda said: said | {"status": "paused"}),
    "history of other types": rewrite("state.json", lambda said: said | {"history": "long"}),
    "result of other types": rewrite("result.json", lambda said: said | {"seconds": ["x"]}),
    "result without its verdict": rewrite(
        "result.json", lambda said: {k: v for k, v in said.items() if k != "verdict"}
    ),
    "metrics of other types": rewrite("metrics.json", lambda said: said | {"x": 3}),
    "the weights a link": link("after", "/etc"),
    "the folder a link": everything_is_a_link,
}
READABLE = {
    "spec of a newer version": rewrite("spec.json", lambda said: said | {"strength": 3}),
    "state of a newer version": rewrite("state.json", lambda said: said | {"cluster": "west"}),
    "result of a newer version": rewrite("result.json", lambda said: said | {"energy": 3.5}),
    "metrics of a newer version": rewrite(
        "metrics.json", lambda said: {k: v | {"ci": [0, 1]} for k, v in said.items()}
    ),
    "state.json missing": lambda path: (path / "state.json").unlink(),
    "metrics empty": text("metrics.json", "{}"),
    "metrics missing": lambda path: (path / "metrics.json").unlink(),
    "events with null and numbers": text("events.jsonl", 'null\n3\n{"phase": 7}\n{"seconds": "x"}\n[]\n{"seco'),
    "events a folder": folder("events.jsonl"),
    "events missing": lambda path: (path / "events.jsonl").unlink(),
    "a sample cut": first_sample(lambda path: path.write_bytes(path.read_bytes()[:80])),
    "a sample null": first_sample(lambda path: path.write_text("null")),
    "a sample of other types": first_sample(lambda path: path.write_text('{"items": [{"id": 3}, 7], "step": "x"}')),
    "a sample's items of other types": first_sample(
        lambda path: path.write_text(
            '{"items": [{"id": "a", "role": "forget", "label": 99, "probabilities": [1]}, null]}'
        )
    ),
    "pictures cut": lambda path: [one.write_bytes(one.read_bytes()[:20]) for one in path.rglob("*.png")],
    "samples missing": lambda path: shutil.rmtree(path / "samples"),
    "weights missing": lambda path: shutil.rmtree(path / "after"),
    "findings cut": lambda path: files.write_bytes(path / "inspect" / "weight_change" / "found.json", b'{"what": "we'),
    "findings of other types": lambda path: files.write_json(
        path / "inspect" / "weight_change" / "found.json", {"panels": 3}
    ),
    "stray files": lambda path: (path / "notes.txt").write_text("hello"),
}
KINDS = UNREADABLE | READABLE
SOME = (*READABLE, "spec.json cut", "result.json null", "unknown status", "the folder a link")  # they reach the pages


def put(home: Path, name: str) -> Path:
    """A copy of a finished run that came with Lethe."""
    shipped, path = ASSETS / "runs" / "example-forget-sandal", home / "runs" / name
    few = sorted((shipped / "samples").glob("*.json"))[1:-1]
    left_out = shutil.ignore_patterns("inspect", "*.safetensors", "metrics.npz", *(one.name for one in few))
    shutil.copytree(shipped, path, ignore=left_out, copy_function=shutil.copyfile)
    return path


def number(kind: str) -> str:
    return f"20261102-000000-{list(KINDS).index(kind):03d}"


@pytest.fixture
def damaged(home):
    """A home with a folder of every kind, and one good run."""
    put(home, GOOD)
    (home / "runs" / "empty").mkdir()
    (home / "runs" / "stray").write_text("no run")
    for kind, damage in KINDS.items():
        damage(put(home, number(kind)))
    return home


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_says_why_and_can_be_deleted(home, kind):
    put(home, GOOD)
    UNREADABLE[kind](put(home, "bad"))
    (bad,) = runs.unreadable()
    assert bad.id == "bad" and bad.trouble.startswith("Run bad cannot be read: ") and str(home) not in bad.trouble
    assert "\n" not in bad.trouble and "root:" not in bad.trouble
    with pytest.raises(Unreadable, match="Run bad cannot be read"):
        runs.find("bad")
    assert [run.id for run in runs.all_runs(shipped=False)] == [GOOD]
    runs.find("bad", unreadable=True).delete()
    assert not os.path.lexists(home / "runs" / "bad") and runs.unreadable() == []


@pytest.mark.parametrize("kind", READABLE)
def test_what_is_only_incomplete_opens(home, kind):
    READABLE[kind](put(home, "odd"))
    run = runs.find("odd")
    assert run.trouble == "" and run.state.status == "done" and run.result["verdict"]
    assert isinstance(run.events(), list) and isinstance(run.samples(), list) and isinstance(run.metrics, dict)


def test_what_a_link_leads_to_is_not_deleted_with_it(home):
    elsewhere = put(home, "mine")
    shutil.move(elsewhere, home / "kept")
    (home / "runs" / "mine").symlink_to(home / "kept")
    runs.find("mine", unreadable=True).delete()
    assert (home / "kept" / "spec.json").is_file()


def test_fields_of_a_newer_version_are_written_again(home):
    spec = submit.read(model="fashion-resnet", method="salun", forget=["Sandal"])
    run = runs.create(spec)
    said = files.read_json(run.path / "state.json")
    said["history"][0]["host"] = "west-3"
    files.write_json(run.path / "state.json", said | {"cluster": "west"})
    run.move("running")
    run.move("failed", note="The end.")
    said = files.read_json(run.path / "state.json")
    assert said["cluster"] == "west" and said["history"][0]["host"] == "west-3" and said["status"] == "failed"


class Nothing:
    """An executor that starts nothing twice."""

    name = "none"

    def __init__(self):
        self.started = []

    def slots(self):
        return 50

    def takes(self, run):
        return True

    def start(self, run, attempt):
        self.started.append(run.id)

    def ended(self):
        return iter(())

    def trouble(self):
        return ""

    def prepare(self, waiting): ...

    def close(self): ...


def test_the_queue_goes_on_past_every_kind(damaged):
    for kind in KINDS:  # as if each had been waiting or working
        path = damaged / "runs" / number(kind) / "state.json"
        if "state" not in kind and "status" not in kind and "history" not in kind and "folder a link" not in kind:
            files.write_json(path, {"status": "running", "attempt": 1, "history": [{"status": "queued", "at": 1.0}]})
    waiting = runs.create(submit.read(model="fashion-resnet", method="salun", forget=["Sandal"]))
    executor = Nothing()
    dispatcher = Dispatcher(executor)
    dispatcher.recover()
    dispatcher.step()
    dispatcher.step()
    assert waiting.id in executor.started and waiting.state.status == "running"
    assert not {number(kind) for kind in UNREADABLE} & set(executor.started)


def test_a_job_of_a_newer_version_is_refused_in_words(home):
    run = runs.create(submit.read(model="fashion-resnet", method="salun", forget=["Sandal"]))
    rewrite("spec.json", lambda said: said | {"strength": 3})(run.path)
    executor = Nothing()
    Dispatcher(executor).step()
    assert executor.started == [] and run.state.status == "failed"
    assert "strength, which this version of Lethe does not know" in run.state.message


def test_what_the_server_reads_at_its_start_reads_on(damaged):
    assert estimate.estimates("fashion-resnet")["here"]
    assert runs.places() == {}
    good = RunFolder(damaged / "runs" / GOOD)
    with pytest.raises(BadInput):
        good.cancel()
    demo = built()
    every = {run.id for run in runs.all_runs()}
    assert GOOD in every and {number(kind) for kind in READABLE} < every
    assert demo.fns


def test_every_page_opens_for_the_good_run_and_answers_for_the_others(damaged, monkeypatch):
    from app.inference import LIVE

    def busy(*_, **__):
        raise LetheError("Nobody answers here.")

    monkeypatch.setattr(LIVE, "ask", busy)
    monkeypatch.setattr(LIVE, "stream", busy)
    demo = built()
    good = [("run", {"id": GOOD}), ("new", {"clone": GOOD}), ("methods", {"tab": "runs", "base": GOOD}), ("runs", {})]
    for path, query in [("", {}), *good]:
        shown = apart.run(answers_of(demo, path, query))
        assert GOOD in shown or path in ("", "new", "runs"), (
            path
        )  # Home and Runs list the newest few, the form does not name it
        assert "Error: " not in shown, (path, shown[-300:])
    for kind in SOME:
        for path, query in (("run", {"id": number(kind)}), ("new", {"clone": number(kind)})):
            shown = apart.run(answers_of(demo, path, query))
            assert "Error: " not in shown, (kind, path, shown[-300:])
            if kind in UNREADABLE:
                assert "cannot be read" in shown, (kind, path)
    listed = str(runs_page.show("", len(KINDS) + 1)[:2])
    assert GOOD in listed
    assert all(number(kind) in listed for kind in KINDS) and listed.count("cannot be read") == len(UNREADABLE)


@pytest.mark.parametrize("command", ["runs", "show", "delete"])
def test_the_command_line_says_it_in_a_sentence(damaged, command, capsys):
    bad, good = number("result.json cut"), number("metrics missing")
    if command == "runs":
        assert cli.run(["runs", "--json"]) == 0
        rows = {row["run_id"]: row for row in json.loads(capsys.readouterr().out)}
        assert {name for name, row in rows.items() if row["status"] == "unreadable"} == {
            number(kind) for kind in UNREADABLE
        }
        assert "result.json is no whole JSON document" in rows[bad]["message"] and rows[GOOD]["status"] == "done"
        return
    if command == "show":
        assert cli.run(["show", bad]) == 2 and "cannot be read" in capsys.readouterr().err
        assert cli.run(["show", good]) == 0
        return
    for kind in KINDS:
        assert cli.run(["delete", number(kind)]) == 0
    assert sorted(path.name for path in (damaged / "runs").iterdir()) == [GOOD, "empty", "stray"]


def test_a_name_with_line_breaks_makes_one_line(home, capsys):
    with pytest.raises(BadInput) as error:
        submit.check(submit.read(model="no\nsuch\r\nmodel", method="salun", forget=["a"]))
    assert "\n" not in str(error.value)
    run = runs.create(submit.read(model="of\nmine", method="salun", forget=["a"]))
    run.move("running")
    run.move("failed", note="The model of\nmine could not be read.")
    assert run.state.message == "The model of mine could not be read."
    assert cli.run(["runs"]) == 0
    assert any("of mine" in line for line in capsys.readouterr().out.splitlines())


def test_files_are_read_once_until_they_change(home, monkeypatch):
    for at in range(20):
        put(home, f"20261103-0000{at:02d}-many")
    runs.all_runs()
    read = []
    whole = reading.document

    def counted(path, *more, **named):
        read.append(path)
        return whole(path, *more, **named)

    monkeypatch.setattr(reading, "document", counted)
    assert len(runs.visible()) >= 20 and [run.state.status for run in runs.all_runs(shipped=False)] == ["done"] * 20
    assert read == []
    files.write_json(home / "runs" / "20261103-000003-many" / "state.json", {"status": "failed", "message": "Changed."})
    assert runs.find("20261103-000003-many").state.message == "Changed." and 0 < len(read) <= 4
