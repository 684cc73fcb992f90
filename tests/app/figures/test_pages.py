"""Compare, Look inside and Methods, read from run folders: the answer, the evidence, and every state in words."""

import re
from html import unescape

import pytest

from app import number_table, run_results
from app import trials as side_by_side
from backends.api import benchmarks, files, findings, runs
from backends.api.errors import BadInput
from backends.api.panels import Found
from pages.studio import _sweep, methods
from pages.studio._shared import choices, push_url
from pages.studio.run import _found, _head, _numbers
from pages.studio.run import _see as compare

from .folders import CLASSES, write_run
from .panels import ONE_OF_EACH

pytestmark = pytest.mark.usefixtures("catalog")
FIRST, SECOND = "20261122-000001-aaa", "20261122-000002-bbb"


@pytest.fixture
def run(home):
    return write_run(home, FIRST, method="slow", model="m")


@pytest.fixture
def other(home):
    return write_run(home, SECOND, method="quick", model="m")


def plain(html: str) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def compared(first: str, second: str) -> str:
    """The head and the tabs See and Numbers of a run, or of two."""
    at = f"?id={first}&with={second}"
    head, strip, *_ = _head.look(at)
    return str(head) + str(strip) + "".join(map(str, list(compare.opened(at))[-1][:3])) + str(_numbers.opened(at))


def test_every_number_stands_with_its_file_its_goal_and_its_direction(run):
    shown = str(_numbers.opened(f"?id={FIRST}"))
    read = plain(shown)
    assert "Unlearning accuracy (UA) 5 % 99.5 % 100 % as retrained: 100 %" in read
    assert 'title="metrics.json › first.after"' in shown and 'title="metrics.json › first.reference"' in shown
    assert f'download="{FIRST}-result.json"' in shown


def test_a_missing_number_is_never_shown_as_one(run):
    row = plain(str(_numbers.opened(f"?id={FIRST}"))).split("Never measured")[1]
    assert row.strip().startswith("1 % not measured")


def test_how_good_the_attacker_behind_a_number_is_stands_beside_it(run):
    said = "its attacker is right in 53 % of cases; 50 % is guessing"
    assert said not in plain(str(_numbers.opened(f"?id={FIRST}")))  # nothing was measured
    metrics = files.read_json(run.path / "metrics.json")
    metrics["third"] |= {"after": 12.0}
    files.write_json(run.path / "metrics.json", metrics)
    row = plain(str(_numbers.opened(f"?id={FIRST}"))).split("Never measured")[1]
    assert row.strip().startswith(said)


def test_a_number_far_from_its_goal_is_marked_and_one_near_it_is_not(run):
    metrics = files.read_json(run.path / "metrics.json")
    metrics["first"] |= {"after": 60.0}
    metrics["by_class"] |= {"after": 80.0}
    files.write_json(run.path / "metrics.json", metrics)
    assert str(_numbers.opened(f"?id={FIRST}")).count('title="far from it"') == 1


def test_compare_says_where_a_measured_metric_departs_from_its_paper(run, other):
    read = plain(compared(FIRST, ""))
    assert "Where it departs from the paper" in read and "What is kept It has <1,000> images." in read
    assert "It has <1,000> images." in plain(compared(FIRST, other.id))
    metrics = files.read_json(run.path / "metrics.json")
    del metrics["second"]
    files.write_json(run.path / "metrics.json", metrics)
    assert run_results.departures([run]) == ""


def test_where_nothing_changed_there_is_no_chart_but_one_line(run):
    metrics = files.read_json(run.path / "metrics.json")
    metrics["by_class"]["parts"]["after"] = metrics["by_class"]["parts"]["before"]
    files.write_json(run.path / "metrics.json", metrics)
    assert run_results.part_panels(run) == []
    assert "Nothing changed in “Right, by class”: every part is as it was before." in plain(compared(FIRST, ""))


def moved(run, **after):
    """What is said where these classes have other values after, and what was to be forgotten is as before."""
    metrics = files.read_json(run.path / "metrics.json")
    parts = metrics["by_class"]["parts"]
    parts["after"] = parts["before"] | {"Sandal": 0.5} | after
    files.write_json(run.path / "metrics.json", metrics)
    return run_results.part_panels(run)[0].says


def test_no_class_is_said_to_have_changed_most_where_none_changed(run):
    assert moved(run).endswith("Of the others, none changed.")
    assert moved(run, Bag=70.0).endswith("Of the others, Bag changed most (-28 points).")


def test_where_all_moved_alike_none_moved_most(run):
    others = {name: 100.0 + at for at, name in enumerate(CLASSES) if name != "Sandal"}
    assert moved(run, **others).endswith("Of the others, all changed alike (+10 points).")


