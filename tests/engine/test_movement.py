"""A job says when its forget loss has hardly moved."""

import pytest

from backends.engine import exit_codes, movement, recorder
from backends.engine.job import do


def events(name, *values):
    return [
        {"phase": "forget", "step": at, "of": 9, "values": {name: value, "keep": 1.0}}
        for at, value in enumerate(values)
    ]


@pytest.mark.parametrize("name", movement.FORGET)
def test_a_loss_that_stays_where_it_was_is_said_with_its_ends(name):
    (text,) = movement.notes(events(name, 13.86, 13.84, 13.80, 13.75, 13.73))
    assert "from 13.9 to 13.8" in text and "more epochs" in text


@pytest.mark.parametrize("course", [(2.0, 2.5, 3.0, 4.0, 9.0), (13.86, 10.0, 7.0, 6.0, 5.0), (0.0, 1.0, 2.0, 3.0, 4.0)])
def test_a_loss_that_moved_either_way_is_passed_over(course):
    assert movement.notes(events("forget", *course)) == []


def test_one_odd_batch_at_the_end_is_no_movement():
    assert movement.notes(events("forget", 5.0, 5.1, 4.9, 5.0, 5.0, 9.0))


def test_nothing_is_said_of_a_method_that_logs_no_forget_loss():
    assert movement.notes(events("loss", 1.0, 1.0, 1.0, 1.0, 1.0)) == []
    assert movement.notes([{"phase": "load", "step": 0, "of": 1, "values": {}}]) == []


def test_a_course_of_too_few_values_says_nothing():
    assert movement.notes(events("forget", 5.0, 5.0)) == []


@pytest.mark.parametrize(("step_size", "hint"), [(1e-9, True), (0.3, False)])
def test_a_job_that_has_barely_begun_to_forget_says_so(started, monkeypatch, step_size, hint):
    monkeypatch.setattr(recorder, "EVENTS", 0.0)
    run = started(method="gradient_ascent", params={"epochs": 5, "learning_rate": step_size, "batch_size": 80})
    assert do(run, 1) == exit_codes.DONE
    assert any("hardly moved" in note for note in run.result["notes"]) is hint
