"""A method's settings for one model: the default, over it what was tuned, over that what a person says."""

import pytest

from backends.api import catalog, submit
from backends.api.spec import JobSpec
from backends.api.targets import parse
from backends.api.tuned_params import Tuned, settings

SCHEMA = {"properties": {"epochs": {"default": 5}, "rate": {"default": 0.1}, "name": {}}}
FOUND = [
    Tuned(method="one", params={"rate": 0.2}),
    Tuned(method="one", targets=["class"], params={"epochs": 2}),
    Tuned(method="one", targets=["random", "images"], params={"epochs": 9, "rate": 0.3}),
    Tuned(method="other", params={"epochs": 100}),
]


@pytest.mark.parametrize(
    ("forget", "expected"),
    [
        (["Sandal"], {"epochs": 2, "rate": 0.2}),
        (["Sandal", "Bag"], {"epochs": 2, "rate": 0.2}),
        (["random:10%", "images:3"], {"epochs": 9, "rate": 0.3}),
        (["Sandal", "random:10%"], {"epochs": 5, "rate": 0.2}),  # no entry holds for both
    ],
)
def test_the_last_entry_that_holds_for_every_target_counts(forget, expected):
    assert settings("one", SCHEMA, FOUND, [parse(text) for text in forget]) == expected


def test_nothing_tuned_is_the_default():
    assert settings("third", SCHEMA, FOUND, [parse("Sandal")]) == {"epochs": 5, "rate": 0.1}


def test_what_is_shipped_fits_the_methods_and_reaches_the_job(home):
    examples = {"class": "Sandal", "random": "random:10%", "images": "images:3", "like": "like:3:9"}
    entries = [
        (model, entry) for model in catalog.load().models for entry in model.tuned if model.family == "classifier"
    ]
    assert entries
    for model, entry in entries:
        for kind in entry.targets or ["class"]:
            if kind in examples:
                asked = JobSpec(model=model.id, method=entry.method, forget=(examples[kind],))
                best = settings(
                    entry.method,
                    catalog.load().get("methods", entry.method).params,
                    model.tuned,
                    [parse(examples[kind])],
                )
                assert submit.check(asked).params == best
                assert set(entry.params) <= set(best)


def test_what_a_person_says_counts_more(home):
    models = [model for model in catalog.load().models if model.family == "classifier"]
    model, entry = next((model, entry) for model in models for entry in model.tuned)
    name = next(name for name in entry.params if name == "epochs")
    asked = JobSpec(model=model.id, method=entry.method, forget=("Sandal",), params={name: 17})
    assert submit.check(asked).params[name] == 17
