"""What is left to do on "Does it come back?": a reference to train, tests to make again with it, a set to go on with."""

from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from app_pages import Form

from app import comeback, next_tests
from app.looks import Look
from backends.api import begun, files, retrained, runs, visits
from backends.api.attacked import Attacked
from backends.api.panels import WORDING
from pages.studio.run import _comeback

SANDAL = "example-forget-sandal"


def bring_back(run, entry, reference):
    """The findings of an attack on a run, made with or without a retrained reference."""
    values = np.ones((1, 1, 4), np.float32)
    recalled = {"before": values, "after": values} | ({"reference": values[None]} if reference else {})
    folder = run.path / "attack" / entry.id
    Attacked(
        attack=entry.id, kind=entry.test, x=[0.0], x_title="steps", noun="images", items=list("abcd"), groups=[0, 1, 2, 3], recalled=recalled
    ).save(folder)  # fmt: skip
    found = {"what": entry.id, "wording": WORDING, "params": {}, "seconds": 2.0, "panels": []}
    files.write_json(folder / "found.json", found)
    return folder


def make_reference(make_run, of, **result):
    """A finished run of the method that makes the reference for the forget set of another."""
    run = make_run(method="retrain", model=of.spec.model, forget=of.spec.forget)
    said = run.result | {"params": {}, "forget_key": of.result["forget_key"]} | result
    files.write_json(run.path / "result.json", said)
    files.write_bytes(run.path / "after" / retrained.WEIGHTS, b"weights")
    return run


def lines(run, owner="", testing=None):
    return next_tests.html(run, owner, testing)


def test_without_a_reference_it_is_said_what_is_impossible_and_a_button_leads_to_the_form(make_run):
    run = make_run()
    html = lines(run)
    assert all(word in html for word in ("“Hidden”", "“Erased”", "“Never knew”", "Train a retrained reference"))
    assert parse_qs(urlparse(next_tests.form_address(run)).query) == {"clone": [run.id], "method": ["retrain"]}


def test_of_a_family_that_cannot_be_retrained_it_says_so(make_run):
    html = lines(make_run(model="authors-lm", method="npo", forget=("Ivo Pemberly",)))
    assert "cannot be retrained" in html and "href" not in html


def test_with_a_reference_there_is_nothing_to_say(make_run):
    run = make_run()
    made = make_reference(make_run, run)
    assert retrained.of_run(run) == made.path / "after" / retrained.WEIGHTS and lines(run) == ""
    assert lines(runs.find(SANDAL)) == ""


@pytest.mark.parametrize("different", [{"forget_key": "0" * 24}, {"keep": ["Bag"]}, {"params": {"epochs": 1}}])
def test_another_retraining_is_no_reference(make_run, different):
    run = make_run()
    make_reference(make_run, run, **different)
    assert retrained.of_run(run) is None


def test_in_a_shared_studio_only_its_owner_is_offered_to_train_one(make_run, monkeypatch):
    monkeypatch.setattr(visits, "shared", lambda: True)
    owner = runs.owner_mark("hers")
    run = make_run(owner=owner)
    assert "Train a retrained reference" in lines(run, owner)
    assert "Only who started this run" in lines(run, runs.owner_mark("another's")) and "href" not in lines(run, "")


def test_tests_that_were_made_before_the_reference_are_offered_again(make_run):
    run = make_run()
    quick = next(entry for entry in comeback.fitting(run) if entry.quick)
    slow = next(entry for entry in comeback.fitting(run) if not entry.quick)
    folder = bring_back(run, quick, reference=False)
    assert "Test it again" not in lines(run)
    make_reference(make_run, run)
    assert 'data-set="quick">Test it again' in lines(run)
    bring_back(run, slow, reference=False)
    assert 'data-set="deep">Test it again' in lines(run)
    for entry in (quick, slow):
        bring_back(run, entry, reference=True)
    assert lines(run) == ""
    bring_back(run, quick, reference=False)
    retrained.note(folder, True)  # an attack that has no use for one is made again once
    assert lines(run) == ""


