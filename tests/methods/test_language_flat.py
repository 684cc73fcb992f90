"""FLAT: its four losses by hand, the probability they meet, and what it does to the toy."""

import math
from types import SimpleNamespace

import pytest
import torch
import toy
import toy_language

from backends.core import registry
from backends.core.run import Run
from backends.families.language.tokens import Texts
from backends.methods.flat import LOSSES, flat_loss, probability

REFUSAL, ANSWER = 0.3, 0.8


def sigma(x):
    return 1 / (1 + math.exp(-x))


def softplus(x):
    return math.log(1 + math.exp(x))


# (loss, its slope by P_e, its slope by P_f)
BY_HAND = {
    "KL": (-REFUSAL + math.exp(ANSWER - 1), -1, math.exp(ANSWER - 1)),
    "TV": (
        -math.tanh(REFUSAL) / 2 + math.tanh(ANSWER) / 2,
        -1 / (2 * math.cosh(REFUSAL) ** 2),
        1 / (2 * math.cosh(ANSWER) ** 2),
    ),
    "JS": (softplus(-REFUSAL) + softplus(ANSWER) - 2 * math.log(2), -sigma(-REFUSAL), sigma(ANSWER)),
    "Pearson": (-REFUSAL + ANSWER**2 / 4 + ANSWER, -1, 1 + ANSWER / 2),
}


@pytest.mark.parametrize("divergence", BY_HAND)
def test_loss_and_weights_are_those_of_the_divergence(divergence):
    refusal, answer = (torch.tensor([share], dtype=torch.float64, requires_grad=True) for share in (REFUSAL, ANSWER))
    loss = flat_loss(refusal, answer, divergence)
    loss.backward()
    found = (loss.item(), refusal.grad.item(), answer.grad.item())
    assert found == pytest.approx(BY_HAND[divergence], abs=1e-6)


def test_the_loss_is_a_mean_over_pairs():
    """Each pair goes through g and f* by itself: the mean of the losses, not the loss of the means."""
    refusal, answer = torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0])
    assert flat_loss(refusal, answer, "KL").item() == pytest.approx((math.exp(-1) + 1) / 2, abs=1e-6)


def test_every_divergence_has_its_loss():
    assert set(registry.get("methods", "flat").entry.params["properties"]["divergence"]["enum"]) == set(LOSSES)


class Says:
    """A model that gives the same three probabilities at every place."""

    def __call__(self, input_ids, attention_mask):
        return SimpleNamespace(logits=torch.tensor([0.5, 0.3, 0.2]).log().expand(*input_ids.shape, 3))


def test_probability_is_a_mean_over_the_tokens_of_the_answer_alone():
    texts = Texts(
        ids=torch.tensor([[0, 1, 2, 0], [2, 0, 1, 1]]),
        labels=torch.tensor([[-100, 1, 2, 0], [-100, -100, 1, -100]]),
        mask=torch.ones(2, 4, dtype=torch.long),
    )
    assert probability(Says(), texts).tolist() == pytest.approx([(0.3 + 0.2 + 0.5) / 3, 0.3], abs=1e-6)


@pytest.mark.parametrize("divergence", BY_HAND)
def test_the_true_answer_falls_and_the_other_rises(toy_language_task, divergence):
    task, chosen = toy_language_task, registry.get("methods", "flat")
    run = Run(task, toy.Memory(), 0)
    asked = [pair.question for pair in task.questions.forget]
    wanted = task.reader.pairs(asked, ["The capital of France is Paris."] * len(asked))
    given = {
        "epochs": 15,
        "learning_rate": 1e-3,
        "divergence": divergence,
        "instead": "The capital of France is Paris.",
    }
    chosen.function(run, chosen.parse(given))
    with torch.no_grad():
        before, after = ([probability(model, texts).mean() for texts in (task.forget, wanted)]
                         for model in (run.original, run.model))  # fmt: skip
    assert after[0] < 0.5 * before[0] and after[1] > before[1]
    assert toy_language.right(task, run.model, "forget") <= 20


def test_it_never_looks_at_what_is_kept_nor_at_the_model_before(toy_language_task):
    task, chosen = toy_language_task, registry.get("methods", "flat")
    run = Run(task, toy.Memory(), 0)
    task.keep = range(5)  # rows that no model can read
    run.original = None
    chosen.function(run, chosen.parse({"epochs": 1}))
