"""The settings of the chosen method: only these are drawn, what a person changed of any method comes back, and Start sends what stands there."""

import re

import app_pages
import pytest
import rendered
from app_pages import Form, Settings, plan, values

from app import forms, job_form
from app.sessions import Session
from backends.api import catalog, submit
from backends.api.model_info import embedded
from pages.studio import new as forget

MODEL = "fashion-resnet"
FIRST, SECOND = "salun", "fine_tune"
MOST_SENT, MOST_PARTS = 64, 250

pytestmark = pytest.mark.usefixtures("nobody_answers")


@pytest.fixture(scope="module")
def form():
    return Form(MODEL)


def best(method):
    """A method's settings as recommended for the model."""
    return job_form.widget_values(job_form.at_defaults(embedded(MODEL)), catalog.load().get("methods", method))


# --- what is drawn


def test_the_settings_of_the_chosen_method_alone_are_drawn(form):
    for method in job_form.methods("classifier"):
        settings = Settings(form, {"method": method.id})
        assert {name: box.value for name, box in settings.boxes.items()} == best(method.id)
        assert all(forms.label(name) == box.label for name, box in settings.boxes.items() if name != "instead")


@pytest.mark.parametrize("changes", [{"method": None}, {"model": job_form.OWN}])
def test_without_a_method_or_a_model_nothing_is_drawn_and_start_says_what_lacks(form, changes):
    session, raw = Session(form.blocks), form.raw | changes
    drawn = rendered.draw(form.blocks, session, lambda part: raw[form.names[part._id]])
    start = next(fn for fn in drawn.values() if fn.fn is not None and fn.inputs == form.page.inputs())
    run, _, sentence = start.fn(*(raw[form.names[part._id]] for part in start.inputs))
    assert run == "" and re.search(r"Choose a method\.|Open your own model first", sentence)


def test_drawing_anew_leaves_no_event_of_before(form):
    session = Session(form.blocks)
    first = rendered.draw(form.blocks, session)
    second = rendered.draw(form.blocks, session)
    assert first and second and not first.keys() & second.keys()
    assert rendered.events(session) == second


def test_an_event_sends_few_values_and_the_page_holds_few_parts():
    """Of hundreds of parts each costs every visitor's browser time, and every event its values."""
    demo = app_pages.built()
    session = Session(demo)
    drawn = rendered.draw(demo, session)
    boxes = {part._id for part in rendered.parts(session, demo)}
    of_form = [fn for fn in (*demo.fns.values(), *drawn.values()) if fn.page == forget.PATH]
    most = max(len([part for part in fn.inputs if part._id not in boxes]) for fn in of_form)
    assert 40 < most <= MOST_SENT
    held = len(demo.get_config_file()["page"][forget.PATH]["components"])
    assert held + len(boxes) < MOST_PARTS
    everything = sum(len(forms.properties(method.params)) for method in catalog.load().methods)
    assert (
        held + everything > MOST_PARTS and most + everything > MOST_SENT
    )  # so the settings of all methods would be seen


# --- what a person changed


def test_what_was_changed_comes_back_with_its_method(form):
    first = Settings(form)
    edited = first.changed({}, {"epochs": 3})["edited"]
    assert edited == {f"{FIRST}.epochs": 3}
    there = form.event("method", {"method": SECOND, "edited": edited})
    assert plan(there["plan"])[1:] == (SECOND, best(SECOND))
    second = Settings(form, {"method": SECOND, "edited": edited})
    edited = second.changed({"method": SECOND, "edited": edited}, {"learning_rate": 0.5})["edited"]
    assert edited == {f"{FIRST}.epochs": 3, f"{SECOND}.learning_rate": 0.5}
    back = form.event("method", {"method": FIRST, "edited": edited})
    assert plan(back["plan"])[1:] == (FIRST, best(FIRST) | {"epochs": 3})
    again = Settings(form, {"method": FIRST, "edited": edited})
    assert {name: box.value for name, box in again.boxes.items()} == best(FIRST) | {"epochs": 3}
    assert form.spec({"edited": edited}).params["epochs"] == 3


