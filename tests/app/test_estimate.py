"""Times and memory are taken from what was measured, or said to be unknown."""

import pytest

from app import choosing
from backends.api.estimate import estimate

METHOD = "salun"


def test_nothing_measured_is_said_as_nothing():
    assert estimate("no-such-model", METHOD, {"epochs": 2}) is None
    assert choosing.needs("no-such-model", METHOD, {}) == "time and memory not measured yet"


def test_own_runs_come_first_and_scale_with_the_epochs(make_run):
    make_run("done")
    found = estimate("fashion-resnet", METHOD, {"epochs": 6})
    assert found is not None and found.here and found.seconds == pytest.approx(36.0) and found.memory == 400 * 2**20
    assert "measured on this machine" in choosing.needs("fashion-resnet", METHOD, {"epochs": 2})


def test_runs_that_did_not_finish_do_not_count(make_run):
    make_run("failed", model="no-such-model")
    assert estimate("no-such-model", METHOD, {}) is None


def test_the_models_own_number_of_epochs_is_no_time_of_zero(make_run):
    make_run("done", method="retrain")
    found = estimate("fashion-resnet", "retrain", {"epochs": 0})
    assert found is not None and found.seconds == pytest.approx(12.0)
