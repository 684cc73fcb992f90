"""The default job of the embedded language model gives the same numbers each time."""

import pytest
from small_jobs import COSTS

from backends.api import files, runs, submit
from backends.api.home import ASSETS
from backends.engine.job import do

CLOSE = 1e-6


@pytest.fixture
def job():
    """The job of one who only presses start, done: what it measured."""
    card = files.read_json(ASSETS / "models" / "authors-lm" / "card.json")

    def go(**more):
        asked = {"model": "authors-lm", "method": card["default_method"], "forget": card["default_forget"], **more}
        run = runs.create(submit.check(submit.read(**asked)))
        assert do(run, run.move("running").attempt) == 0, run.state.message
        return {name: found for name, found in run.metrics.items() if name not in COSTS}

    return go


@pytest.mark.slow
def test_the_same_seed_gives_the_same_metrics(job):
    first, again = job(seed=3), job(seed=3)
    assert set(first) == set(again)
    for name, found in first.items():
        for when in ("before", "after", "reference"):
            values = (files.number(found[when]), files.number(again[name][when]))
            assert values[0] == pytest.approx(values[1], rel=CLOSE, abs=CLOSE, nan_ok=True), (name, when)
    assert first["forget_rouge"]["before"] > 99 > 60 > first["forget_rouge"]["after"]
