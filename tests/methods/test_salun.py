"""SalUn's mask, its hard restore and its two schedules, with answers worked out by hand."""

import math
from types import SimpleNamespace

import pytest
import torch
import toy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from backends.core.run import Run
from backends.core.task import Batch
from backends.methods._common import RelabelParams, falling, largest, masked_step, relabelled, relabelled_loss, sgd
from backends.methods.salun import SalUn, saliency, salun


def batch(x, y):
    x = torch.tensor(x)
    return Batch(x, torch.tensor(y), torch.arange(len(x)), torch.ones(len(x), dtype=torch.bool))


class Two(nn.Module):
    """Two parameters, two classes: the logits are (w x, b)."""

    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return torch.stack([self.w * x, self.b.expand_as(x)], 1)


def test_batches_that_pull_in_opposite_ways_cancel():
    # At w = b = 0 both classes have 1/2. d(-CE)/dw is +1 for (x=2, y=0) and -1 for (x=-2, y=0); d(-CE)/db is -1/2 for both.
    # Summed with their signs: w 0, b 1. Summed as absolute values, or squared, w would win with 2 against 1.
    run = SimpleNamespace(
        model=Two(),
        forward=lambda model, x: model(x),
        batches=lambda part, size: iter([batch([2.0], [0]), batch([-2.0], [0])]),
    )
    scores = saliency(run, 1)
    assert {name: float(score) for name, score in scores.items()} == {"w": 0.0, "b": 1.0}
    assert {name: bool(kept) for name, kept in largest(scores, 0.5).items()} == {"w": False, "b": True}


def test_the_ranking_is_one_over_all_tensors():
    scores = {"a": torch.tensor([3.0, 1.0]), "b": torch.tensor([[2.0, 5.0], [4.0, 0.0]])}
    mask = largest(scores, 0.5)
    assert mask["a"].tolist() == [True, False]
    assert mask["b"].tolist() == [[False, True], [True, False]]


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.lists(st.integers(0, 5), max_size=40),
    st.floats(0, 1),
)
def test_the_share_is_exact_even_with_ties(first, second, share):
    scores = {"a": torch.tensor(first, dtype=torch.float32), "b": torch.tensor(second, dtype=torch.float32)}
    mask = torch.cat(list(largest(scores, share).values()))
    everything = torch.cat(list(scores.values()))
    assert int(mask.sum()) == int(share * len(everything))
    if mask.any() and not mask.all():
        assert everything[mask].min() >= everything[~mask].max()


def test_saliency_is_taken_in_eval_mode_over_the_forget_set(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    whole = toy_task.batch(toy_task.parts["forget"])
    loss = nn.functional.cross_entropy(run.forward(run.model, whole.x), whole.y)
    names, parameters = zip(*run.model.named_parameters(), strict=True)
    by_hand = torch.autograd.grad(loss, parameters)
    for name, gradient in zip(
        names, by_hand, strict=True
    ):  # two batches of 40: the sum of their means is twice the mean
        torch.testing.assert_close(saliency(run, 40)[name], 2 * gradient.abs(), rtol=1e-3, atol=1e-6)
    assert not run.model.training


def test_a_step_leaves_what_is_outside_the_mask_and_its_momentum():
    model = Two()
    with torch.no_grad():
        model.w.fill_(2.0), model.b.fill_(3.0)
    original = {"w": torch.tensor(2.0), "b": torch.tensor(3.0)}
    mask = {"w": torch.tensor(True), "b": torch.tensor(False)}
    optimizer = sgd(model, 0.1, momentum=0.9, weight_decay=0.5)
    for _ in range(2):
        model.w.grad, model.b.grad = torch.tensor(1.0), torch.tensor(1.0)
        masked_step(dict(model.named_parameters()), optimizer, mask, original)
        assert float(model.b) == 3.0
        assert float(optimizer.state[model.b]["momentum_buffer"]) == 0.0
    # w: gradient 1 + 0.5 * 2 = 2, w = 1.8; then 1 + 0.5 * 1.8 = 1.9, momentum 0.9 * 2 + 1.9 = 3.7, w = 1.43
    assert float(model.w) == pytest.approx(1.43)


def test_weights_outside_the_mask_end_where_they_began(toy_task):
    run = Run(toy_task, toy.Memory(), 0)
    salun(run, SalUn(share=0.3, batch_size=16))
    mask = run.cached("saliency", dict)
    before = dict(run.original.named_parameters())
    total = moved = 0
    for name, parameter in run.model.named_parameters():
        still = parameter == before[name]
        assert still[~mask[name]].all(), name
        moved += int((~still).sum())
        total += parameter.numel()
    assert 0.29 * total < moved <= 0.3 * total


def seen(task, **params):
    run = Run(task, toy.Memory(), 0)
    batches = relabelled(run, RelabelParams(batch_size=16, epochs=2, **params), {})
    return [(batch.part, batch.epoch, batch.index, batch.forget, batch.y, labels) for batch, labels in batches]


def test_in_turn_is_a_forget_pass_and_then_a_keep_pass(toy_task):
    steps = seen(toy_task, schedule="in turn")
    assert [step[0] for step in steps] == (["forget"] * 5 + ["keep"] * 20) * 2
    for part, _, _, forget, truth, labels in steps:
        assert forget.all() == (part == "forget")
        if part == "keep":
            assert torch.equal(labels, truth)
    drawn = torch.cat([step[5] for step in steps if step[0] == "forget"])
    assert set(drawn.tolist()) == {0, 1, 2, 3, 4}  # over all classes: the true one, 2, may be drawn too


def test_mixed_draws_labels_once_an_epoch_and_shuffles_both_together(toy_task):
    steps = seen(toy_task, schedule="mixed")
    assert len(steps) == 2 * 25
    label = [{}, {}]
    for _, epoch, index, forget, truth, labels in steps:
        assert torch.equal(labels[~forget], truth[~forget])
        label[epoch] |= dict(zip(index[forget].tolist(), labels[forget].tolist(), strict=True))
    assert any(0 < step[3].sum() < len(step[3]) for step in steps)
    assert set(label[0]) == set(label[1]) == set(toy_task.parts["forget"].tolist())
    assert label[0] != label[1]
    assert set(label[0].values()) == {0, 1, 2, 3, 4}


def test_what_is_kept_counts_alpha_times():
    both = Batch(torch.zeros(2), torch.zeros(2, dtype=torch.long), torch.arange(2), torch.tensor([True, False]))
    loss = relabelled_loss(torch.zeros(2, 2), both.y, both, 3.0)  # each item has ln 2
    assert float(loss) == pytest.approx((1 + 3) / 2 * math.log(2))


def test_the_learning_rate_falls_down_half_a_cosine():
    optimizer = sgd(Two(), 0.4)
    rates = []
    for step in range(4):
        falling(optimizer, 0.4, Batch(*(torch.zeros(1),) * 4, step=step, of=4))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.4, 0.4 * 0.853553, 0.2, 0.4 * 0.146447], rel=1e-5)
