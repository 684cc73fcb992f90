"""States of one model in another, and the Unlearning Depth Score that is made of them."""

import numpy as np
import pytest
import told
import torch
import toy_language

from backends.attacks.unlearning_depth import depth, spoiled
from backends.families.language.exam import LanguageExam
from backends.families.language.patching import drops, fact_places, fact_span, log_likelihoods, outputs


@pytest.fixture(scope="module")
def task(toy_language_folder):
    return toy_language.task(toy_language_folder)


@pytest.fixture(scope="module")
def sibling(toy_language_folder):
    """A model that lost the facts and still keeps everything in the directions of the original."""
    return toy_language.forgotten(toy_language_folder)


def test_the_score_is_a_mean_over_the_layers_that_encode_weighed_by_what_they_hold():
    baseline = np.array([[1.0, 0.01], [3.0, 0.04], [0.04, 0.0]])
    one = depth(np.array([[0.5, 1.0], [4.0, 1.0], [9.0, 1.0]]), baseline)
    assert one.score[0] == pytest.approx((1 * 0.5 + 3 * 1) / 4) and np.isnan(one.score[1])
    assert one.layers.tolist() == [2, 0]
    assert depth(np.array([[-1.0], [0.0]]), np.array([[1.0], [1.0]])).score.tolist() == [0.0]


def test_what_kept_facts_lose_is_told_as_a_share_of_what_the_forgotten_lose():
    assert spoiled(np.array([[2.0, 4.0, 1.5]]), 2) == pytest.approx(0.5)
    assert np.isnan(spoiled(np.array([[2.0]]), 1))


def test_the_tokens_of_a_fact_spell_it(task):
    for pair in task.questions.forget:
        ids = task.reader.tokenizer(f"{task.reader.space}{pair.answer}", add_special_tokens=False).input_ids
        assert pair.value in task.reader.tokenizer.decode([ids[at] for at in fact_span(task, pair)])


def test_likelihoods_are_those_by_hand(task):
    model, pair = task.load(), task.questions.forget[0]
    prompt = task.reader.prompt_ids(pair.question)
    answer = task.reader.answer_ids(pair.answer)
    logs = model(torch.tensor([[*prompt, *answer]])).logits[0].log_softmax(-1).detach()
    wanted = [float(logs[len(prompt) + at - 1, answer[at]]) for at in fact_span(task, pair)]
    both = fact_places(task, [pair, task.questions.keep[0]])
    assert log_likelihoods(model, both)[0] == pytest.approx(np.mean(wanted), abs=1e-4)


def test_a_models_own_states_cost_nothing_and_the_last_layers_make_it_the_other_model(task, sibling):
    model = task.load()
    about = fact_places(task, task.questions.forget)
    np.testing.assert_allclose(drops(model, about, outputs(model, about)), 0, atol=1e-5)
    for module in ("norm", "embed_tokens"):  # what reads the last states
        getattr(sibling.model, module).load_state_dict(getattr(model.model, module).state_dict())
    last = outputs(sibling, about)[-1]
    np.testing.assert_allclose(
        log_likelihoods(model, about, len(model.model.layers) - 1, last), log_likelihoods(sibling, about), atol=1e-3
    )


def test_the_original_is_intact_the_reference_as_deep_as_itself_and_what_lies_between_between(task, sibling, tmp_path):
    original = task.load()
    between = task.load()
    with torch.no_grad():
        for name, weight in between.state_dict().items():
            weight.copy_(original.state_dict()[name] + 0.5 * (sibling.state_dict()[name] - original.state_dict()[name]))
    scores = []
    for place, after in enumerate((original, between, sibling)):
        look = told.context(task, tmp_path / str(place), after, [sibling])
        look.__dict__["exam"] = LanguageExam(task)
        found = told.attacked_by("unlearning_depth", look).attacked
        assert not found.void and not found.counts
        scores.append(found.budget["UDS"])
        assert found.recalled["after"].mean() == pytest.approx(1 - scores[-1], abs=1e-3)
        assert found.recalled["before"].min() == 1 and found.recalled["reference"].max() == 0
    assert scores[0] == pytest.approx(0, abs=1e-3) and scores[2] == pytest.approx(1, abs=1e-3)
    assert 0.02 < scores[1] < 0.98


def test_states_of_other_first_weights_do_not_fit_and_the_test_is_void(task, sibling, tmp_path):
    look = told.context(task, tmp_path, sibling, [told.ignorant(task)])
    found = told.attacked_by("unlearning_depth", look).attacked
    assert "do not fit" in found.void
