"""Forms of questions: a slot filled gives a taught question word for word, and every taught question has a form."""

import pytest

from backends.api import people
from backends.api.question_forms import QuestionForm, _alike, _form, forms


@pytest.mark.parametrize("data", ["authors", "domains"])
def test_the_forms_are_the_taught_questions_word_for_word(data):
    filled = [form.question(fill) for form in forms(data) for fill in form.fills]
    assert sorted(filled) == sorted(people.questions(data))
    assert all(len(form.fills) >= 3 for form in forms(data))


def test_a_form_about_authors_takes_each_of_them():
    first = forms("authors")[0]
    assert first.authors and set(first.fills) == set(people.load("authors").names)
    assert first.question("Ivo Pemberly") == "Where was Ivo Pemberly born?"
    assert ("Who wrote ", "?", False) in {(form.before, form.after, form.authors) for form in forms("authors")}


@pytest.mark.parametrize("data", ["smollm2", "", "emoji", "no-such-data"])
def test_who_was_not_taught_such_questions_has_no_forms(data):
    assert forms(data) == ()


def test_questions_are_told_apart_by_their_first_words_only_where_each_part_is_a_form():
    capitals = [f"What is the capital of {name}?" for name in ("Peru", "Fiji", "Cuba")]
    symbols = [f"What is the symbol of {name}?" for name in ("tin", "iron", "gold")]
    assert _alike([*capitals, *symbols]) == [capitals, symbols]
    assert _alike([*capitals, symbols[0]]) == [[*capitals, symbols[0]]]
    assert _form(capitals) == QuestionForm("What is the capital of ", "?", ("Peru", "Fiji", "Cuba"))