def test_what_is_set_back_is_no_change(form):
    settings = Settings(form)
    edited = settings.changed({}, {"epochs": 3})["edited"]
    updates = settings.changed({"edited": edited}, {"epochs": best(FIRST)["epochs"]})
    assert updates["edited"] == {}
    assert form.spec({"edited": updates["edited"]}) == form.spec()


def test_a_changed_setting_is_in_the_sentences_at_once(form, monkeypatch):
    monkeypatch.setattr(job_form, "counts", lambda *_: job_form.Counted(2000, 18000))
    updates = Settings(form).changed({}, {"epochs": 3})
    assert "changed: Epochs 3" in updates["say"] and updates["problem"] == ""
    wrong = Settings(form).changed({}, {"epochs": -5})
    assert "at least" in wrong["problem"] and "at least" in wrong["say"]


def test_changes_stay_with_another_model_and_another_forget_set(form):
    edited = {f"{FIRST}.epochs": 3}
    for updates in (
        form.event("model", {"model": "fashion-vit", "edited": edited}),
        form.event("images.classes", {"images.classes": ["Bag"], "edited": edited}),
    ):
        assert plan(updates["plan"])[2]["epochs"] == 3 and values(updates).get("edited", edited) == edited


# --- Start


@pytest.fixture
def submitted(make_run, monkeypatch):
    """The jobs that were submitted, as they were checked."""
    jobs, run = [], make_run("queued")
    monkeypatch.setattr(forget.submit, "submit", lambda spec, **_: jobs.append(submit.check(spec)) or run)
    return jobs


def test_start_sends_what_stands_in_the_settings(form, submitted):
    """Also what was typed a moment ago, of which the form holds nothing yet."""
    Settings(form).started({}, {"epochs": 3})
    (spec,) = submitted
    assert spec.method == FIRST and spec.params == form.spec().params | {"epochs": 3}


def test_start_sends_the_changes_of_the_method_that_is_chosen_by_then(form, submitted):
    """The settings of another method are still drawn: they count as that method's, and the chosen one keeps its own."""
    drawn = Settings(form)
    drawn.started({"method": SECOND, "edited": {f"{SECOND}.learning_rate": 0.5}}, {"epochs": 3, "learning_rate": 0.25})
    (spec,) = submitted
    expected = form.spec({"method": SECOND}).params | {"learning_rate": 0.5}
    assert (spec.method, spec.params) == (SECOND, expected)
    with_first = drawn.changed({"method": SECOND, "edited": {}}, {"epochs": 3})
    assert with_first["edited"] == {f"{FIRST}.epochs": 3}


@pytest.mark.parametrize(
    "by_now", [{"model": "fashion-vit"}, {"kind": "random"}, {"model": "fashion-vit", "kind": "random"}]
)
def test_what_was_recommended_before_is_no_change(form, submitted, by_now):
    """Another model or forget set is chosen, and its settings are not drawn yet."""
    drawn = Settings(form)
    drawn.started(by_now, {})
    drawn.started(by_now, {"epochs": 3})
    as_recommended, changed = submitted
    assert as_recommended == form.spec(by_now)
    assert changed.params == form.spec(by_now).params | {"epochs": 3}
    assert drawn.changed(by_now, {"epochs": 3})["edited"] == {f"{FIRST}.epochs": 3}


def test_what_is_set_back_just_before_start_is_no_change(form, submitted):
    Settings(form, {"edited": {f"{FIRST}.epochs": 3}}).started(
        {"edited": {f"{FIRST}.epochs": 3}}, {"epochs": best(FIRST)["epochs"]}
    )
    assert submitted == [form.spec()]


def test_a_job_that_cannot_be_done_is_said_and_nothing_starts(form, submitted):
    assert "at least" in Settings(form).started({}, {"epochs": -5})["say"]
    assert submitted == []
