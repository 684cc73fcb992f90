"""The page Methods draws what stands in assets/measured, a row a method, and says so where nothing was measured."""

import re
from html import unescape
from statistics import mean
from types import SimpleNamespace

import pytest

from app import method_rows, theme, trials
from app.axes import Axis
from backends.api import benchmarks, catalog, comebacks, court, families
from backends.api.catalog import KINDS
from pages.studio import methods

ROWS = [row for rows in benchmarks.tables().values() for row in rows]
GROUPS = sorted({(row.model, row.target) for row in ROWS})
FINDS = {entry.id for entry in catalog.load().methods if entry.finds}


@pytest.fixture(scope="module", params=GROUPS, ids="/".join)
def group(request):
    """A model, a target, the HTML of the page, and the measured rows on it."""
    model, target = request.param
    family = families.of_model(model)
    html = methods.show_methods("", family, f"{model}/{target}")[1]
    return model, html, [row for row in ROWS if (row.model, row.target) == request.param]


def after(rows, name):
    return mean(float("nan") if row.metrics[name]["after"] is None else row.metrics[name]["after"] for row in rows)


def axes_of(html):
    return re.findall(r'<option value="(\w+)" selected>', html)[:2]


def test_every_point_is_the_mean_over_the_seeds_of_its_file(group):
    _, html, rows = group
    up, across = axes_of(html)
    first = html.split('class="zoom">')
    plot = first[1] if len(first) > 1 else html
    drawn = {tuple(map(float, pair)) for pair in re.findall(r'class="point[^>]*?data-x="(.*?)" data-y="(.*?)"', plot)}
    runs = {}
    for row in rows:
        if row.method not in FINDS:
            runs.setdefault((row.method, row.overrides_text), []).append(row)
    expected = {(round(after(same, across), 6), round(after(same, up), 6)) for same in runs.values()}
    assert {(round(x, 6), round(y, 6)) for x, y in drawn} == expected and len(expected) > 3


def test_the_cross_is_the_retrained_reference_where_one_was_measured(group):
    _, html, rows = group
    _, across = axes_of(html)
    references = [row.metrics[across].get("reference") for row in rows if row.method not in FINDS]
    cross = re.search(r'class="aim"[^>]*data-x="(.*?)" data-y="(.*?)"', html)
    assert bool(cross) == any(theme.measured(one) for one in references)
    if cross:
        assert float(cross[1]) == pytest.approx(references[0], abs=0.1)
        assert "retrained reference" in html


def test_every_method_that_fits_has_one_row_with_its_name_its_bars_and_its_kind(group):
    model, html, rows = group
    family = families.of_model(model)
    entries = {entry.id: entry for entry in catalog.load().methods if entry.works_with.get(family) is True}
    up, across = axes_of(html)
    axes = {"forgets": Axis(catalog.load().get("metrics", across), "right"),
            "keeps": Axis(catalog.load().get("metrics", up), "up")}  # fmt: skip
    lines = html.split('<details class="lethe-method"')[1:]
    names = [re.search(r'data-item="(\w+)"', line)[1] for line in lines]
    assert sorted(names) == sorted(entries) and names[0] == catalog.load().get("models", model).default_method
    for name, line in zip(names, lines, strict=True):
        entry = entries[name]
        assert f'data-kind="{entry.kind}"' in line and entry.title in unescape(line) and entry.summary in unescape(line)
        assert f'href="new?model={model}&amp;method={name}"' in line
        usual = [row for row in rows if row.method == name and not row.given and name not in FINDS]
        for column, axis in axes.items():
            value = float(re.search(rf'data-{column}="(.*?)"', line)[1])
            if usual:
                assert value == pytest.approx(axis.share(after(usual, axis.entry.id)))
                assert f"<b>{theme.percent(value)}</b>" in line
            else:
                assert value != value
        tested = {row.method: row for row in comebacks.rows(model) if row.target == rows[0].target}
        back = float(re.search(r'data-back="(.*?)"', line)[1])
        if name not in tested:
            assert back != back and '<span class="none">not measured</span>' in line
            continue
        best = tested[name].strongest
        assert f'<small class="verdict">{court.title(tested[name].word, tested[name].hit)[1]}</small>' in line
        assert back != back if best is None else back == pytest.approx(100 * best.unlearned)


