"""The settings that jobs start from: chosen by one rule on half of the targets, reported on the other half."""

import pytest

from backends.api import catalog, files
from backends.api.home import ASSETS
from backends.zoo import _table_defaults, defaults

A, B, C = {"epochs": 1}, {"epochs": 2}, {"epochs": 3}


def row(given, target, forgotten, left, seed=0):
    return {"given": given, "target": target, "seed": seed, "forgotten": forgotten, "left": left}


def test_the_worse_side_counts():
    rows = [row(A, "x", 100, 60), row(B, "x", 70, 100)]
    assert defaults.ranked(rows, [A, B], ["x"]) == [B, A]


def test_a_candidate_that_was_not_tried_everywhere_is_left_out():
    rows = [row(A, "x", 100, 100), row(B, "x", 50, 50), row(B, "y", 50, 50)]
    assert defaults.ranked(rows, [A, B], ["x", "y"]) == [B]


def test_of_candidates_about_as_good_the_quickest_is_taken_and_no_other():
    rows = [row(A, "x", 97.9, 100), row(B, "x", 98.2, 100), row(C, "x", 98.5, 100)]
    assert defaults.choice(rows, [A, B, C], ["x"]) == B
    assert defaults.choice([], [A], ["x"]) is None


def test_other_seeds_choose_nothing():
    rows = [row(A, "x", 90, 90), row(A, "x", 0, 0, seed=1), row(B, "x", 80, 80)]
    assert defaults.ranked(rows, [A, B], ["x"]) == [A, B]


@pytest.mark.parametrize(
    ("family", "metrics", "expected"),
    [
        ("classifier", {"unlearning_accuracy": (0.5, 99), "remaining_accuracy": (96, 48), "testing_accuracy": (90, 90), "neighbour_accuracy": (80, 80)}, (99, 50)),
        ("moe", {"fact_recall: forget": (100, 10), "fact_recall: neighbour": (100, 80), "fact_recall: unrelated": (50, 50), "model_utility": (1, 1)}, (90, 80)),
        ("llm", {"fact_recall: forget": (100, 0), "fact_recall: neighbour": (90, 90), "fact_recall: unrelated": (50, 55), "model_utility": (0.5, 0.45)}, (100, 90)),
    ],
)  # fmt: skip
def test_the_two_sides_of_a_job(family, metrics, expected):
    both = {name: {"before": before, "after": after} for name, (before, after) in metrics.items()}
    assert tuple(defaults.sides(family, both).values()) == pytest.approx(expected)


@pytest.mark.parametrize("case", defaults.CASES, ids=lambda case: f"{case.model}-{case.kind}")
def test_each_case_is_a_recommended_method_with_settings_it_takes(case):
    known = catalog.load()
    entry = known.get("models", case.model)
    assert entry.card["default_method"] == case.method
    properties = known.get("methods", case.method).params["properties"]
    assert set(case.grid) <= set(properties)
    assert len(case.targets()) == len(set(case.targets())) >= 8


def test_a_target_that_was_not_forgotten_is_named_in_the_table():
    record = {
        "model": "m", "method": "npo", "kind": "author", "left_of": ["model_utility"], "chosen": A, "chosen_on": ["x"], "reported_on": ["y", "z"],
        "rows": [row(A, "y", 100, 90), row(A, "z", 20, 100), row(B, "z", 0, 0), row(A, "x", 0, 0)],
    }  # fmt: skip
    text = _table_defaults.table([record])
    assert "60.0 (20.0); not z" in text and "95.0 (90.0), of the utility alone" in text and "2 authors, 1 seed" in text


@pytest.mark.parametrize("path", sorted((ASSETS / "measured" / "defaults").glob("*.json")), ids=lambda path: path.stem)
def test_what_was_chosen_is_what_a_job_starts_from(path):
    record = files.read_json(path)
    model = catalog.load().get("models", record["model"])
    entry = catalog.load().get("methods", record["method"])
    settings = {name: one["default"] for name, one in entry.params["properties"].items() if "default" in one}
    for tuned in model.tuned:
        if tuned.method == record["method"] and (not tuned.targets or record["kind"] in tuned.targets):
            settings |= tuned.params
    assert {name: settings[name] for name in record["chosen"]} == record["chosen"]
    assert not set(record["chosen_on"]) & set(record["reported_on"])
    assert {row["target"] for row in _table_defaults.reported(record)} == set(record["reported_on"])
