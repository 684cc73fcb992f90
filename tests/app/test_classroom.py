"""The lessons run from top to bottom, with and without a finished run, and their exercise opens the studio."""

import pytest
from streamlit.testing.v1 import AppTest

from app.server import LESSONS
from pages.classroom import show


@pytest.fixture
def lesson():
    return AppTest.from_file(str(LESSONS), default_timeout=60)


def test_without_a_run_the_lesson_says_how_to_get_one(lesson, monkeypatch, tmp_path):
    from backends.api import runs

    monkeypatch.setattr(runs, "ASSETS", tmp_path)
    seen = lesson.run()
    assert not seen.exception
    assert "What does it mean to forget a class?" in seen.title[0].value
    assert "no finished run" in seen.info[0].value


def test_with_a_run_the_lesson_shows_it(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    assert not seen.exception
    assert [header.value for header in seen.header] == [
        "1. Watch it fade",
        "2. What else got hurt?",
        "3. Erased, or only hidden?",
        "4. Your turn",
    ]
    last = len(show.example().samples()) - 1
    assert last > 0 and seen.slider(key="step").max == last
    assert seen.slider(key="step").set_value(last).run().exception == []


def test_a_question_is_answered_kindly_and_with_a_reason(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    question = seen.radio(key="question-answer")
    wrong = question.set_value(question.options[0]).run()
    assert "Not quite" in wrong.info[0].value
    right = wrong.radio(key="question-answer").set_value(question.options[2]).run()
    assert right.success[0].value.startswith("Yes.") and "must always choose" in right.success[0].value


def test_the_exercise_opens_the_studio_in_the_right_state(lesson, make_run):
    make_run("done")
    seen = lesson.run()
    seen = seen.selectbox(key="choice").set_value("Bag").run()
    links = [one.proto.url for one in seen.get("link_button")]
    assert any(url.startswith("/?model=") and "forget=Bag" in url and "method=" in url for url in links)


@pytest.fixture
def second():
    from pathlib import Path

    return AppTest.from_file(str(Path(LESSONS).with_name("lessons") / "02_forget_a_drawing.py"), default_timeout=60)


def test_the_second_lesson_shows_the_run_of_a_model_that_draws(second):
    seen = second.run()
    assert not seen.exception
    run = show.example("text-to-image")
    assert run.shipped and seen.slider(key="step").max == len(run.samples()) - 1
    first, last = (html_of(seen.slider(key="step").set_value(at).run()) for at in (0, len(run.samples()) - 1))
    assert first.count("<img") == last.count("<img") > 3 and first != last
    assert show.learned(run).title == "Right after"


def html_of(seen):
    return "".join(one.proto.body for one in seen.get("html"))


def test_the_exercise_of_the_second_lesson_asks_for_a_style(second):
    seen = second.run()
    seen = seen.selectbox(key="choice").set_value("noto style").run()
    links = [one.proto.url for one in seen.get("link_button")]
    assert any("forget=noto+style" in url and "model=emoji-sd" in url for url in links)


def test_a_lesson_takes_a_run_of_its_own_family(make_run):
    make_run("done")
    assert show.example().spec.model != show.example("text-to-image").spec.model