def test_a_share_is_the_way_to_the_better_end():
    share = Axis(catalog.load().get("metrics", "fact_recall"), "right").share
    assert (share(100.0), share(4.0)) == (0, 96)
    assert Axis(catalog.load().get("metrics", "model_utility"), "up").share(0.7) == pytest.approx(70)


def test_the_kinds_beside_the_plot_count_its_points(group):
    _, html, rows = group
    counts = dict(re.findall(r'<button type="button" data-kind="(\w+)".*?<small>(\d+)</small>', html))
    every = {entry.id: entry.kind for entry in catalog.load().methods}
    drawn = {(row.method, row.overrides_text) for row in rows if row.method not in FINDS}
    kinds = [every[method] for method, _ in drawn]
    assert {kind: int(count) for kind, count in counts.items()} == {kind: kinds.count(kind) for kind in set(kinds)}
    assert all(KINDS[kind][0] in html for kind in counts)


def test_what_nothing_was_measured_of_is_not_drawn_and_never_a_zero():
    model = "fashion-mlp"
    html = method_rows.table(model, [], [])
    assert set(re.findall(r'data-(?:forgets|keeps|back)="(.*?)"', html)) == {"nan"}


def test_an_example_is_a_run_of_that_method_with_its_two_pictures():
    html = methods.show_methods("", families.of_model("emoji-sd"), "emoji-sd/cat")[1]
    row = html.split('id="method-concept_ablation"')[1].split("</details>")[0]
    assert 'href="run?id=example-forget-cat"' in row and row.count('src="thumbnail/example-forget-cat/') == 2


@pytest.mark.parametrize(
    ("query", "tab", "family"),
    [
        ({}, "methods", 0),
        ({"tab": "measured", "group": "authors-lm/forget10"}, "methods", "authors-lm"),
        ({"family": "no such"}, "methods", 0),
        ({"tab": "runs"}, "runs", 0),
        ({"tab": "<b>"}, "methods", 0),
    ],
)
def test_an_address_opens_its_tab_and_family(query, tab, family):
    class Request:
        query_params = query

    tabs, radio, dropdown, html, *_ = methods.from_address("", Request())
    assert tabs.selected == tab
    offered = [name for _, name in methods.switch()]
    assert radio.value == (offered[0] if family == 0 else families.of_model(family))
    if "group" in query:
        assert dropdown.value == query["group"] and "lethe-tradeoff" in html


def test_axes_that_do_not_exist_are_the_usual_ones():
    event = SimpleNamespace(_data={"x": ["<b>"], "y": None})

    html = methods.pick_axes("", families.of_model("fashion-resnet"), "fashion-resnet/Sandal", event)
    assert axes_of(html) == ["remaining_accuracy", "unlearning_accuracy"]


def test_other_axes_are_drawn_as_chosen():
    event = SimpleNamespace(_data={"x": "mia_efficacy", "y": "testing_accuracy"})

    html = methods.pick_axes("", families.of_model("fashion-resnet"), "fashion-resnet/Sandal", event)
    assert axes_of(html) == ["testing_accuracy", "mia_efficacy"]


def test_headings_are_words_not_keys():
    (one, *_) = [trial for trial in methods.shipped_trials() if trial.key == "authors-lm/forget10"]
    heads = re.findall(r"<th scope=\"col\".*?<button[^>]*>(.*?)</button>", trials.table([one]))
    assert "Fact recall: neighbour" in heads and "Concept vector words: random columns" in heads
    assert not [head for head in heads if "_" in head]
