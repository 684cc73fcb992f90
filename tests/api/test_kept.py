"""Finished runs in a folder that outlives the disk: copied with the list last, brought back whole or not at all, deleted with the run."""

import logging
import shutil

import pytest

from backends.api import files, kept, runs
from backends.api.errors import BadInput
from backends.api.runs import RunFolder
from backends.api.spec import JobSpec


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that cannot rename, lock or append, as one with an object store behind it."""
    where = tmp_path / "data"
    where.mkdir()
    monkeypatch.setenv("LETHE_KEEP", str(where))
    return where


@pytest.fixture
def no_rename(bucket, monkeypatch):
    """Renaming within the bucket fails, as does opening for append."""
    import os
    from pathlib import Path

    rename, opened = os.rename, Path.open

    def refuse(source, to, **more):
        assert not str(to).startswith(str(bucket)), "an object store renames nothing"
        return rename(source, to, **more)

    def no_append(path, mode="r", *more, **named):
        assert "a" not in mode or not str(path).startswith(str(bucket)), "an object store appends nothing"
        return opened(path, mode, *more, **named)

    monkeypatch.setattr("os.rename", refuse)
    monkeypatch.setattr("os.replace", refuse)
    monkeypatch.setattr(Path, "open", no_append)


RESULT = {
    "run_id": "r", "status": "done", "model": "m", "method": "x", "params": {}, "forget": ["a"], "keep": [], "seed": 0,
    "seconds": 1.0, "metrics": {}, "verdict": "a is forgotten.", "device": "cpu", "precision": "float32", "threads": 1,
    "versions": {}, "peak_memory": 1, "forget_count": 1, "forget_key": "k",
}  # fmt: skip


@pytest.fixture
def done(home) -> RunFolder:
    """A finished run of a visitor."""
    run = runs.create(JobSpec(model="m", method="x", forget=("a",)), owner="mine")
    run.move("running")
    (run.path / "samples").mkdir()
    (run.path / "samples" / "00-000000.json").write_text("{}\n")
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "state.safetensors").write_bytes(b"half")
    files.write_json(run.path / "result.json", RESULT)
    run.move("done", note="Done.")
    return run


def lost(home):
    """The disk of a Space after a new start."""
    shutil.rmtree(home)


def test_a_run_comes_back_with_its_owner(home, bucket, no_rename, done):
    kept.keep_all()
    assert (
        not (bucket / "runs" / done.id / "checkpoint").exists() and not (bucket / "runs" / done.id / ".lock").exists()
    )
    lost(home)
    assert kept.load() == [done.id] and kept.load() == []
    again = runs.find(done.id)
    assert again.state.status == "done" and again.state.owner == "mine" and again.result["verdict"] == RESULT["verdict"]
    assert (again.path / "samples" / "00-000000.json").is_file()


def test_only_what_changed_is_written_again(bucket, done):
    assert kept.keep(done.path) and not kept.keep(done.path)
    (done.path / "attack").mkdir()
    (done.path / "attack" / "found.json").write_text("{}")  # looked into later
    assert kept.keep(done.path)
    assert (bucket / "runs" / done.id / "attack" / "found.json").is_file()


def test_what_works_is_not_kept(bucket, home):
    run = runs.create(JobSpec(model="m", method="x", forget=("a",)))
    run.move("running")
    kept.keep_all()
    assert not (bucket / "runs").exists() and not kept.keep(run.path)


def test_a_deleted_run_does_not_come_back(home, bucket, done):
    kept.keep_all()
    done.delete()
    assert not (bucket / "runs" / done.id).exists()
    lost(home)
    assert kept.load() == []


@pytest.mark.parametrize("damage", ["other bytes", "a file is missing", "cut list", "a way out", "no list", "not done"])
def test_a_damaged_copy_is_passed_over_in_one_sentence(home, bucket, done, caplog, damage):
    kept.keep_all()
    copy = bucket / "runs" / done.id
    mark = copy / kept.MARK
    match damage:
        case "other bytes":
            (copy / "result.json").write_text("{}")
        case "a file is missing":
            (copy / "spec.json").unlink()
        case "cut list":
            mark.write_text(mark.read_text()[:30])
        case "a way out":
            mark.write_text(files.dumps(files.read_json(mark) | {"../../out": "0"}))
        case "no list":
            mark.unlink()
        case "not done":
            state = files.read_json(copy / "state.json") | {"status": "running"}
            (copy / "state.json").write_text(files.dumps(state))
            mark.write_text(files.dumps(files.read_json(mark) | {"state.json": kept._digest(copy / "state.json")}))
    lost(home)
    with caplog.at_level(logging.WARNING):
        assert kept.load() == []
    said = [record.getMessage() for record in caplog.records]
    assert said == [] if damage == "no list" else len(said) == 1 and done.id in said[0] and "\n" not in said[0]
    assert not any((home / "runs").glob("*")) if (home / "runs").exists() else True


def test_the_folder_must_be_another_one(home, tmp_path, monkeypatch):
    monkeypatch.delenv("LETHE_KEEP", raising=False)
    assert kept.folder() is None
    for wrong in (tmp_path / "nowhere", home / "runs"):
        (home / "runs").mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv("LETHE_KEEP", str(wrong))
        with pytest.raises(BadInput, match="outside of LETHE_HOME"):
            kept.folder()