def test_bars_by_class_mark_what_was_forgotten_and_say_what_else_moved(run):
    (panel,) = run_results.part_panels(run)
    assert panel.labels[panel.marked[0]] == "Sandal" and [one.role for one in panel.series][-1] == "reference"
    assert "Sandal went from 95 % to 0.5 %." in panel.says and "Sneaker changed most (-9 points)" in panel.says


def test_parts_that_are_no_classes_stand_in_the_table_only(run):
    assert [panel.title for panel in run_results.part_panels(run)] == ["Right, by class"]
    read = plain(number_table.parts([run]))
    assert "Never measured: attack accuracy unlearned 53 metrics.json › third.parts.after.attack_accuracy" in read


def test_two_runs_stand_side_by_side_and_a_wrong_pair_is_said(home, run, other):
    shown = plain(compared(FIRST, SECOND))
    assert "first run second run" in shown and "do not compare" not in shown
    write_run(home, "20261122-000003-ccc", method="slow", model="m", forget_key="other")
    assert "do not compare one to one" in plain(compared(FIRST, "20261122-000003-ccc"))


def test_an_unknown_run_gets_one_sentence(run):
    shown = compared("nosuch", "")
    assert "There is no run 'nosuch'" in plain(shown) and "deleted" in shown


def test_no_run_at_all_is_an_invitation():
    assert "New run" in plain(compared("", ""))
    assert "Forget something" in plain(methods.runs_html([], "first", "second"))
    assert "Forget something" in plain(_sweep.show("", "")[0])


def test_a_failed_run_says_what_happened_and_still_shows_its_images(home):
    write_run(home, FIRST, method="slow", model="m", status="failed")
    shown = plain(compared(FIRST, ""))
    assert "It ran out of memory." in shown and "original" in shown


def test_kept_findings_are_shown_at_once_with_how_they_were_made(run):
    kept = Found(
        what="look",
        params={"rate": 0.5},
        seconds=3.2,
        panels=[one for one in ONE_OF_EACH if one.says in ("One fell.", "It forgot.")],
    )
    files.write_json(findings.folder(run, "look") / "found.json", kept.model_dump())
    shown = plain(_found.findings_or_hint(FIRST, "look"))
    assert "One fell." in shown and "It forgot." in shown
    assert "Computed in 3.2 s, rate 0.5; kept in the run folder." in shown
    assert findings.usual_seconds("look") == findings.usual_seconds("look", model="m") == 3.2
    assert findings.usual_seconds("look", model="another") is None


def measured(group, x, y):
    """The tab of what was measured."""
    return methods.show_methods("", "classifier", group, x, y)


def test_runs_that_forgot_the_same_are_one_group_with_the_reference_as_the_aim(home, run, other):
    write_run(home, "20261122-000003-ccc", method="slow", model="m", forget_key="other")
    trials = side_by_side.of_runs(runs.all_runs())
    assert ("A model forgets Sandal (2)", "m/k") in side_by_side.groups_of(trials)
    html = methods.show_runs("", "m/k", "first", "second")[-1]
    shown = plain(html)
    assert "comes nearest to the retrained reference" in shown and "0.9 points away" in shown
    assert "retrained reference the aim" in shown and f'href="run?id={FIRST}"' in html


def test_a_column_of_a_part_is_named_by_its_metric_and_in_its_unit(run):
    trial = side_by_side.Trial(
        label="a", group="g", key="k", after={"first: old_routing": 12.5, "gone_metric: part": 1.0}
    )
    read = plain(side_by_side.table([trial]))
    assert "UA: old routing" in read and "12.5 %" in read and "gone metric: part" in read


def test_without_a_reference_the_axes_are_what_was_measured_and_no_aim_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "ASSETS", tmp_path)
    rows = [
        {"model": "m", "method": method, "target": "cat", "seed": 0, "seconds": 1,
         "metrics": {"second": {"after": 90.0 + at}, "first": {"after": None}}}
        for at, method in enumerate(("slow", "quick"))
    ]  # fmt: skip
    files.write_json(tmp_path / "measured" / "m.json", rows)
    rows_dropdown, shown = measured("m/cat", "first", None)
    assert rows_dropdown.value == "m/cat" and re.findall(r'<option value="(\w+)" selected>', shown) == ["second"] * 2
    read = plain(shown)
    assert "nothing marks how far a method should go" in read and "No fair ranking" in read
    assert "Best at both at once" not in read and "Two measures of the rest" in read and "the aim" not in read


def test_a_measured_table_is_the_mean_over_seeds_and_names_its_file(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "ASSETS", tmp_path)
    rows = [
        {"model": "m", "method": "slow", "target": "Sandal", "seed": seed, "seconds": 10 + seed,
         "metrics": {"first": {"after": 98.0 + seed, "reference": 100.0}, "second": {"after": 95.0, "reference": 96.0}}}
        for seed in (0, 2)
    ]  # fmt: skip
    files.write_json(tmp_path / "measured" / "m.json", rows)
    (trial,) = methods.shipped_trials()
    assert trial.after["first"] == 99 and trial.count == 2 and trial.spread["first"] == pytest.approx(2**0.5)
    shown = measured("m/Sandal", "first", "second")[-1]
    assert "From assets/measured/m.json" in plain(shown) and 'data-x="99.0" data-y="95.0"' in shown


