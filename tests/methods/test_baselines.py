"""The plain methods: which images each of them looks at, and that retraining is the recipe and nothing else."""

import numpy as np
import pytest
import torch
import toy

from backends.core import registry
from backends.core.run import Run
from backends.models.recipe import train


def shown(task, name, **params):
    """The run, and the training items it was shown."""
    run = Run(task, toy.Memory(), 3)
    batch, items = task.batch, set()

    def watched(index, **options):
        items.update(np.asarray(index).tolist())
        return batch(index, **options)

    task.batch = watched
    entry = registry.get("methods", name)
    entry.function(run, entry.parse(params))
    return run, items


@pytest.mark.parametrize("name", ["retrain", "fine_tune", "l1_sparse"])
def test_never_shows_what_is_to_be_forgotten(toy_task, name):
    _, items = shown(toy_task, name)
    assert items == set(toy_task.parts["keep"].tolist())


def test_gradient_ascent_shows_nothing_else(toy_task):
    _, items = shown(toy_task, "gradient_ascent")
    assert items == set(toy_task.parts["forget"].tolist())


@pytest.mark.parametrize("name", ["random_label", "salun"])
def test_random_labels_show_both(toy_task, name):
    _, items = shown(toy_task, name, epochs=1)
    assert items == set(toy_task.parts["train"].tolist())


def test_a_keep_list_is_all_that_is_rehearsed(toy_folder):
    task = toy.task(toy_folder, ("two",), ("one",))
    for name in ("retrain", "fine_tune", "l1_sparse"):
        _, items = shown(task, name)
        assert set(task.data.train.labels[sorted(items)]) == {1}


def test_gradient_ascent_climbs_by_one_step_against_the_gradient(toy_task):
    before = toy_task.load()
    run, _ = shown(toy_task, "gradient_ascent", epochs=1, batch_size=128, learning_rate=0.01)
    batch = toy_task.batch(toy_task.parts["forget"])
    before.train()
    torch.nn.functional.cross_entropy(toy_task.forward(before, batch.x), batch.y).backward()
    after = dict(run.model.named_parameters())
    for name, parameter in before.named_parameters():  # theta + rate * (gradient - decay * theta)
        expected = parameter + 0.01 * (parameter.grad - 5e-4 * parameter)
        torch.testing.assert_close(after[name], expected, rtol=1e-4, atol=1e-6)


def test_retraining_is_the_recipe_of_the_card_from_new_weights(toy_folder):
    run, _ = shown(toy.task(toy_folder), "retrain")
    by_recipe = Run(toy.task(toy_folder), toy.Memory(), 3)
    train(by_recipe)
    expected = by_recipe.model.state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in run.model.state_dict().items())
    short, _ = shown(toy.task(toy_folder), "retrain", epochs=1)
    assert len(short._keeper.beats) < len(run._keeper.beats)
