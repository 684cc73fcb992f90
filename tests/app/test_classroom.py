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
