"""ECO, ULD, neuron adjust, key space detection, ICUL and Needle on the toy, and their maths by hand."""

import math

import pytest
import torch
import toy
import toy_language

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.pack import changed
from backends.core.run import Cancelled, Run, restore
from backends.families.language.concept_vectors import concepts, find
from backends.methods.eco import fit, zeroth_order_step
from backends.methods.key_space_detection import box, inside
from backends.methods.needle import mask
from backends.methods.neuron_adjust import mean_and_std, top_units
from backends.methods.uld import mean_token_nll, uniform_kl

TOY = {
    "eco": {"noise": 2.0, "steps": 3},
    "uld": {"epochs": 40, "learning_rate": 3e-3, "layers": 2, "weight": 2.0},
    "neuron_adjust": {"share": 30},
    "key_space_detection": {},
    "icul": {},
}


def done(task, name, keeper=None, resume=None, seed=0, **params):
    run = Run(task, keeper or toy.Memory(), seed, resume)
    chosen = registry.get("methods", name)
    chosen.function(run, chosen.parse(TOY.get(name, {}) | params))
    return run


def rights(task, model):
    return {role: toy_language.right(task, model, role) for role in ("forget", "neighbour", "unrelated")}


@pytest.mark.parametrize("name", TOY)
def test_a_guard_forgets_changes_no_weight_and_is_restored(toy_language_task, name):
    run = done(toy_language_task, name)
    found = rights(toy_language_task, run.model)
    assert found["forget"] <= 40
    if name in ("eco", "key_space_detection"):  # the toy cannot tell whose question it is by single units or examples
        assert found["neighbour"] >= 80 and found["unrelated"] >= 80
    new = changed(run.model.state_dict(), run.original.state_dict())
    assert new and all(key.startswith(f"guard_{name}.") for key in new)
    fresh = toy_language_task.load()
    restore(fresh, new)
    assert rights(toy_language_task, fresh) == found


@pytest.mark.parametrize("name", ["eco", "uld", "needle"])
def test_it_goes_on_from_the_middle_to_the_same(toy_language_task, name):
    short = {"uld": {"epochs": 3}, "needle": {"epochs": 4}}.get(name, {})
    keeper = toy.Memory()
    whole = done(toy_language_task, name, keeper, **short).model.state_dict()
    cut = toy.Memory(checkpoint_at=keeper.steps - 1)
    with pytest.raises(Cancelled):
        done(toy_language_task, name, cut, **short)
    rest = done(toy_language_task, name, resume=cut.saved, **short).model.state_dict()
    assert whole.keys() == rest.keys() and all(torch.equal(whole[key], rest[key]) for key in whole)


@pytest.mark.parametrize("how", ["noise", "zero"])
def test_needle_changes_its_columns_and_nothing_else(toy_language_task, how):
    run = done(toy_language_task, "needle", columns=4, how=how)
    (words,) = concepts(toy_language_task.questions.forget).values()
    best = find(run.original, toy_language_task.reader, words, 4)
    new = changed(run.model.state_dict(), run.original.state_dict())
    assert new.keys() == {f"model.layers.{layer}.mlp.down_proj.weight" for layer, _, _ in best}
    before = run.original.state_dict()
    moved = {
        (int(name.split(".")[2]), int(column))
        for name, weight in new.items()
        for column in (weight != before[name]).any(0).nonzero()
    }
    assert moved == {(layer, column) for layer, column, _ in best}
    if how == "zero":
        assert all(not new[f"model.layers.{layer}.mlp.down_proj.weight"][:, at].any() for layer, at, _ in best)


def test_needle_forgets(toy_language_task):
    run = done(toy_language_task, "needle", columns=4, epochs=20)
    assert toy_language.right(toy_language_task, run.model, "forget") <= 40


def test_a_mask_marks_the_columns_of_its_layer():
    assert mask(torch.nn.Linear(3, 2), [(0, 1), (1, 0), (1, 2)], 1).tolist() == [[1, 0, 1], [1, 0, 1]]