@pytest.mark.parametrize("name", [run.id for run in runs.all_runs() if run.shipped])
def test_no_test_of_a_shipped_run_is_to_be_made_again(name):
    assert "again" not in lines(runs.find(name))


def test_a_set_that_ended_early_can_be_gone_on_with(make_run):
    run = make_run()
    names = [entry.id for entry in comeback.fitting(run)]
    assert "Go on" not in lines(run), "nobody began"
    begun.write(run, True, names[:4], {names[3]: "It stopped."}, joins=True)
    bring_back(run, comeback.fitting(run)[0], reference=True)
    html = lines(run)
    assert "2 of 4 tests are done" in html and 'data-set="deep">Go on' in html
    begun.write(run, False, names[:1], {}, joins=True)
    assert "2 of 4 tests are done" in lines(run), "quick tests that are done end no set of all"
    for entry in comeback.fitting(run)[:3]:
        bring_back(run, entry, reference=True)
    assert "Go on" not in lines(run)


def test_while_tests_are_made_nothing_is_offered_and_why_a_set_failed_is_said(make_run):
    run = make_run()
    begun.write(run, False, [entry.id for entry in comeback.fitting(run)][:2], {}, joins=True)
    look = Look(1, run.id, _comeback.QUICK, {}, {""}, state="working")
    assert "Go on" not in lines(run, testing=look)
    look.state, look.error = "failed", "This took longer than 600 seconds, so it was stopped; ask for less."
    assert "longer than 600 seconds" in lines(run, testing=look) and "0 of 2 tests are done" in lines(run, testing=look)


def test_a_visitors_set_is_apart_from_the_run(make_run, monkeypatch):
    monkeypatch.setattr(visits, "shared", lambda: True)
    owner = runs.owner_mark("hers")
    run = make_run(owner=owner)
    names = [entry.id for entry in comeback.fitting(run)][:2]
    begun.write(run, False, names, {}, joins=False)
    assert "Go on" not in lines(run, owner) and "0 of 2 tests" in lines(run, "")
    assert not (run.path / "attack").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"deep": 1}', '{"deep": true, "tests": "x"}'])
def test_a_damaged_record_offers_nothing(make_run, text):
    run = make_run()
    begun.write(run, True, ["x"], {}, joins=True)
    next((run.path / "attack").glob("*.json")).write_text(text)
    assert begun.read(run, True) == [] and "Go on" not in lines(run)


def test_a_deleted_run_is_not_written_again(make_run):
    run = make_run()
    run.delete()
    begun.write(run, True, ["x"], {}, joins=True)
    assert not run.path.exists()


def test_pressing_asks_for_the_set_that_is_named(monkeypatch):
    from types import SimpleNamespace

    pressed = []
    monkeypatch.setattr(_comeback, "_ask", lambda at, secret, which: pressed.append(which) or ())
    for data in ({"set": "deep"}, {"set": "quick"}, {"set": ["deep"]}, {}):
        _comeback.ask_set(SimpleNamespace(_data=data), "?id=x", "")
    assert pressed == [_comeback.DEEP, _comeback.QUICK, _comeback.QUICK, _comeback.QUICK]


def test_the_form_that_it_leads_to_has_the_same_forget_set_and_the_usual_settings_of_its_method(make_run):
    run = make_run(forget=("Sandal", "Bag"), keep=("Shirt",), params={"epochs": 3})
    form = Form("fashion-resnet")
    updates = form.filled(("clone", run.id), ("method", retrained.method(run).id))
    assert updates["edited"] == {} and updates["method"].value == "retrain"
    assert set(updates["images.classes"].value) == {"Sandal", "Bag"} and updates["keep_mode"].value != "classes"
    own = form.filled(("clone", run.id), ("method", run.spec.method))
    assert own["edited"], "naming the run's own method changes nothing"


def test_a_run_that_found_its_set_is_retrained_without_that_set(make_run):
    run = make_run(method="worst_case", forget=("random:10%",))
    assert retrained.targets(run) == (f"run:{run.id}",)
    later = make_run(forget=("Bag",), after=run.id, earlier=("Sandal",))
    assert set(retrained.targets(later)) == {"Sandal", "Bag"}
