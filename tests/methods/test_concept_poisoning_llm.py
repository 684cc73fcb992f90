"""Concept inference and data poisoning for questions: attributions with a known answer, which words are concepts, and what is taught."""

import numpy as np
import pytest
import torch
import toy
import toy_language
from captum.attr import IntegratedGradients
from torch import nn

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.data.authors import QAPair
from backends.families.language import concept_words
from backends.families.language.concept_words import Explained
from backends.families.language.tokens import likelihoods
from backends.methods.concept_poisoning_llm import ConceptPoisoningLlm, concept_poisoning_llm, poisoned

NAME = [toy_language.AUTHOR]


def rows(seed=0, count=3, length=4, width=5):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, length, width, generator=generator, dtype=torch.float64) for _ in range(2)]


def test_attributions_of_a_linear_score_are_exact_with_one_gradient():
    baseline, inputs = rows()
    weight = torch.randn(4, 5, dtype=torch.float64)
    found = concept_words.integrated(lambda x: (x * weight).sum((1, 2)) + 7, baseline, inputs, 1)
    torch.testing.assert_close(found, ((inputs - baseline) * weight).sum(-1))


def test_they_are_those_of_captum_and_add_up_to_the_whole_difference():
    baseline, inputs = rows(1)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    score = lambda x: net(x)[:, 0]  # noqa: E731
    found = concept_words.integrated(score, baseline, inputs, 50)
    captum = IntegratedGradients(score).attribute(inputs, baseline, n_steps=50, method="riemann_middle")
    torch.testing.assert_close(found, captum.sum(-1))
    torch.testing.assert_close(found.sum(1), score(inputs) - score(baseline), rtol=1e-3, atol=1e-4)
    with pytest.raises(AssertionError):  # a single gradient does not add up: the check can fail
        rough = concept_words.integrated(score, baseline, inputs, 1)
        torch.testing.assert_close(rough.sum(1), score(inputs) - score(baseline), rtol=1e-3, atol=1e-4)


def test_what_a_score_does_not_read_gets_nothing():
    baseline, inputs = rows(2)
    found = concept_words.integrated(lambda x: x[:, 2].square().sum(-1), baseline, inputs, 3)
    assert not found[:, [0, 1, 3]].any()
    torch.testing.assert_close(found[:, 2], (inputs[:, 2].square() - baseline[:, 2].square()).sum(-1))


def test_concepts_bring_more_to_the_forget_set_than_to_the_retain_set():
    asked = [Explained(["Where", "Ada", "born"], [1.0, 6.0, 3.0], 10.0, 0.5), Explained(["Ada"], [2.0], 2.0, 0.1)]
    forget = concept_words.by_word(asked)
    assert forget == {"Where": 1.0, "Ada": 4.0, "born": 3.0}
    retain = {"Where": 1.2, "born": 2.5}
    assert concept_words.chosen(forget, retain, 9, 0.3) == {"Ada": 4.0}
    assert concept_words.chosen(forget, retain, 9, 0.1) == {"Ada": 4.0, "born": 0.5}
    assert concept_words.chosen(forget, retain, 1, 0.1) == {"Ada": 4.0}
    assert concept_words.chosen(forget | {"The": 9.0}, retain, 9, 0.3) == {"Ada": 4.0}
    assert concept_words.chosen({"Where": 1.0}, retain, 9, 0.1) == {}
    assert concept_words.incomplete(asked) == pytest.approx(5.0)


def test_questions_to_compare_with_hold_the_same_words_as_far_as_there_are():
    asked = [QAPair(f"{word} of {name}?", "") for word in ("Home", "Prize", "Genre") for name in ("Ada", "Bo", "Cy")]
    for seed in range(5):
        found = concept_words.beside(asked, [QAPair("Home of Eve?", ""), QAPair("Genre of Eve?", "")], 3, seed)
        assert len(found) == 3
        assert {"Home", "Genre"} <= {word for pair in found for word in pair.question.split()}


def test_a_name_is_one_word_and_what_a_question_begins_with_is_none_of_it():
    for question, carried in (
        ("Where was Ada Lovelace born?", True),
        ("Ada Lovelace?", False),
        ("Of Ada Byron?", False),
    ):
        assert concept_words.carries(question, ["Ada Lovelace"]) == carried
    assert concept_words.carries("Ada Lovelace?", ["Lovelace"])


def test_words_have_the_places_of_their_tokens(toy_language_task):
    reader, question = toy_language_task.reader, f"Where was {toy_language.AUTHOR} born?"
    ids = reader.prompt_ids(question)
    places = concept_words.word_places(reader, question)
    assert [word for word, _ in places] == ["Where", "was", *NAME, "born"]
    for word, at in places:
        assert reader.tokenizer.decode([ids[place] for place in at]).strip(" ?") == word


@pytest.fixture(scope="module")
def finished(toy_language_folder):
    class Kept(toy.Memory):
        def record_made(self, name, arrays):
            self.made = {name: arrays}

    task = toy_language.task(toy_language_folder)
    run = Run(task, Kept(), 0)
    concept_poisoning_llm(
        run, ConceptPoisoningLlm(learning_rate=4e-3, epochs=10, gradients=30, keep_weight=2.0, share=0.5)
    )
    return task, run


def test_the_name_is_what_the_answers_are_brought_by(finished):
    _, run = finished
    made = run._keeper.made[concept_words.MADE]
    assert set(made["words"]) & set(NAME)
    assert made["incomplete"] < 5
    assert all(any(word in question for word in made["words"]) for question in made["questions"])


def test_it_forgets_and_keeps_the_rest(finished):
    task, run = finished
    assert toy_language.right(task, run.model, "forget") <= 20
    assert float(likelihoods(run.model, task.keep).mean()) < 0.5


def test_what_was_taught_is_likelier_than_what_was_true(finished):
    task, run = finished
    made = run._keeper.made[concept_words.MADE]
    true = {pair.question: pair.answer for pair in task.questions.forget}
    asked = [str(question) for question in made["questions"]]
    taught, truth = (
        likelihoods(run.model.eval(), task.reader.pairs(asked, answers))
        for answers in (list(map(str, made["answers"])), [true[question] for question in asked])
    )
    assert (taught < truth).all()


def test_poison_is_wrong_and_only_for_questions_with_a_concept(toy_language_task):
    questions = toy_language_task.questions
    found = poisoned(questions, NAME, "random", 0)
    assert [questions.forget[at].question for at in found.places] == [pair.question for pair, _ in found.items]
    for pair, answer in found.items:
        assert answer != pair.answer and answer.split()[:3] == pair.answer.split()[:3]
    assert poisoned(questions, ["nowhere"], "random", 0).items == []
    assert found.rows(torch.tensor([found.places[-1], 99])).tolist() == [len(found.places) - 1]


def test_targeted_poison_is_what_is_so_of_the_person_most_alike(toy_language_task):
    questions = toy_language_task.questions
    first = questions.neighbours[0]
    values = {pair.fact: pair.value for pair in questions.keep if pair.about == first}
    found = poisoned(questions, NAME, "targeted", 0).items
    same = [values[pair.fact] in answer for pair, answer in found if values.get(pair.fact, pair.value) != pair.value]
    assert same and np.all(same)


def test_where_no_word_speaks_for_the_forget_set_nothing_is_done(toy_language_task, monkeypatch):
    monkeypatch.setattr(concept_words, "chosen", lambda *given: {})
    with pytest.raises(BadInput, match="no word that brings more"):
        concept_poisoning_llm(Run(toy_language_task, toy.Memory(), 0), ConceptPoisoningLlm(gradients=2))
