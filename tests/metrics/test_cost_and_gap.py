"""Time, memory, and the distance to the retrained reference."""

from math import isnan, nan

import pytest
from handmade import class_a_forgotten

from backends.core import registry

MEASURED = {
    "unlearning_accuracy": {"before": 0, "after": 90, "reference": 100},
    "remaining_accuracy": {"before": 99, "after": 96, "reference": 98},
    "testing_accuracy": {"before": 90, "after": 91, "reference": 90},
    "mia_efficacy": {"before": 10, "after": 95, "reference": 88},
}


def gap(when, table):
    seen = class_a_forgotten(when=when, other=lambda name, when: table[name].get(when, nan))
    return registry.get("metrics", "average_gap").function(seen)


@pytest.mark.parametrize(
    ("when", "value"), [("after", (10 + 2 + 1 + 7) / 4), ("before", (100 + 1 + 0 + 78) / 4), ("reference", 0)]
)
def test_gap_is_the_mean_of_four_distances(when, value):
    assert gap(when, MEASURED).value == pytest.approx(value)


def test_gap_tells_its_parts():
    assert gap("after", MEASURED).parts == {
        "unlearning_accuracy": 10, "remaining_accuracy": 2, "testing_accuracy": 1, "mia_efficacy": 7,
    }  # fmt: skip


def test_no_reference_is_not_measured():
    without = {name: {"before": row["before"], "after": row["after"]} for name, row in MEASURED.items()}
    assert isnan(gap("after", without).value)


@pytest.mark.parametrize("missing", MEASURED)
def test_one_missing_metric_is_not_measured(missing):
    assert isnan(gap("after", MEASURED | {missing: {"reference": 50, "after": nan}}).value)


def test_time_in_seconds_and_memory_in_megabytes():
    seen = class_a_forgotten(seconds=12.5, memory=300_000_000)
    assert registry.get("metrics", "run_time").function(seen).value == 12.5
    assert registry.get("metrics", "peak_memory").function(seen).value == 300


def test_before_there_is_no_cost():
    seen = class_a_forgotten(when="before")
    assert isnan(registry.get("metrics", "run_time").function(seen).value)
    assert isnan(registry.get("metrics", "peak_memory").function(seen).value)
