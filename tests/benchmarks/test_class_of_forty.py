"""The class of the benchmark in its smallest form: everybody comes to the end, in turn. No time is asserted."""

import pytest

from backends.api.reading import Moment, State
from tests.benchmarks.class_of_forty import class_of, fairness


class Run:
    """A run that was asked for and started at these times."""

    def __init__(self, asked, started=None):
        history = [Moment(status="queued", at=asked)] + ([Moment(status="running", at=started)] if started else [])
        self.state = State(history=history)


def test_turns_are_counted():
    fair = list(fairness({"a": [Run(1, 10), Run(2, 30)], "b": [Run(3, 20)]}))
    assert fair[0] == "2 of 2 first jobs started, 0 pairs in another order than asked for: a, b"
    assert fair[1].startswith("0 of 2 visitors")
    unfair = list(fairness({"a": [Run(1, 30)], "b": [Run(3, 10), Run(4, 20)], "c": [Run(5)]}))
    assert unfair[0] == "2 of 3 first jobs started, 1 pairs in another order than asked for: b, a"
    assert unfair[1].startswith("2 of 3 visitors")


@pytest.mark.slow
def test_two_visitors_with_two_jobs_each_finish_in_turn(new_home, monkeypatch):
    monkeypatch.setenv("LETHE_HOME", str(new_home()))
    monkeypatch.setenv("LETHE_CLASS", "")
    lines = list(class_of(2, minutes=9, jobs=2))
    assert lines[0] == "2 of 2 sessions finished", lines
    assert any(line.startswith("2 of 2 first jobs started, ") for line in lines), lines
    assert any(line.startswith("0 of 2 visitors had no first job yet") for line in lines), lines
