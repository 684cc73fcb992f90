"""The sweep of the page Methods: examples that fit the setting, typed values that stay, runs that can be told apart."""

from itertools import pairwise

import pytest

from app import sweeps, trials
from backends.api import catalog, runs
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
    words = {run.id: shown.split(f'href="run?id={run.id}">')[1].split("<")[0] for run in (one, two, other)}
    assert words[other.id] == "4"
    assert words[one.id].startswith("3 · ") and words[one.id].endswith("UTC") and words[two.id].startswith("3 · ")


def trial(**after):
    return trials.Trial(label="a", group="g", key="k", after=after, reference={"remaining_accuracy": 96.0})


def test_one_figure_shows_every_metric_that_moved_with_its_own_values_on_an_axis_zoomed_on_them():
    made = [
        trial(unlearning_accuracy=90.0 + at, remaining_accuracy=95.0 - at, testing_accuracy=89.0, run_time=5.0)
        for at in range(3)
    ]
    lines = sweeps.metric_lines(made, False)
    assert [line.entry.id for line in lines] == ["unlearning_accuracy", "remaining_accuracy", "testing_accuracy"]
    moved = [line for line in lines if line.change]
    chart = sweeps.figure(moved, [1, 2, 4], "epochs")
    drawn = {trace.name: list(trace.y) for trace in chart.data}
    assert drawn == {"UA": [90, 91, 92], "RA": [95, 94, 93], "RA, retrained reference": [96] * 3}
    low, high = chart.layout.yaxis.range
    assert 89 < low < 90 and 96 < high < 97
    assert {note.text for note in chart.layout.annotations} == {"UA", "RA"}
    html = sweeps.swept(made, [1, 2, 4], "epochs")
    assert html.count('class="lethe-plot"') == 1 and "TA 89 % at every value." in html
    assert "Unlearning accuracy (UA) moves most: from 90 % at 1 to 92 % at 4." in html


def test_a_number_from_0_to_1_shares_the_axis_in_percent_and_a_missing_one_is_a_gap():
    made = [trial(model_utility=0.7, fact_recall=float("nan")), trial(model_utility=0.6, fact_recall=20.0)]
    by_id = {line.entry.id: line.after for line in sweeps.metric_lines(made, False)}
    assert by_id == {"fact_recall": [None, 20.0], "model_utility": [70.0, 60.0]}


def test_one_value_is_no_sweep_and_names_at_the_ends_do_not_lie_over_each_other():
    assert not sweeps.swept([trial(unlearning_accuracy=1.0)], [1], "epochs")
    shipped = trials.of_runs([runs.find(SANDAL)])[0]
    other = shipped.model_copy(update={"after": {name: value - 3 for name, value in shipped.after.items()}})
    lines = sweeps.metric_lines([shipped, other], False)
    heights = sorted(note.y for note in sweeps.figure(lines, [1, 2], "epochs").layout.annotations)
    low, high = sweeps.visible(lines)
    assert all(above - below >= 0.06 * (high - low) for below, above in pairwise(heights))
    assert len(heights) == len([entry for entry in catalog.load().metrics if entry.id in shipped.after and entry.span])
