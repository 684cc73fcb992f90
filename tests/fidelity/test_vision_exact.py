"""S3T comes to the numbers that its formulas give, written down here once more: a step of a stage, the logits of a prefix, and who serves."""

import numpy as np
import pytest
import torch
import toy
import toy_tiles
from fidelity.vision import agrees, doubles
from torch.nn import functional as F

from backends.core.run import Run
from backends.families.classifier import tile_training
from backends.methods.s3t import S3T, s3t

__all__ = ["doubles"]  # the fixture


def forward(state, x, factors):
    """The toy's ViT by its tensors: h <- h + attention(LN h), h <- h + MLP(LN h), with W + sqrt(r) B A at queries and values."""

    def linear(name, h, delta=None):
        weight = state[f"{name}.weight"] if delta is None else state[f"{name}.weight"] + delta
        return h @ weight.T + state[f"{name}.bias"]

    def norm(name, h):
        return F.layer_norm(h, h.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-12)

    patches = F.conv2d(x, state["vit.patch_embedding.weight"], state["vit.patch_embedding.bias"], stride=4)
    patches = patches.flatten(2).transpose(1, 2)
    h = torch.cat([state["vit.class_embedding"].expand(len(x), 1, -1), patches], 1) + state["vit.position_embedding"]
    for layer in range(2):
        at, inside = f"vit.layers.{layer}", norm(f"vit.layers.{layer}.norm_before", h)
        query_a, query_b, value_a, value_b = factors[layer]
        query = linear(f"{at}.attention.query", inside, 2**0.5 * query_b @ query_a)
        value = linear(f"{at}.attention.value", inside, 2**0.5 * value_b @ value_a)
        key = linear(f"{at}.attention.key", inside)
        query, key, value = (one.reshape(*one.shape[:2], 2, 8).transpose(1, 2) for one in (query, key, value))
        weights = (query @ key.transpose(2, 3) / 8**0.5).softmax(-1)
        h = h + linear(f"{at}.attention.out_proj", (weights @ value).transpose(1, 2).flatten(2))
        h = h + linear(f"{at}.fc2", F.gelu(linear(f"{at}.fc1", norm(f"{at}.norm_after", h))))
    return norm("vit.norm", h)[:, 0]


def of(tile):
    """query A, B and value A, B of a tile of one layer."""
    return [getattr(tile, name)[0] for name in ("query_a", "query_b", "value_a", "value_b")]


@agrees("methods", "s3t")
def test_what_is_served(toy_tiles_folder):
    """Slices 1.2 and 2.1 go: shard 1 serves one stage of order (1, 2), shard 2 one of order (2, 1), from the top layer; mean of their logits."""
    task = toy_tiles.task(toy_tiles_folder, "slice:1.2", "slice:2.1")
    state, tiles = task.load().state_dict(), task.load().tiles
    run = Run(task, toy.Memory(), 0)
    s3t(run, S3T())
    x = task.batch(np.arange(20)).x
    nothing = [torch.zeros(2, 16), torch.zeros(16, 2)] * 2
    each = []
    for tile in (tiles.at(0, 0, 0), tiles.at(1, 1, 0)):
        features = forward(state, x, [nothing, of(tile)])  # layer 1 is the top one
        each.append(features @ tile.head.T + tile.head_bias)
    torch.testing.assert_close(task.forward(run.model, x), sum(each) / 2, rtol=1e-4, atol=1e-5)


@agrees("methods", "s3t")
def test_a_step_of_the_second_stage(toy_tiles_folder):
    """Adam's first step on the block below the first: theta - lr sign(g), with g the gradient of the mean cross-entropy; the rest stays."""
    task = toy_tiles.task(toy_tiles_folder)
    model = task.load()
    tile = model.tiles.at(0, 0, 0)
    one = tile_training.alone(model)
    one.config.tile_dropout = 0.0
    for layer in one.modules():
        if hasattr(layer, "tile_a"):
            layer.dropout = 0.0
    tile_training.begin(one, [tile.state_dict()], [1], np.random.default_rng(0))
    start = one.tile_of(1)
    learns = tile_training.learning(one, [1])
    assert len(learns) == 6  # A and B of queries and values, weight and bias of the head
    task.parts["few"] = np.arange(12)
    run = Run(task, toy.Memory(), 0)
    recipe = dict(task.recipe) | {"schedule": "constant", "learning_rate": 0.01}
    tile_training.fit(run, "few", one, learns, recipe, 1, 12)
    after = one.tile_of(1)

    state, batch = model.state_dict(), task.batch(np.arange(12))
    query_a, query_b, value_a, value_b = (start[name][0].clone().requires_grad_() for name in list(start)[:4])
    head, bias = tile.head.clone().requires_grad_(), tile.head_bias.clone().requires_grad_()
    features = forward(state, batch.x, [[query_a, query_b, value_a, value_b], of(tile)])
    F.cross_entropy(features @ head.T + bias, batch.y).backward()
    for name, was in (("query_b", query_b), ("value_b", value_b), ("head", head), ("head_bias", bias)):
        expected = was.detach() - 0.01 * was.grad / (was.grad.abs() + 1e-8)
        found = after[name][0] if name in start and name.endswith("_b") else after[name]
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4, msg=name)
    assert torch.equal(one.tile_of(0)["query_b"], tile.query_b)  # the block above is frozen
    assert not start["query_b"].any() and start["query_a"].any()  # new factors change nothing yet


@pytest.mark.parametrize(("gone", "left"), [({0}, [[], [1]]), ({1}, [[0], []]), ({0, 1}, [[], []])])
def test_orders_are_cut_before_the_first_that_is_gone(toy_tiles_folder, gone, left):
    model = toy_tiles.task(toy_tiles_folder).load()
    model.delete([(0, one) for one in gone], 2)
    assert model.tiles.orders(0) == left
