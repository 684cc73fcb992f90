"""Blindspot and Gaussian amnesiac learning on the toy regressor, whose retrained reference is off by 15 in the forgotten range."""

import numpy as np
import pytest
import torch
import toy
import toy_regressor
from torch.nn import functional as F

from backends.core import registry
from backends.core.run import Run
from backends.methods import blindspot


@pytest.fixture(scope="module")
def before(toy_regressor_folder):
    made = toy_regressor.task(toy_regressor_folder)
    return {part: toy_regressor.error(made, made.load(), part) for part in ("forget", "retain", "test", "test_forget")}


def unlearned(folder, method, **settings):
    """(task, run) after a method."""
    entry = registry.get("methods", method)
    made = toy_regressor.task(folder)
    run = Run(made, toy.Memory(), seed=0)
    entry.function(run, entry.parse({"batch_size": 16, **settings}))
    run.model.eval()
    return made, run


def test_the_toy_knows_its_rows_and_what_never_saw_the_range_is_off_by_half_of_it(toy_regressor_folder, before):
    assert max(before.values()) < 2
    made = toy_regressor.task(toy_regressor_folder)
    gold = toy_regressor.retrained(made, made.parts["keep"], 1)
    assert 11 < toy_regressor.error(made, gold, "test_forget") < 20 and toy_regressor.error(made, gold, "test") < 2


@pytest.mark.parametrize(
    ("method", "settings"),
    [("blindspot", {"epochs": 10, "blind_epochs": 10}), ("gaussian_amnesiac", {"epochs": 10})],
)
def test_the_range_goes_and_more_of_it_than_of_the_rest(toy_regressor_folder, before, method, settings):
    made, run = unlearned(toy_regressor_folder, method, **settings)
    gone, rest = (toy_regressor.error(made, run.model, part) - before[part] for part in ("test_forget", "test"))
    assert gone > 3 and gone > 1.3 * rest


def test_negative_gradient_pushes_the_range_away_and_nothing_holds_the_rest(toy_regressor_folder):
    made, run = unlearned(toy_regressor_folder, "gradient_ascent", learning_rate=1e-3)
    assert all(toy_regressor.error(made, run.model, part) > 20 for part in ("test_forget", "test"))


def test_fine_tuning_alone_keeps_the_range(toy_regressor_folder):
    made, run = unlearned(toy_regressor_folder, "fine_tune")
    assert toy_regressor.error(made, run.model, "test_forget") < 3


def test_the_blindspot_model_is_weak_and_never_saw_the_range(toy_regressor_folder):
    made, run = unlearned(toy_regressor_folder, "blindspot")
    blind = made.load()
    blind.load_state_dict(run.state()["once"]["blindspot model"])
    assert toy_regressor.error(made, blind, "retain") > 3 and toy_regressor.error(made, blind, "forget") > 8


def test_with_a_weight_of_zero_only_what_is_predicted_is_copied(toy_regressor_folder):
    one, other = (unlearned(toy_regressor_folder, "blindspot", beta=beta)[1].model.state_dict() for beta in (0, 50))
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_attention_is_the_formula_of_the_paper():
    first, second = torch.randn(2, 3, 5, 4, 4, generator=torch.Generator().manual_seed(0)).unbind(0)
    maps = [F.normalize(one.pow(2).mean(1).view(3, -1)) for one in (first, second)]
    assert torch.allclose(blindspot.attention_distance(first, second), (maps[0] - maps[1]).pow(2).mean())
    assert blindspot.attention(torch.tensor([[3.0, 4.0]])).tolist() == [pytest.approx([9 / 337**0.5, 16 / 337**0.5])]


def test_the_numbers_of_the_amnesiac_have_the_labels_mean_and_deviation(toy_regressor_folder, monkeypatch):
    asked = []
    made = toy_regressor.task(toy_regressor_folder)
    loss = made.loss
    monkeypatch.setattr(made, "loss", lambda outputs, labels: asked.append(labels) or loss(outputs, labels))
    entry = registry.get("methods", "gaussian_amnesiac")
    entry.function(Run(made, toy.Memory(), seed=0), entry.parse({"batch_size": 300}))
    labels, learnt = made.data.train.labels, np.sort(torch.cat(asked).numpy())
    kept = np.isin(np.round(learnt, 4), np.round(labels[made.parts["keep"]], 4))
    drawn = learnt[~kept]
    assert len(drawn) == len(made.parts["forget"])
    assert drawn.mean() == pytest.approx(labels.mean(), abs=10) and drawn.std() == pytest.approx(labels.std(), rel=0.3)