def test_the_classifier_tells_two_clouds_apart_and_both_sides_count_the_same():
    draw = torch.Generator().manual_seed(0)
    keep = torch.randn(200, 3, generator=draw) + torch.tensor([10.0, 0.0, 0.0])
    forget = torch.randn(10, 3, generator=draw) + torch.tensor([16.0, 0.0, 0.0])
    weight, bias = fit(forget, keep, 0.01)
    assert (forget @ weight + bias > 0).all() and (keep @ weight + bias < 0).float().mean() > 0.97
    again, moved = fit(forget, keep.repeat(20, 1), 0.01)  # twenty times as many say nothing new
    torch.testing.assert_close(again, weight, rtol=0.02, atol=0.02)
    torch.testing.assert_close(moved, bias, rtol=0.02, atol=0.02)


def test_a_step_of_sigma_by_hand():
    # m(s) = s^2: (3^2 - 1^2) / 2 = 4 at 2 with eps 1
    assert zeroth_order_step(2.0, 1.0, 0.25, 0.5, lambda sigma: sigma**2) == pytest.approx(2 - 0.25 * 4, abs=1e-6)
    # below 0 it is asked at 1e-8, and sigma never falls below where it began
    assert zeroth_order_step(0.5, 1.0, 100.0, 0.5, lambda sigma: sigma) == 0.5
    assert zeroth_order_step(0.7, 1.0, 0.1, 0.5, lambda sigma: sigma) == pytest.approx(0.7 - 0.1 * 1.7 / 2, abs=1e-6)


def test_the_units_that_rise_most_with_their_sign():
    layer, unit = top_units(torch.tensor([[0.1, -9.0, 3.0], [2.0, 0.0, 5.0]]), 50)
    assert list(zip(layer.tolist(), unit.tolist(), strict=True)) == [(0, 2), (1, 0), (1, 2)]
    assert len(top_units(torch.zeros(2, 3), 1)[0]) == 1


def test_spreads_are_standard_deviations():
    values = torch.tensor([1.0, 3.0, 8.0], dtype=torch.float64)
    mean, std = mean_and_std(torch.stack([torch.tensor(3.0).double(), values.sum(), values.square().sum()])[:, None])
    assert float(mean) == pytest.approx(4.0, abs=1e-6)
    assert float(std) == pytest.approx(math.sqrt((9 + 1 + 16) / 3), abs=1e-6)


def test_the_box_by_hand():
    forget = torch.tensor([[-1.0, 2.0], [1.0, 4.0]])  # mean (0, 3), spread (1, 1), all within k = 1
    keep = torch.tensor([[0.5, 3.0], [4.0, 3.0], [0.0, 9.0], [0.0, 8.0]])
    low, high, size = box(forget, keep, 2.0, 0.0)
    assert (low.tolist(), high.tolist(), size) == ([-2, 1], [2, 5], 2.0)
    assert inside(keep, low, high).tolist() == [True, False, False, False]
    low, high, size = box(forget, keep, None, 0.0)
    assert size == pytest.approx(0.5, abs=1e-5) and not inside(keep, low, high).any()
    low, high, size = box(forget, keep, None, 0.25)
    assert size == 2.0 and inside(keep, low, high).sum() == 1


def test_the_losses_of_the_assistant_by_hand():
    logits = torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]]]).log()
    labels = torch.tensor([[1, -100]])
    assert float(mean_token_nll(logits, labels)) == pytest.approx(math.log(4), abs=1e-6)
    by_hand = sum(math.log(1 / 3 / share) / 3 for share in (0.5, 0.25, 0.25))
    assert float(uniform_kl(logits, labels)) == pytest.approx(by_hand, abs=1e-6)
    assert float(uniform_kl(torch.zeros(1, 2, 3), labels)) == pytest.approx(0, abs=1e-6)


def test_a_layer_that_is_not_there_is_refused(toy_language_task):
    with pytest.raises(BadInput, match="layer was 3, but the model has 3: -3 to 2"):
        done(toy_language_task, "key_space_detection", layer=3)


def test_more_examples_than_the_model_reads_are_refused(toy_language_task):
    with pytest.raises(BadInput, match="but the model reads 256"):
        done(toy_language_task, "icul", flipped=5, correct=20)
