"""What a trade-off plot says of its axes agrees with the directions of the metrics, for every pair that can be chosen."""

import re
from html import unescape
from itertools import permutations

import pytest

from app import trials
from app.axes import Axis, caption, choices, distance, heading, is_tradeoff, usual
from app.figures.tradeoff import TradeoffPoint, tradeoff
from backends.api import catalog
from backends.api.catalog import Metric

FAMILIES = ("classifier", "text-to-image", "llm", "moe")


@pytest.fixture
def metrics() -> dict[str, Metric]:
    return {entry.id: entry for entry in catalog.load().metrics}


def of_family(metrics, family):
    return [entry for entry in metrics.values() if entry.works_with.get(family) is True and entry.span]


def pairs(metrics):
    """Each that can be chosen for some family, once."""
    both = {(x.id, y.id): (x, y) for family in FAMILIES for x, y in permutations(of_family(metrics, family), 2)}
    return [(Axis(x, "right"), Axis(y, "up")) for x, y in both.values()]


def test_every_pair_of_every_family_is_told_by_the_directions_of_its_metrics(metrics):
    both = pairs(metrics)
    assert len(both) > 300
    for x, y in both:
        for axis, arrow in ((x, "→"), (y, "↑")):
            entry = axis.entry
            less = (entry.forgets or entry.direction) == "lower"
            assert axis.backwards == less
            way = axis.meaning if entry.direction == "reference" else f"{'less' if less else 'more'} is better"
            assert (f"({way} {arrow})" in axis.title) == bool(axis.meaning)
            assert (", %" in axis.title) == (entry.unit == "%")
        said = caption(x, y, "run", aim=True)
        trade = {x.entry.measures, y.entry.measures} in ({"forgetting", "keeping"}, {"privacy", "keeping"})
        assert (heading(x, y) == "Forgetting against keeping") == trade == is_tradeoff(x, y)
        assert ("is no trade-off" in said) != trade
        assert ("Nothing here shows what became of the rest." in said) == (
            "keeping" not in (x.entry.measures, y.entry.measures)
        )
        for axis in (x, y):
            if axis.entry.measures == "keeping":
                assert f"Further {axis.side}, more is kept." in said
            if axis.entry.measures == "forgetting":
                assert f"Further {axis.side}, more is forgotten." in said
        too_much = re.search(r"Further ([a-z ]+) than the cross is too much", said)
        aimed = [axis.side for axis in (x, y) if axis.entry.direction == "reference"]
        if x.meaning and y.meaning:
            assert (too_much[1].split(" or ") if too_much else []) == aimed


def test_each_metric_is_drawn_on_either_axis_with_its_title_and_the_better_end_far_from_the_corner(metrics):
    both = {x.entry.id: (x, y) for x, y in pairs(metrics)} | {y.entry.id: (x, y) for x, y in pairs(metrics)[::-1]}
    across, up = set(), set()
    for x, y in [*both.values(), *((Axis(y.entry, "right"), Axis(x.entry, "up")) for x, y in both.values())]:
        less_and_more = [TradeoffPoint(label="less", x=0.1, y=0.2), TradeoffPoint(label="more", x=0.3, y=0.6)]
        html = tradeoff(less_and_more, None, x, y)
        places = re.findall(r'class="point.*?left:([\d.]+)%;bottom:([\d.]+)%', html, re.DOTALL)
        for at, (axis, seen) in enumerate(((x, across), (y, up))):
            less = (axis.entry.forgets or axis.entry.direction) == "lower"
            seen.add(axis.entry.id)
            one, other = (float(place[at]) for place in places)
            assert (one > other) == less and axis.title in unescape(html)
    assert across == up == {x.entry.id for x, _ in pairs(metrics)}


def test_a_headline_is_drawn_of_forgetting_against_keeping_only(metrics):
    target = TradeoffPoint(label="again", x=10, y=0.6)
    places = [TradeoffPoint(label="forgot nothing", x=95, y=0.9), TradeoffPoint(label="forgot", x=10, y=0.65)]
    for x, y in pairs(metrics):
        said = trials.nearest(places, target, x, y)
        assert bool(said) == is_tradeoff(x, y)


def test_forgetting_nothing_is_never_nearest_because_it_is_far_on_an_axis_where_less_is_better(metrics):
    x, y = Axis(metrics["fact_recall"], "right"), Axis(metrics["model_utility"], "up")
    target = TradeoffPoint(label="again", x=10, y=0.6)
    places = [TradeoffPoint(label="forgot nothing", x=95, y=0.9), TradeoffPoint(label="forgot", x=12, y=0.58)]
    assert (
        trials.nearest(places, target, x, y)
    ) == "forgot comes nearest to the retrained reference in these two, 2.8 points away."
    assert "Best at both at once: forgot," in trials.nearest(places, None, x, y)


def test_kept_more_than_the_reference_is_no_distance_but_forgotten_more_is(metrics):
    x, y = Axis(metrics["unlearning_accuracy"], "right"), Axis(metrics["remaining_accuracy"], "up")
    assert distance(x, y, (90, 99), (90, 95)) == 0
    assert distance(x, y, (100, 95), (90, 95)) == 10
    assert distance(x, y, (90, 92), (90, 95)) == 3


@pytest.mark.parametrize(
    ("family", "first"),
    [
        ("classifier", ("unlearning_accuracy", "remaining_accuracy")),
        ("text-to-image", ("unlearning_accuracy", "in_domain_retain_accuracy")),
        ("llm", ("fact_recall", "model_utility")),
        ("moe", ("fact_recall", "model_utility")),
    ],
)
def test_the_first_axes_are_forgetting_and_keeping(metrics, family, first):
    ordered = sorted(of_family(metrics, family), key=lambda entry: (entry.order, entry.id))
    assert usual(ordered) == first


def test_only_what_has_a_smallest_and_a_largest_value_can_be_an_axis(metrics):
    names = {entry.id for entry in choices(set(metrics))}
    assert {"model_utility", "fact_recall", "mia_text"} <= names and not {"run_time", "fid", "average_gap"} & names


def test_every_metric_says_of_which_set_it_is_measured(metrics):
    told = {name for name, entry in metrics.items() if entry.measures != "other"}
    neither = {
        "average_gap",
        "class_accuracy",
        "concept_vector_cosine",
        "concept_vector_words",
        "routing_stability",
        "fluency",
    }
    assert set(metrics) - told == neither
    for name in told:
        assert metrics[name].better, f"{name} does not say which way is better"
