"""The sweep of the page Methods: examples that fit the setting, typed values that stay, runs that can be told apart."""

import pytest

from backends.api.spec import JobSpec
from pages.studio import _sweep

SANDAL = "example-forget-sandal"


@pytest.mark.parametrize(("param", "example"), [("epochs", "1, 2, 3"), ("learning_rate", "0.02, 0.04, 0.08")])
def test_the_example_fits_the_setting(param, example):
    field, *_ = _sweep.choose_param(SANDAL, param)
    assert field.placeholder == example


@pytest.mark.parametrize("name", _sweep.numeric_params(_sweep.runs.find(SANDAL)))
def test_every_example_is_values_that_the_setting_takes(name):
    run = _sweep.runs.find(SANDAL)
    whole = _sweep.forms.properties(_sweep.catalog.load().get("methods", "salun").params)[name]["type"] == "integer"
    for value in _sweep.numbers(_sweep.example(SANDAL, name)):
        spec = run.spec.model_dump() | {"params": run.spec.params | {name: _sweep._typed(value, whole)}}
        _sweep.submit.check(JobSpec(**spec))


@pytest.mark.parametrize("typed", ["0.1", "1, 2;3", "5,"])
def test_numbers_that_were_typed_stay_when_a_choice_is_made(typed):
    assert _sweep.choose_base(SANDAL, "", typed)[1].value == typed
    assert _sweep.choose_param(SANDAL, "alpha", "", typed)[0].value == typed


def test_words_and_numbers_take_each_others_place():
    (kind, *_) = _sweep._growing.KINDS
    assert _sweep.choose_param(SANDAL, kind, "", "1, 2")[0].value != "1, 2"
    assert _sweep.choose_param(SANDAL, "epochs", "", "Sandal; Sandal + Bag")[0].value == ""


def test_runs_with_the_same_value_are_told_apart_by_when_they_were_started(make_run):
    one, two = (make_run(params={"epochs": epochs}) for epochs in (3, 3))
    other = make_run(params={"epochs": 4})
    shown, _ = _sweep.show(one.id, "epochs")
    words = {run.id: shown.split(f'href="./?run={run.id}">')[1].split("<")[0] for run in (one, two, other)}
    assert words[other.id] == "4"
    assert words[one.id].startswith("3 · ") and words[one.id].endswith("UTC") and words[two.id].startswith("3 · ")