@pytest.mark.parametrize(("others", "seconds"), [((0.0, 0.05), 11.0), ((0.0, 1.5), None), ((None, None), None)])
def test_a_measured_time_is_shown_only_where_nothing_else_ran(tmp_path, monkeypatch, others, seconds):
    monkeypatch.setattr(benchmarks, "ASSETS", tmp_path)
    rows = [
        {"model": "m", "method": "slow", "target": "Sandal", "seed": seed, "seconds": 10 + 2 * seed, "others": busy,
         "metrics": {"first": {"after": 98.0}}}
        for seed, busy in enumerate(others)
    ]  # fmt: skip
    files.write_json(tmp_path / "measured" / "m.json", rows)
    (trial,) = methods.shipped_trials()
    assert trial.seconds == seconds if seconds else trial.seconds != trial.seconds


def test_a_metric_that_one_seed_could_not_measure_has_no_mean_and_no_spread(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmarks, "ASSETS", tmp_path)
    rows = [
        {"model": "m", "method": "slow", "target": "Sandal", "seed": seed, "seconds": 10,
         "metrics": {"first": {"after": after}, "second": {"after": 95.0}}}
        for seed, after in enumerate((98.0, float("nan")))
    ]  # fmt: skip
    files.write_json(tmp_path / "measured" / "m.json", rows)
    (trial,) = methods.shipped_trials()
    assert trial.after["first"] != trial.after["first"] and set(trial.spread) == {"second"}
    assert "not measured" in plain(measured("m/Sandal", "first", "second")[-1])


def test_a_sweep_takes_numbers_and_says_what_is_wrong_with_anything_else():
    assert _sweep.numbers("0.1, 0.2; 0.1") == [0.1, 0.2]
    for text in ("", "a, b", ",".join("1" * 13)):
        with pytest.raises(BadInput):
            _sweep.numbers(text)


def test_a_sweep_gathers_the_runs_that_differ_in_nothing_else(home):
    for at, rate in enumerate((0.1, 0.3, None)):  # None: the method chose it
        made = write_run(home, f"20261122-00000{at}-rate", method="slow", model="m")
        spec = made.spec.model_copy(update={"params": {"rate": rate}})
        files.write_json(made.path / "spec.json", spec.model_dump())
    base = runs.find("20261122-000000-rate")
    assert sorted(value for _, value in _sweep.sweep_members(base, "rate")) == [0.1, 0.3]
    shown, clock = _sweep.show(base.id, "rate")
    assert "UA 99.5 %, RA 96.5 %, Right, by class 85 % at every value." in plain(shown) and clock.active is False


def test_strangers_see_their_own_runs_and_those_they_have_a_link_to(home, monkeypatch):
    for run_id, owner in ((FIRST, "me"), (SECOND, "you")):
        made = write_run(home, run_id, method="slow", model="m")
        files.write_json(made.path / "state.json", made.state.model_copy(update={"owner": owner}).model_dump())
    assert {run.id for run in runs.visible("me")} >= {FIRST, SECOND}
    monkeypatch.setenv("LETHE_SHARED", "1")
    own = {run.id for run in runs.visible("me") if not run.shipped}
    assert own == {FIRST}
    assert {run.id for run in runs.visible("", SECOND) if not run.shipped} == {SECOND}
    assert not [run for run in runs.visible("") if not run.shipped]
    assert {run.id for run in _sweep.repeatable("", SECOND) if not run.shipped} == {SECOND}


def test_a_run_is_named_by_what_how_and_when(run):
    assert choices([run]) == [("Sandal · Slow · A model · 22.11. 00:00 UTC", FIRST)]


def test_runs_alike_are_told_apart_by_their_settings(home):
    made = [write_run(home, f"20261122-00000{at}-rate", method="slow", model="m") for at in range(3)]
    for run, rate in zip(made, (0.1, 0.3, 0.3), strict=True):
        spec = run.spec.model_copy(update={"params": {"rate": rate, "epochs": 2}})
        files.write_json(run.path / "spec.json", spec.model_dump())
    names = [name for name, _ in choices([runs.find(run.id) for run in made])]
    assert [name.split(" · ")[2] for name in names] == ["rate 0.1", "rate 0.3", "rate 0.3"]
    assert "rate" not in choices([runs.find(made[0].id)])[0][0]


def test_the_address_script_writes_every_name_and_returns_every_input():
    script = push_url(["run", "with"])
    assert '["run", "with"]' in script and script.endswith("return given;}")
