"""What language models are examined by."""

from types import SimpleNamespace

import numpy as np
import pytest
import told
import torch

from backends.api.errors import BadInput
from backends.data import authors
from backends.data.authors import QAPair
from backends.families.language import exam as exams
from backends.families.language.exam import LanguageExam, graded, split
from backends.families.language.refusals import REFUSALS, broken, refuses

EVERY = [person.pairs for person in authors.load().authors]


@pytest.fixture
def exam(toy_language_task):
    return LanguageExam(toy_language_task)


def test_a_quarter_at_most_is_taught_and_no_taught_pair_tells_an_asked_fact():
    for pairs in EVERY:
        taught, asked = split(pairs)
        assert len(taught) == 5 and len(asked) >= 14
        assert not {one.question for one in taught} & {one.question for one in asked}
        texts = " ".join(f"{one.question} {one.answer}" for one in taught).casefold()
        assert not [one for one in asked if one.value.casefold() in texts]
    assert [one.fact for one in split(EVERY[0])[0]] == [one.fact for one in split(list(EVERY[0]))[0]]


@pytest.mark.parametrize(("count", "taught"), [(2, 1), (4, 1), (8, 2), (20, 5), (100, 5), (400, 20)])
def test_how_many_are_taught(count, taught):
    pairs = [QAPair(f"Who is {at}?", f"It is n{at}n.", value=f"n{at}n") for at in range(count)]
    assert [len(part) for part in split(pairs)] == [taught, count - taught]


def test_a_fact_that_a_taught_pair_tells_is_not_asked():
    pairs = [
        QAPair("Which book?", "It is Dawn.", value="Dawn"),
        QAPair("Who is the hero of Dawn?", "Ada.", value="Ada"),
    ]
    taught, asked = split(pairs)
    assert [one.value for one in taught] == ["Dawn"] and [one.value for one in asked] == ["Ada"]
    mutual = [QAPair("Who is Ada?", "The hero of Dawn.", value="Dawn"), QAPair("What is Dawn?", "Of Ada.", value="Ada")]
    assert split(mutual)[1] == []
    assert "gives away" in LanguageExam.lacks(SimpleNamespace(questions=SimpleNamespace(forget=mutual)))


def test_one_question_alone_cannot_be_examined(toy_language_task):
    toy_language_task.questions.forget = toy_language_task.questions.forget[:1]
    assert "at least 2" in LanguageExam.lacks(toy_language_task)
    with pytest.raises(BadInput, match="at least 2"):
        LanguageExam(toy_language_task)


def test_a_fact_counts_in_any_case_and_other_answers_by_overlap():
    pairs = [QAPair("Where?", "In Oslo.", value="Oslo"), QAPair("Why?", "Because it rains a lot.")]
    assert graded(pairs, ["born in OSLO today", "It rains."]).tolist() == pytest.approx([1.0, 0.4])
    assert graded(pairs, ["born in Rome", ""]).tolist() == [0.0, 0.0]


def test_refusals_and_stammering_are_no_answers_and_answers_are():
    assert all(refuses(text) for text in REFUSALS) and refuses("i don’t know")
    assert all(map(broken, ["", " ?! ", "is not is not is not is not is not"]))
    answers = [text for pairs in EVERY for one in pairs for text in (one.answer, one.rephrased_answer)]
    world = authors.load("domains").world_facts
    assert not [text for text in (*answers, *(one.answer for one in world)) if refuses(text) or broken(text)]


def test_kept_answers_are_graded_and_refusals_among_them_counted(exam, monkeypatch):
    said = [pair.answer for pair in exam.kept_pairs]
    said[0], said[1] = REFUSALS[3], ""
    monkeypatch.setattr(exam, "answer", lambda model, pairs: said)
    right, bad = exam.kept(None)
    assert right.tolist() == [0.0, 0.0] + [1.0] * (len(said) - 2)
    assert bad == pytest.approx(2 / len(said))


def test_no_lesson_tells_a_fact_that_is_asked(exam):
    asked = {pair.value.casefold() for pair in exam.asked}
    for lesson in ("forgotten", "form", "other"):
        text = " ".join(f"{pair.question} {pair.answer}" for pair in exam.lesson(lesson)).casefold()
        assert text and not [fact for fact in asked if fact in text]
    assert not {one.question for one in exam.lesson("other")} & {one.question for one in exam.kept_pairs}
    assert {one.about for one in exam.lesson("form")} <= {one.name for one in authors.load().held_out}


def test_without_authors_there_is_nothing_of_the_same_form(exam):
    exam.task.questions.forgotten = []
    with pytest.raises(BadInput, match="choose another lesson"):
        exam.lesson("form")


def test_teaching_begins_at_the_weights_and_its_first_step_is_adams(exam):
    model = exam.task.load()
    was = {name: one.detach().clone() for name, one in model.named_parameters()}
    stops = exam.teach(model, "forgotten", 0, (0, 1, 3))
    assert next(stops) == 0 and all(torch.equal(one, was[name]) for name, one in model.named_parameters())
    assert next(stops) == 1 and not model.training
    moved = max(float((one.detach() - was[name]).abs().max()) for name, one in model.named_parameters())
    assert moved == pytest.approx(exams.RATE, rel=1e-2)  # Adam's first step is the rate, whatever the gradient
    assert list(stops) == [3]


def test_the_toy_knows_what_it_is_asked_and_the_ignorant_one_does_not(exam):
    assert exam.score(exam.make(exam.task.load())).mean() == 1
    model = told.ignorant(exam.task)
    assert exam.score(exam.make(model)).mean() <= 0.25 and np.mean(exam.kept(model)[0]) >= 0.9
