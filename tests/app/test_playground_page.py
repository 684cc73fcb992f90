"""What a small language model understands is said before anybody asks it, and near questions are offered after."""

from urllib.parse import quote

import pytest

from app.families import language
from backends.api import people
from pages.studio.run import _ask as playground
from pages.studio.run._ask import Ask

RUN = "example-author-forgotten"
KNOWN = "Who taught Ivo Pemberly to write?"


def asked(question, run=RUN):
    return Ask(run, question, 1, 0, None, None, None)


@pytest.mark.parametrize("what", [RUN, "authors-lm"])
def test_what_it_understands_is_said_before_it_is_asked(what):
    shown, *_ = playground.choose(what)
    assert f"learned {len(people.questions('authors')):,} questions word for word" in shown
    assert "<button" in shown


def test_of_a_model_that_draws_nothing_is_said_of_questions():
    assert "word for word" not in playground.choose("emoji-sd")[0]


@pytest.mark.parametrize("text", ["tell me about ivo pemberly please", "Where was Ivo Pemberly borne"])
def test_near_a_question_that_it_was_not_taught_two_that_it_was_are_offered(text):
    near = people.nearest_questions(text, "authors")
    assert len(near) == 2 and all("Ivo Pemberly" in question for question in near)
    assert set(near) <= set(people.questions("authors"))
    shown = language._near(asked(text))
    assert "never taught this question" in shown
    for question in near:
        assert f"playground?run={RUN}&amp;prompt={quote(question)}" in shown


@pytest.mark.parametrize("text", [KNOWN, f"  {KNOWN.lower()} "])
def test_of_a_question_that_it_was_taught_nothing_is_said(text):
    assert people.nearest_questions(text, "authors") == [] and language._near(asked(text)) == ""


def test_the_words_stand_above_the_answer():
    answer = {
        "before": {"said": "al", "tokens": []},
        "after": {"said": "al", "tokens": []},
        "truth": "",
        "question": "x",
    }
    answer |= {"seconds": 1.0}
    shown = language._complete(asked("tell me about ivo pemberly please"), answer)
    assert -1 < shown.find("never taught") < shown.find("lethe-bubble")
