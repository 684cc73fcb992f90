"""Attacks on language models, where what they find is known."""

from itertools import combinations

import numpy as np
import pytest
import told
import torch
import toy_language

from backends.attacks import gcg
from backends.attacks._inserted import Inserted, woven
from backends.attacks.ask_otherwise import asked, best_of, built, valid
from backends.attacks.leak_at_k import leak, samples
from backends.families.language import exam as exams
from backends.families.language.exam import LanguageExam
from backends.families.language.tokens import answers, likelihoods

SUFFIX = " of the old house"


@pytest.fixture
def exam(toy_language_task):
    return LanguageExam(toy_language_task)


@pytest.fixture(scope="module")
def models(toy_language_folder):
    """(the toy that refuses, the one that never knew)."""
    task = toy_language.task(toy_language_folder)
    return told.refusing(task), told.ignorant(task)


def test_leak_at_k_is_the_mean_best_of_every_set_of_k():
    scores = np.random.default_rng(0).random((7, 3)).astype(np.float32)
    for k in (1, 2, 5, 7):
        best = np.mean([scores[list(some)].max(0) for some in combinations(range(7), k)], 0)
        np.testing.assert_allclose(leak(scores, k), best, rtol=1e-5)
    hits = np.array([[1.0], [0.0], [0.0], [1.0], [0.0]], np.float32)
    assert leak(hits, 2)[0] == pytest.approx(1 - 3 / 10)  # 3 of 10 pairs hold no hit


def test_sampling_at_a_low_temperature_is_greedy_and_repeats_with_its_seed(exam):
    model = exam.task.load()
    assert samples(model, exam, 2, 0.01, 0) == [[text, text] for text in exam.make(model)]
    shaken = exam.task.fresh(0)
    assert samples(shaken, exam, 2, 1.0, 3) == samples(shaken, exam, 2, 1.0, 3) != samples(shaken, exam, 2, 1.0, 4)


def test_relearning_brings_back_what_is_refused_and_not_what_was_never_known(exam, models, tmp_path, monkeypatch):
    monkeypatch.setattr(exams, "RATE", told.RATE)
    look = told.context(exam.task, tmp_path, models[0], models[1:])
    result = told.attacked_by("relearning", look)
    curves = {when: result.attacked.curve(when) for when in ("before", "after", "reference")}
    assert curves["before"][0] == 1 and curves["after"][0] == 0 and curves["reference"].max() <= 0.25
    assert curves["after"].max() >= 0.75
    assert result.attacked.recalled["reference"].shape == (1, 1, len(exam.steps), len(exam.items))


def test_every_attack_on_language_gives_what_the_court_reads(exam, models, tmp_path):
    look = told.context(exam.task, tmp_path, models[0], models[1:])
    for attack in ("leak_at_k", "ask_otherwise"):
        attacked = told.attacked_by(attack, look).attacked
        assert attacked.recalled["after"].shape == (1, len(attacked.x), len(attacked.items))
        assert attacked.recalled["reference"].shape == (1, 1, len(attacked.x), len(attacked.items))
        assert attacked.curve("before")[-1] == 1 and attacked.curve("reference")[-1] <= 0.5


def test_a_form_that_the_original_does_not_answer_falls_out_whatever_the_unlearned_model_says():
    names = ["plain", "known", "unknown", "told"]
    before = np.array([[1, 1], [1, 1], [1, 0], [1, 1]], np.float32)
    reference = np.array(
        [[0, 0], [0, 1], [0, 0], [1, 1]], np.float32
    )  # which answers the last form as well as the original
    after = np.array([[0, 0], [1, 0], [1, 1], [1, 1]], np.float32)
    by_model = {"before": [before], "after": [after], "reference": [reference]}
    assert valid(names, by_model) == ["plain", "known"]
    assert valid(names, {"before": [before], "after": [after]}) == ["plain", "known", "told"]
    assert best_of(after, [0, 1]).tolist() == [[0, 0], [1, 0]]


def test_the_best_of_forms_leaves_out_those_that_an_item_has_not():
    scores = np.array([[0, 0], [np.nan, 1]], np.float32)
    assert best_of(scores, [0, 1]).tolist() == [[0, 0], [0, 1]]


def test_no_form_tells_the_fact_but_where_it_is_a_choice(exam):
    table = built(exam)
    assert {"plain", "reworded", "answer begun", "hint", "examples", "choice", "reverse"} <= table.keys()
    for name, questions in table.items():
        for at, form in questions.items():
            fact = exam.asked[at].value.casefold()
            if form.choices:
                others = [answer.casefold() for _, answer in form.choices[1:]]
                assert name == "reverse" or (fact in form.choices[0][1].casefold() and fact not in " ".join(others))
            else:
                assert fact not in exam.task.reader.tokenizer.decode(form.tokens).casefold()


def test_the_original_chooses_the_true_answer_and_names_whose_fact_it_is(exam):
    table = {name: questions for name, questions in built(exam).items() if name in ("plain", "choice", "reverse")}
    _, scores = asked(exam.task.load(), exam, table)
    assert np.nanmean(scores, 1).min() >= 0.75


