"""The losses of the language methods on cases worked out by hand."""

import math
from types import SimpleNamespace

import pytest
import torch

from backends.families.language.tokens import Texts, mean_nll, nll
from backends.methods._language import divergence, dpo_loss, npo_loss, simnpo_loss


def sigma(x):
    return 1 / (1 + math.exp(-x))


class Says:
    """A model that gives the same three probabilities at every place."""

    def __init__(self, *shares):
        self.logits = torch.tensor(shares).log()

    def __call__(self, input_ids, attention_mask):
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, 3))


def test_the_likelihood_of_an_answer_is_summed_over_its_own_tokens():
    texts = Texts(
        ids=torch.tensor([[0, 1, 2], [2, 0, 0]]),
        labels=torch.tensor([[-100, 1, 2], [-100, 0, -100]]),
        mask=torch.ones(2, 3, dtype=torch.long),
    )
    lost, count = nll(Says(0.5, 0.25, 0.25), texts)
    assert lost.tolist() == pytest.approx([2 * math.log(4), math.log(2)]) and count.tolist() == [2, 1]
    assert float(mean_nll(Says(0.5, 0.25, 0.25), texts)) == pytest.approx(5 * math.log(2) / 3)


def test_npo_starts_as_gradient_ascent_and_lets_go():
    now, before = torch.tensor([3.0, 13.0], requires_grad=True), torch.tensor([3.0, 3.0])
    loss = npo_loss(now, before, 0.5)
    by_hand = -(2 / 0.5) * (math.log(sigma(0)) + math.log(sigma(0.5 * 10))) / 2
    assert loss.item() == pytest.approx(by_hand, abs=1e-6)
    loss.backward()
    weights = (-2 * now.grad).tolist()  # of two answers, each counts half
    assert weights == pytest.approx([1.0, 2 * sigma(-5)], abs=1e-6)


def test_simnpo_knows_no_model_before():
    now = torch.tensor([0.5, 2.0])
    by_hand = -(2 / 2.5) * (math.log(sigma(2.5 * 0.25)) + math.log(sigma(2.5 * 1.75))) / 2
    assert simnpo_loss(now, 2.5, 0.25).item() == pytest.approx(by_hand, abs=1e-6)


def test_dpo_weighs_what_is_wanted_against_what_is_not():
    chosen, chosen_before, rejected, rejected_before = (torch.tensor([x]) for x in (4.0, 6.0, 9.0, 5.0))
    by_hand = -(2 / 0.1) * math.log(sigma(0.1 * ((6 - 4) - (5 - 9))))
    assert dpo_loss(chosen, chosen_before, rejected, rejected_before, 0.1).item() == pytest.approx(by_hand, abs=1e-6)


def test_divergence_is_that_of_distributions_where_it_is_marked():
    before, after = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log(), torch.tensor([[0.25, 0.75], [0.1, 0.9]]).log()
    where = torch.tensor([[True, False]])
    by_hand = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    shifted = before[None] + 3.0  # logits are known up to a constant only
    assert divergence(shifted, after[None], where).item() == pytest.approx(by_hand, abs=1e-6)
