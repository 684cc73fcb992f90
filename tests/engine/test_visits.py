"""Looks into a run by those who may not change it: found and shown, but neither in its folder nor on its owner's disk."""

import dataclasses
import json

import pytest
from PIL import Image

from backends.api import catalog, limits, params, quota, runs, visits
from backends.api import verdict as verdicts
from backends.core.registry import entries
from backends.engine import looking
from backends.engine.live import answer
from backends.engine.session import Desk

ALICE, BOB = (runs.owner_mark(name) for name in ("alice", "bob"))
PICTURES = "attribution"  # an inspector that writes pictures


@pytest.fixture
def done(finished, monkeypatch):
    """A finished toy run of Alice's, as in a shared studio; such a one would not open the toy's folders."""
    state = finished.state.model_copy(update={"owner": ALICE})
    (finished.path / "state.json").write_text(state.model_dump_json())
    monkeypatch.setattr(visits, "shared", lambda: True)
    return finished


@pytest.fixture
def look():
    """look(run, inspector, joins=...): what the warm process answers."""
    desk = Desk()

    def ask(run, inspector, joins=None, **settings):
        settings |= {"steps": 8} if inspector == PICTURES else {}
        args = {"run": run.id, "inspector": inspector, "params": settings, "joins": joins}
        return answer(desk, json.dumps({"op": "inspect", "args": args}))

    return ask


def files_of(run):
    """Every file of a run with its content."""
    return {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def test_only_the_owner_s_look_joins_a_run_that_strangers_can_reach(done, monkeypatch):
    shipped = next(run for run in runs.all_runs() if run.shipped)
    assert [visits.joins(done, owner) for owner in (ALICE, BOB, "")] == [True, False, False]
    assert not any(visits.joins(shipped, owner) for owner in (ALICE, BOB, ""))
    monkeypatch.setattr(visits, "shared", lambda: False)
    assert visits.joins(done, "") and visits.joins(shipped, BOB)


def test_a_visitor_s_look_leaves_the_run_as_it_was(done, look):
    owners = look(done, PICTURES, joins=True)["ok"]
    before, size, said = files_of(done), quota.bytes_of(done.path), verdicts.of_run(done)
    theirs = look(done, PICTURES, joins=False, each=1)["ok"]
    assert theirs["params"] != owners["params"] and theirs["root"] == str(done.visits)
    assert (files_of(done), quota.bytes_of(done.path), verdicts.of_run(done)) == (before, size, said)
    read = visits.read(done, PICTURES, theirs["params"])
    assert read is not None and json.loads(json.dumps(read)) == json.loads(json.dumps(theirs))
    pictures = [path for path in done.visits.rglob("*.png")]
    assert pictures and all(str(path.relative_to(done.visits)) in json.dumps(theirs) for path in pictures)
    assert look(done, PICTURES, joins=False, each=1)["ok"]["seconds"] == theirs["seconds"]  # not made again
    assert look(done, PICTURES, joins=False)["ok"] == json.loads(
        json.dumps(owners)
    )  # the run's own, where it is the same


def test_who_says_nothing_of_whose_look_it_is_changes_no_run_of_a_shared_studio(done, look, monkeypatch):
    before = files_of(done)
    assert look(done, "weight_change")["ok"]["root"] == str(done.visits) and files_of(done) == before
    monkeypatch.setattr(visits, "shared", lambda: False)
    assert look(done, "weight_change")["ok"]["root"] == str(done.path)


def test_visits_go_with_their_run(done, look):
    look(done, "weight_change", joins=False)
    assert (done.visits / "inspect" / "weight_change").is_dir()
    done.delete()
    assert not done.visits.exists()


@pytest.mark.parametrize("joins", [False, True])
def test_a_look_whose_run_is_deleted_meanwhile_leaves_nothing(done, look, monkeypatch, joins):
    entry = entries("inspectors")[PICTURES]

    def deleting(seen, settings):
        panels = entry.function(seen, settings)
        runs.find(done.id).delete()
        seen.picture("late", Image.new("RGB", (4, 4)))
        return panels

    monkeypatch.setattr(looking, "get", lambda *_: dataclasses.replace(entry, function=deleting))
    assert "was deleted while it was looked into" in look(done, PICTURES, joins=joins, each=1)["error"]
    assert not done.path.exists() and not done.visits.exists()


def test_the_oldest_visits_go_first_and_those_of_runs_that_are_gone(done, look, monkeypatch):
    def set_to(most):
        made = limits.Limits(visits_bytes=limits.MB).model_copy(update={"visits_bytes": most})
        monkeypatch.setattr(visits, "limits", lambda: made)

    set_to(10**9)
    first, second, third = (look(done, PICTURES, joins=False, each=count)["ok"]["params"] for count in (1, 2, 3))
    orphan = done.visits.parent / "20200101-000000-gone" / "inspect" / PICTURES / "x"
    orphan.mkdir(parents=True)
    cut = visits.folder(done, PICTURES, {"each": 99})
    cut.mkdir(parents=True)
    newest = visits.folder(done, PICTURES, third)
    assert set(visits.tidy(newest)) == {orphan, cut} and not orphan.parents[2].exists()
    set_to(quota.bytes_of(newest) + quota.bytes_of(visits.folder(done, PICTURES, second)))
    assert visits.tidy(newest) == [visits.folder(done, PICTURES, first)]
    set_to(1)
    assert visits.tidy(newest) == [visits.folder(done, PICTURES, second)] and visits.read(done, PICTURES, third)


def test_the_settings_left_out_are_the_same_for_the_page_and_the_process():
    """By them both find what was found with the settings as they come."""
    for entry in catalog.load().inspectors:
        by_process = entries("inspectors")[entry.id].parse({}).model_dump(mode="json")
        assert params.checked(entry.id, entry.params, {}) == by_process, entry.id
