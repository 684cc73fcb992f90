"""What a look says on top answers its own question, with the right number, and reaches the verdict where it must."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from app import view
from backends.api.panels import Verdict
from backends.inspectors import dose, dose_answers, expert_ablation, forced_routing, linear_probe
from backends.inspectors._common import halfway, percent

DOSES = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5]


@pytest.mark.parametrize(
    ("values", "half"),
    [
        ([100, 100, 55, 10, 0, 0], 0.5 + 0.25 * 5 / 45),  # crosses 50 just after 0.5; the first dose past it is 0.75
        ([100, 75, 50, 25, 0, 0], 0.5),
        ([0, 0, 0, 0, 100, 100], 0.875),  # of what rises, too
        ([100, 0, 100, 0, 0, 0], 0.125),  # the first time
        ([100, math.nan, 0, 0, 0, 0], math.nan),
        ([100, 100, 100, 100, 100, 0], math.nan),  # nothing is done at dose 1
    ],
)
def test_half_is_done_where_the_line_crosses_it(values, half):
    assert halfway(DOSES, values) == pytest.approx(half, nan_ok=True)


def test_the_headline_of_a_dose_is_where_the_curve_crosses_half():
    curve = [100.0, 100.0, 55.0, 10.0, 0.0, 0.0]
    kept = [90.0] * 6
    said = dose._dose_sentence(DOSES, {"forget": curve, "keep": kept, "new images": kept})
    assert said.startswith("Half of the forgetting is done at dose 0.53,")
    drawn = dose._generated_sentence(
        DOSES, {name: [100 - one for one in curve] if "unlearning" in name else kept for name, _, _ in dose.DRAWN}
    )
    assert drawn.startswith("Half of the forgetting is done at dose 0.53,")
    answers = dose_answers._dose_sentence(DOSES, {"forget": curve, "neighbour": kept})
    assert answers.startswith("Half of the forgetting is done at dose 0.53,")


def test_where_nothing_fell_no_half_is_named():
    said = dose._dose_sentence(DOSES, {"forget": [90.0] * 6, "keep": [90.0] * 6, "new images": [90.0] * 6})
    assert (
        said == "Accuracy on the forget set hardly falls with the dose: 90 % without the change, 90 % with all of it."
    )


LAYERS = SimpleNamespace(count=4, number=0), SimpleNamespace(count=4, number=2)


@pytest.fixture
def two_layers(monkeypatch):
    monkeypatch.setattr("backends.families.language.expert_sweep.moe_layers", lambda model: list(LAYERS))


def test_the_one_expert_that_brings_answers_back_is_the_headline(two_layers):
    gained = np.full((2, 4), -2.0)
    gained[0, 1], gained[1, 2] = -60.0, 75.2  # another is missed far more than any other: it is not the headline
    panel = expert_ablation._verdict(gained, None, 99.4, 22.0)
    assert panel.sign == "no"
    assert panel.says.startswith("Turn off expert 3 of layer 3 alone and the forgotten answers are back, +75.2 points:")
    assert (
        panel.finding
        == "with expert 3 of layer 3 switched off the forgotten answers come back (+75 points of probability)"
    )
    assert panel.covers == "one_expert_off"


def test_where_no_expert_brings_them_back_the_verdict_hears_nothing(two_layers):
    panel = expert_ablation._verdict(np.full((2, 4), 3.0), None, 99.4, 22.0)
    assert panel.sign == "yes" and not panel.finding and "stay away" in panel.says
    same = expert_ablation._verdict(np.zeros((2, 4)), None, 99.4, 99.4)
    assert same.sign == "unknown" and "nothing to come back" in same.says and not same.finding


def test_a_map_names_both_ends_and_nothing_where_nothing_changes():
    table = np.array([[-18.6, 0.0], [0.0, 74.9]])
    layers = [SimpleNamespace(number=0), SimpleNamespace(number=2)]
    said = expert_ablation._extremes(table, layers)
    assert (
        said == "Held back most by: expert 2 of layer 3, +74.9 points. Missed most: expert 1 of layer 1, -18.6 points."
    )
    assert expert_ablation._extremes(np.zeros((2, 2)), layers) == "Without any one of them nothing changes."


def probed(after, line=30.0):
    """The verdict of probes that read 90 % before and `after` after."""
    read = {
        when: linear_probe.Read(np.array([[share / 100] * 40]), np.array([95.0]))
        for when, share in (("before", 90.0), ("after", after))
    }
    return linear_probe._verdict(read, ["layer 1"], 20.0, line, 40)


def test_a_probe_asks_whether_it_is_gone_and_its_mark_answers_that():
    gone, there = probed(10.0), probed(85.0)
    for panel, sign, word in ((gone, "yes", "Yes."), (there, "no", "No.")):
        assert panel.title == "Is it gone, as far as a probe can see?" and panel.sign == sign
        assert f"<strong>{word}</strong> {panel.says[:20]}" in view.panel(panel)
    assert not gone.finding and there.finding.startswith("a probe still reads 85 % of 40 such facts")


def test_a_mark_is_read_as_a_word_only_where_the_title_asks():
    told = {"how": "", "says": "There is no map."}
    assert "<strong>" not in view.panel(Verdict(title="Before and after on one map", sign="unknown", **told))
    assert "<strong>It cannot be said.</strong>" in view.panel(Verdict(title="Is it so?", sign="unknown", **told))


def test_the_old_routing_that_brings_answers_back_reaches_the_verdict():
    ways = dict(zip(forced_routing.WAYS, ({"forget": 100.0}, {"forget": 0.0}, {"forget": 80.0}), strict=True))
    panel = forced_routing._verdict(ways)
    assert panel.finding == "with the experts that were chosen before, 80 % are answered right again"
    assert panel.covers == "rerouted_recall"


def test_a_percentage_has_a_decimal_only_where_it_says_something():
    assert [percent(value) for value in (100.0, 99.53, 0.0, -0.04, math.nan)] == [
        "100 %", "99.5 %", "0 %", "0 %", "not measured",
    ]  # fmt: skip
