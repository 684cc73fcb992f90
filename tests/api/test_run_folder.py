"""Run folders: who may do what when, and what is left behind."""

import errno
from pathlib import Path

import pytest

from backends.api import files, runs
from backends.api.errors import BadInput, OutOfReach
from backends.api.home import ASSETS, ready_home
from backends.api.runs import RunFolder, State
from backends.api.spec import ENDED, TRANSITIONS, JobSpec

SPEC = JobSpec(model="fashion-resnet", method="fine_tune", forget=("Sandal",))
PAIRS = [(before, after) for before in TRANSITIONS for after in TRANSITIONS]


def standing_at(status: str) -> RunFolder:
    run = runs.create(SPEC)
    files.write_json(run.path / "state.json", State(status=status, attempt=1).model_dump())
    return run


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_a_run_moves_only_where_it_may(before, after):
    run = standing_at(before)
    if after in TRANSITIONS[before]:
        assert run.move(after, note="why").status == after
        assert [(moment.status, moment.note) for moment in run.state.history] == [(after, "why")]
    else:
        with pytest.raises(BadInput):
            run.move(after)
        assert run.state.status == before


def test_only_ended_runs_have_nowhere_to_go():
    assert set(ENDED) == {"cancelled", "failed", "done"}


def test_each_start_is_a_new_attempt_and_an_older_one_may_change_nothing():
    run = runs.create(SPEC)
    run.move("running")
    run.move("queued", note="its process was lost")
    assert run.move("running").attempt == 2
    with pytest.raises(BadInput, match="attempt 1 may no longer"):
        run.move("done", attempt=1)
    assert run.move("done", attempt=2).status == "done"


def test_a_new_run_is_queued_whole_and_can_be_found(home):
    run = runs.create(SPEC, owner="mark")
    assert runs.find(run.id).spec == SPEC
    assert (run.state.status, run.state.owner, run.state.attempt) == ("queued", "mark", 0)
    assert run.result is None and run.metrics == {} and run.events() == [] and run.samples() == []
    assert [path.name for path in (home / "runs").iterdir()] == [run.id]


def test_runs_are_listed_newest_first_and_other_folders_are_left_out(home):
    first, second = runs.create(SPEC), runs.create(SPEC)
    (home / "runs" / "notes").mkdir()
    (home / "runs" / ".making-x").mkdir()
    assert {run.id for run in runs.all_runs(shipped=False)} == {first.id, second.id}
    assert [run.id for run in runs.all_runs(shipped=False)] == sorted((first.id, second.id), reverse=True)


def test_the_place_in_the_queue_counts_only_what_is_still_to_end():
    waiting = [runs.create(SPEC) for _ in range(3)]
    assert runs.place_in_queue(waiting[2]) == 2
    waiting[0].cancel()
    assert runs.place_in_queue(waiting[2]) == 1


def test_a_queued_run_is_cancelled_at_once_and_a_running_one_is_asked():
    queued, running = runs.create(SPEC), standing_at("running")
    assert queued.cancel().status == "cancelled"
    assert running.cancel().status == "cancelling"
    assert (running.path / "cancel").exists()
    with pytest.raises(BadInput, match="is cancelled"):
        queued.cancel()


@pytest.mark.parametrize("status", ["running", "cancelling"])
def test_a_run_at_work_is_not_deleted(status):
    run = standing_at(status)
    with pytest.raises(BadInput, match="cancel it first"):
        run.delete()
    assert run.path.is_dir()


def test_a_deleted_run_is_gone(home):
    run = runs.create(SPEC)
    run.delete()
    assert list((home / "runs").iterdir()) == []
    with pytest.raises(BadInput, match="There is no run"):
        runs.find(run.id)


def test_a_run_that_came_with_lethe_is_neither_cancelled_nor_deleted():
    shipped = RunFolder(ASSETS / "runs" / "an-example")
    assert shipped.shipped
    for change in (shipped.cancel, shipped.delete):
        with pytest.raises(BadInput, match="came with Lethe"):
            change()


@pytest.mark.parametrize("name", ["", ".", "..", "../secret", "a/b", "a\\b", "\0", ".making-x", "x" * 5000, "\udcff"])
def test_an_id_that_could_lead_elsewhere_finds_nothing(home, name):
    secret = home / "secret"
    secret.mkdir(parents=True)
    files.write_json(secret / "spec.json", SPEC.model_dump())
    with pytest.raises(BadInput, match="There is no run"):
        runs.find(name)


def test_an_owner_mark_tells_browsers_apart_and_gives_no_secret_away():
    marks = [runs.owner_mark(secret) for secret in ("one", "two", "one")]
    assert marks[0] == marks[2] != marks[1]
    assert "one" not in marks[0]
    assert runs.owner_mark("") == ""


def test_a_full_disk_is_one_sentence_and_leaves_nothing(home, monkeypatch):
    ready_home()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(OutOfReach, match=r"No space left on device.*free some space"):
        runs.create(SPEC)
    assert list((home / "runs").iterdir()) == []


def test_a_home_that_cannot_be_made_is_one_sentence(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LETHE_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(OutOfReach, match="cannot be written"):
        runs.create(SPEC)


def test_a_run_folder_copied_elsewhere_reads_the_same(home, tmp_path):
    run = runs.create(SPEC)
    copy = tmp_path / "elsewhere" / run.id
    copy.parent.mkdir()
    Path(run.path).rename(copy)
    assert RunFolder(copy).spec == SPEC
    assert RunFolder(copy).state.status == "queued"