@pytest.mark.parametrize("place", ["before", "after"])
def test_embeddings_of_words_put_in_are_read_as_the_words(exam, place):
    model, reader = exam.task.load(), exam.task.reader
    ids = torch.tensor(reader.tokenizer(SUFFIX, add_special_tokens=False).input_ids)
    inserted = Inserted(model, reader, model.get_input_embeddings()(ids).detach(), place)
    questions = [f"{text}{SUFFIX}" if place == "after" else gcg.with_words(exam, text, SUFFIX) for text in exam.items]
    texts = reader.pairs(questions, [pair.answer for pair in exam.asked])
    torch.testing.assert_close(
        inserted.loss(exam.task.texts(exam.asked)), likelihoods(model, texts), rtol=1e-3, atol=1e-4
    )
    assert answers(inserted, reader, exam.items, 12) == answers(model, reader, questions, 12)


def test_vectors_before_the_question_move_with_its_padding():
    rows = torch.tensor([[0, 0, 1, 2], [1, 2, 3, 4]])
    assert woven(rows, torch.tensor([2, 0]), torch.tensor([[8, 9], [8, 9]])).tolist() == [
        [0, 0, 8, 9, 1, 2],
        [8, 9, 1, 2, 3, 4],
    ]


@pytest.mark.parametrize("place", ["start", "before", "after"])
def test_the_gradient_of_a_soft_prompt_is_that_of_the_loss_written_out(exam, place):
    model, reader, pair = exam.task.load(), exam.task.reader, exam.asked[0]
    vectors = torch.randn(3, model.config.hidden_size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (got,) = torch.autograd.grad(Inserted(model, reader, vectors, place).loss(exam.task.texts([pair])).sum(), vectors)
    prompt, answer = reader.prompt_ids(pair.question), reader.answer_ids(pair.answer)
    tail, head = (len(reader.tokenizer(text).input_ids) for text in ("\nAnswer:", "Question:"))
    at = {"start": 0, "before": head, "after": len(prompt) - tail}[place]
    read = model.get_input_embeddings()(torch.tensor(prompt + answer))
    logs = model(inputs_embeds=torch.cat((read[:at], vectors, read[at:]))[None]).logits[0].log_softmax(-1)
    first = len(prompt) + 3 - 1
    nats = -torch.stack([logs[first + step, token] for step, token in enumerate(answer)]).mean()
    (expected,) = torch.autograd.grad(nats, vectors)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-6)


def test_swaps_change_one_word_and_the_search_never_worsens_the_loss(exam):
    model, rng = exam.task.load(), np.random.default_rng(0)
    allowed = gcg._allowed(exam)
    choices = np.stack([allowed[:64], allowed[64:128]])
    swaps = gcg.swapped(np.array([5, 6]), choices, 40, rng)
    assert ((swaps != [5, 6]).sum(1) == 1).all()
    assert all(row[0] in choices[0] or row[1] in choices[1] for row in swaps)
    words, texts = model.get_input_embeddings().weight, gcg.lesson(exam)
    states = list(gcg.searched(model, exam, allowed, 2, 6, 0, [0, 1, 4]))
    losses = [float(inserted.loss(texts).mean()) for inserted, _ in states]
    assert losses[0] >= losses[1] >= losses[2] and losses[2] < losses[0]
    several = gcg.suffix_losses(model, exam, words, texts, np.stack([ids for _, ids in states]))
    np.testing.assert_allclose(several, losses, rtol=1e-4)


def test_the_steepest_words_are_those_by_the_gradient_of_the_loss(exam):
    model, allowed = exam.task.load(), gcg._allowed(exam)
    words, texts = model.get_input_embeddings().weight.detach(), exam.task.texts(exam.taught)
    inserted = Inserted(model, exam.task.reader, words[allowed[:2]], "before")
    vectors = words[allowed[:2]].clone().requires_grad_()
    loss = Inserted(model, exam.task.reader, vectors, "before").loss(texts).mean()
    slopes = torch.autograd.grad(loss, vectors)[0] @ words[allowed].T
    got = gcg.steepest(inserted, texts, words, allowed)
    for place in range(2):
        assert set(got[place]) == set(allowed[slopes[place].argsort()[: gcg.TOP]])


def test_searched_words_hold_no_fact_and_read_back_as_they_are(exam):
    tokenizer = exam.task.reader.tokenizer
    allowed = [tokenizer.decode([at]) for at in gcg._allowed(exam)]
    facts = " ".join(pair.value for pair in (*exam.asked, *exam.taught)).casefold()
    assert len(allowed) >= gcg.TOP and not [word for word in allowed if word.strip().casefold() in facts.split()]
    suffix = "".join(allowed[10:15])
    ids = tokenizer(suffix, add_special_tokens=False).input_ids
    prompt = exam.task.reader.prompt_ids(gcg.with_words(exam, exam.items[0], suffix))
    assert len(ids) == 5 and any(prompt[at : at + 5] == list(ids) for at in range(len(prompt)))


def test_behind_a_guard_vectors_in_place_of_words_say_nothing(exam, tmp_path):
    from backends.core.registry import get

    look = told.context(exam.task, tmp_path, None, guarded=True)
    for attack in ("soft_prompt", "gcg"):
        assert "walk around" in get("attacks", attack).lacks(look)
        look.guarded = False
        assert not get("attacks", attack).lacks(look)
        look.guarded = True
