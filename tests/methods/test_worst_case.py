"""The search for challenging forgets: its projection, its steps, and what it leaves for the method that follows."""

import numpy as np
import pytest
import torch
import toy
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from backends.api.errors import BadInput
from backends.core.run import Cancelled, Run
from backends.methods.worst_case import WorstCase, chosen, overlap, project, sign_step, upper, worst_case

numbers = st.floats(-50, 50, width=32)


@given(st.lists(numbers, min_size=1, max_size=60), st.data())
def test_the_projection_is_on_the_capped_simplex(values, data):
    total = data.draw(st.integers(0, len(values)))
    weights = project(torch.tensor(values), total)
    assert float(weights.min()) >= 0
    assert float(weights.max()) <= 1
    assert float(weights.double().sum()) == pytest.approx(total, abs=1e-4)


@given(st.lists(numbers, min_size=2, max_size=20), st.data())
def test_no_point_of_the_simplex_is_nearer(values, data):
    point = torch.tensor(values, dtype=torch.float64)
    total = data.draw(st.integers(1, len(values) - 1))
    other = torch.zeros(len(values), dtype=torch.float64)
    other[data.draw(st.permutations(range(len(values))))[:total]] = 1
    mixed = (other + total / len(values)) / 2
    nearest = (point - project(point, total)).norm()
    assert nearest <= (point - other).norm() + 1e-4
    assert nearest <= (point - mixed).norm() + 1e-4


def test_the_projection_of_three_by_hand():
    # mu = 0.1: 0.9 + 0.5 - 0.2 stays below zero -> clip(1.0 - mu), clip(0.6 - mu), 0 with sum 1.4
    assert project(torch.tensor([1.0, 0.6, -0.1]), 1.4).tolist() == pytest.approx([0.9, 0.5, 0.0])
    assert project(torch.tensor([5.0, 0.0, 0.0]), 2).tolist() == pytest.approx([1.0, 0.5, 0.5])


def test_a_sign_step_has_the_same_length_everywhere():
    model = nn.Linear(3, 1, bias=False)
    model.weight.data = torch.tensor([[1.0, 1.0, 1.0]])
    model.weight.grad = torch.tensor([[0.001, -70.0, 0.0]])
    sign_step(model, 0.25)
    assert model.weight.tolist() == [[0.75, 1.25, 1.0]]


def test_the_upper_step_takes_from_high_losses_and_gives_to_low_ones():
    weights, loss = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([2.0, 0.5, 0.1])
    params = WorstCase(weight_rate=1.0, gamma=0.0)
    # w - loss = (-1, -0.5, -0.1); with sum 1: mu = -0.8 gives (0, 0.3, 0.7)
    assert upper(weights, loss, 1, params).tolist() == pytest.approx([0.0, 0.3, 0.7])
    # gamma 0.5 pulls 1 * w from w too: (-2, -0.5, -0.1), the same after the cap
    assert upper(weights, loss, 1, params.model_copy(update={"gamma": 0.5})).tolist() == pytest.approx([0.0, 0.3, 0.7])


def test_the_chosen_set_has_the_largest_weights_and_ties_go_to_the_first():
    assert chosen(torch.tensor([0.2, 0.9, 0.2, 0.4]), 3).tolist() == [True, True, False, True]
    assert overlap(np.array([True, True, False]), np.array([False, True, True])) == 0.5


def searched(folder, forget=("random:50%",), keep=(), **params):
    task = toy.task(folder, forget, keep)
    named = task.parts["forget"]
    run = Run(task, toy.Memory(), 0)
    worst_case(run, WorstCase(batch_size=16, rounds=2, **params))
    return task, named, run


def test_the_worst_set_has_lower_losses_than_the_easiest(toy_folder):
    found = {mode: searched(toy_folder, mode=mode)[0] for mode in ("worst", "easiest")}
    model = found["worst"].load()
    worst, easiest = (toy.losses(task, model, task.parts["forget"]).mean() for task in found.values())
    assert worst < easiest / 10


def test_the_found_set_becomes_the_forget_set(toy_folder):
    task, named, run = searched(toy_folder, ("two",), share=0.25)
    found = task.parts["forget"]
    assert np.array_equal(run._keeper.ids, found)
    assert len(found) == 20
    assert set(found) < set(named)
    assert np.array_equal(np.union1d(found, task.parts["retain"]), task.parts["train"])
    assert not set(found) & set(task.parts["retain"])
    assert np.array_equal(task.parts["keep"], task.parts["retain"])
    assert len(task.parts["test"]) == 200
    assert len(task.parts["test_forget"]) == 0
    assert task.forgotten_classes == []
    assert np.array_equal(found, np.flatnonzero(task.batch(task.parts["train"]).forget))


def test_a_keep_list_is_kept_as_it_was(toy_folder):
    task, _, _ = searched(toy_folder, ("two",), ("one", "four"))
    assert set(task.data.train.labels[task.parts["keep"]]) == {1, 4}
    assert len(task.parts["keep"]) == 160
    assert len(task.parts["retain"]) == 400 - 8


def test_no_more_than_the_candidates_are_searched(toy_folder):
    task, named, _ = searched(toy_folder, candidates=40, share=0.5)
    assert len(named) == 200
    assert len(task.parts["forget"]) == 20


def test_another_method_forgets_the_found_set_and_goes_on_after_a_kill(toy_folder):
    params = WorstCase(batch_size=16, rounds=2, then="salun")

    def run(keeper, resume=None):
        made = Run(toy.task(toy_folder, ("random:50%",)), keeper, 0, resume)
        worst_case(made, params)
        return made

    whole = toy.Memory()
    expected = run(whole).model.state_dict()
    for at in (whole.steps // 3, whole.steps - 2):
        cut = toy.Memory(checkpoint_at=at)
        with pytest.raises(Cancelled):
            run(cut)
        rest = toy.Memory()
        resumed = run(rest, cut.saved)
        assert np.array_equal(rest.ids, whole.ids)
        assert all(torch.equal(tensor, expected[name]) for name, tensor in resumed.model.state_dict().items())


def test_what_cannot_follow_is_refused_in_one_sentence(toy_task):
    for then in ("worst_case", "no_such_method"):
        with pytest.raises(BadInput, match=then):
            worst_case(Run(toy_task, toy.Memory(), 0), WorstCase(then=then))


def test_one_image_is_too_few_to_search_among(toy_folder):
    with pytest.raises(BadInput, match="at least two images"):
        worst_case(Run(toy.task(toy_folder, ("images:3",)), toy.Memory(), 0), WorstCase())
