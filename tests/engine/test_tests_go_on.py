"""Tests of a run that ended early are gone on with, and made again once there is a retrained reference."""

import json
import shutil

import pytest

from backends.api import attacked, begun, retrained
from backends.engine import operations_tested
from backends.engine.job import do
from backends.engine.live import answer
from backends.engine.session import Desk


def ask(desk, op, tell=None, **args):
    return answer(desk, json.dumps({"op": op, "args": args, "pieces": tell is not None}), tell)


def test_an_attack_is_made_again_with_a_reference_that_was_trained_since(finished, started):
    desk = Desk()
    assert "ok" in ask(desk, "attack", run=finished.id, attack="plain_question")
    folder = finished.path / "attack" / "plain_question"
    assert "reference" not in attacked.read(folder).recalled and retrained.untried(folder)
    first = (folder / "found.json").stat().st_mtime_ns
    ask(desk, "attack", run=finished.id, attack="plain_question")
    assert (folder / "found.json").stat().st_mtime_ns == first, "without a reference nothing is made again"
    made = started(method="retrain", params={})
    do(made, 1)
    assert retrained.of_run(finished) is not None
    assert "ok" in ask(desk, "attack", run=finished.id, attack="plain_question")  # by the process that knew of none
    assert "reference" in attacked.read(folder).recalled and not retrained.untried(folder)
    second = (folder / "found.json").stat().st_mtime_ns
    ask(desk, "attack", run=finished.id, attack="plain_question")
    assert (folder / "found.json").stat().st_mtime_ns == second > first


def test_a_set_that_is_ended_loses_no_test_that_was_made(finished, monkeypatch):
    """As where the server ends: the process hears no more, and a new one goes on."""
    made, real = [], operations_tested.findings_of

    def two_only(desk, run, *rest):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(rest[2])
        return real(desk, run, *rest)

    monkeypatch.setattr(operations_tested, "findings_of", two_only)
    with pytest.raises(KeyboardInterrupt):
        ask(Desk(), "test", run=finished.id)
    (record,) = begun.read(finished, joins=True)
    there = {path.parent.name for path in finished.path.glob("attack/*/found.json")}
    assert there == set(made) and record.left(there) == [name for name in record.tests if name not in made]
    times = {name: (finished.path / "attack" / name / "found.json").stat().st_mtime_ns for name in made}
    monkeypatch.setattr(operations_tested, "findings_of", real)
    reply = ask(Desk(), "test", run=finished.id)["ok"]
    assert {name: (finished.path / "attack" / name / "found.json").stat().st_mtime_ns for name in made} == times
    (record,) = begun.read(finished, joins=True)
    assert record.left(set(reply["ran"])) == [] and set(record.tests) == {*reply["ran"], *reply["failed"]}


def test_a_run_that_was_deleted_meanwhile_stays_deleted(finished, monkeypatch):
    real = operations_tested.findings_of

    def delete_first(desk, run, *rest):
        shutil.rmtree(finished.path, ignore_errors=True)
        return real(desk, run, *rest)

    monkeypatch.setattr(operations_tested, "findings_of", delete_first)
    ask(Desk(), "test", run=finished.id)
    assert not (finished.path / "attack").exists()
