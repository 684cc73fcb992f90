"""How far a number is from its goal, by its direction."""

from math import nan

import pytest

from backends.api import catalog
from backends.api.goals import goal
from backends.api.results import Measured


def off(name, before, after, reference=None):
    """(where the goal comes from, points off, far) of a metric of the catalog; None without a goal."""
    entry = next(one for one in catalog.load().metrics if one.id == name)
    one = Measured(before=before, after=after, reference=reference, unit=entry.unit, direction=entry.direction)
    found = goal(one, entry)
    return found and (found.kind, pytest.approx(found.off), found.far)


def test_as_near_to_the_reference_as_possible_counts_both_ways():
    assert off("mia_entropy", 1.8, 99.9, 36.15) == ("retrained", 63.75, True)
    assert off("mia_entropy", 1.8, 30.0, 36.15) == ("retrained", 6.15, False)
    assert off("unlearning_accuracy", 0.0, 100.0) is None  # nothing says where it should be


def test_higher_may_be_beyond_and_without_a_reference_is_as_before():
    assert off("remaining_accuracy", 95.0, 99.0, 90.0) == ("retrained", 0, False)
    assert off("in_domain_retain_accuracy", 98.0, 80.0) == ("before", 18, True)
    assert off("model_utility", 0.66, 0.5, 0.65) == ("retrained", 15, True)


def test_a_p_value_over_the_level_is_as_good_as_any():
    assert off("forget_quality", 1e-8, 0.08, 1.0) == ("retrained", 0, False)
    assert off("forget_quality", 1e-8, 0.001, 1.0) == ("retrained", 99.9, True)


def test_lower_is_0_of_what_was_to_be_forgotten_and_of_distances_and_nothing_of_costs():
    assert off("one_expert_off", nan, 100.0) == ("zero", 100, True)
    assert off("rerouted_recall", nan, 20.0) == ("zero", 0, False)
    assert off("average_gap", 49.8, 0.2, 0.0) == ("zero", 0.2, False)
    assert off("run_time", nan, 30.0) is None and off("weights_changed", nan, 100.0) is None


def test_what_was_not_measured_is_not_far():
    assert off("mia_entropy", 1.8, nan, 36.15) is None
    assert off("fid", 0.7, 1.3) is None  # it has no largest value to be far by
