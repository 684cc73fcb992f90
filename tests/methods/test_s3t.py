"""S3T: what is served after a deletion is, bit for bit, what training without the deleted images gives; and how long it can go on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import toy
import toy_tiles

from backends.api import files
from backends.api.errors import BadInput
from backends.api.home import ASSETS
from backends.core.run import Run
from backends.data import fashion, fashion_five
from backends.data._images import ImageSet, Split
from backends.families.classifier import tile_sequences, tile_training
from backends.families.classifier.resolve import resolve
from backends.families.classifier.task import Classifier
from backends.families.classifier.tile_ensembles import Ensembles, requests
from backends.methods.s3t import S3T, UNDONE, s3t
from backends.zoo.fashion_slices import MODEL, SEEN, watched

CARD = [
    (1, 46.0),
    (2, 58.6),
    (3, 65.8),
    (4, 72.2),
]  # deletions until empty with 5 shards and 4 slices, 4,000 trials of another simulation


@pytest.fixture(scope="module")
def folder(toy_tiles_folder):
    return toy_tiles_folder


def after(folder, *forget, params=None, model=None):
    """A run that deleted these targets, after another one where its model is given."""
    run = Run(toy_tiles.task(folder, *forget), toy.Memory(), 0)
    if model is not None:
        run.model.load_state_dict(model.state_dict())
    s3t(run, params or S3T())
    return run


def said(run):
    return run.task.outputs(run.model)["test"]


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second, names=None):
    return all(torch.equal(first[name], second[name]) for name in names or first)


def noise(ids):
    """The toy's images with those of some ids replaced by others of other classes."""
    data, rng = toy.data(), np.random.default_rng(1)
    images, labels = data.train.images.copy(), data.train.labels.copy()
    images[ids], labels[ids] = rng.integers(0, 256, images[ids].shape), (labels[ids] + 1) % len(data.names)
    return ImageSet(data.id, data.names, Split(images, labels), data.test)


def test_what_is_served_after_a_deletion_is_what_training_without_it_gives_bit_for_bit(folder):
    """The deleted slice's images are others in the second training, same seeds: nothing that is served knows."""
    run = after(folder, "slice:1.1")
    ids = run.task.parts["forget"]
    other = toy_tiles.trained(folder, noise(ids))
    before = {name: tensor for name, tensor in state(other.model).items() if not name.startswith("tiles")}
    assert not same(before, state(toy_tiles.task(folder).load()), before)  # the images matter to what was served
    other.model.delete([(0, 0)], toy_tiles.ORDERS)
    assert same(state(run.model), state(other.model))
    assert np.array_equal(said(run), said(other))


def test_a_training_that_leaves_the_slice_out_makes_the_same_tiles(folder):
    run = after(folder, "slice:1.1")
    ids = run.task.parts["forget"]
    asked = watched_training(folder, ids)
    assert not asked.seen & set(ids.tolist())
    ours, theirs = run.model.tiles, asked.run.model.tiles
    assert run.model.tiles.orders(0) == [[], [1]] and asked.run.model.tiles.orders(0) == [[], [1]]
    for shard, order, stage in ((0, 1, 0), (1, 1, 0), (1, 1, 1)):
        first, second = ours.at(shard, order, stage).state_dict(), theirs.at(shard, order, stage).state_dict()
        assert same(first, second)


def watched_training(folder, without):
    """A training of the second order alone without some images, and which images it asked for."""
    made = Classifier(str(folder), toy.data())
    made.parts["keep"] = np.setdiff1d(made.parts["train"], without)
    seen = watched(made)
    run = Run(made, toy.Memory(), 0)
    tile_training.train(run, None, [1])
    return SimpleNamespace(run=run, seen=seen)


def test_the_head_of_the_stage_comes_back_with_its_tiles(folder):
    """A stale head would have seen the deleted slice: the last stage's head is not that of the first."""
    run = after(folder, "slice:1.2", "slice:2.1", "slice:2.2")
    tiles = run.model.tiles
    whole = toy_tiles.task(folder).load().tiles
    assert not torch.equal(whole.at(0, 0, 0).head, whole.at(0, 0, 1).head)
    assert torch.equal(run.model.classifier.weight[:, :16], tiles.at(0, 0, 0).head)
    assert torch.equal(run.model.classifier.bias, tiles.at(0, 0, 0).head_bias)
    assert not run.model.classifier.weight[:, 16:].any()


def test_tiles_are_erased_and_deletions_add_up(folder):
    first = after(folder, "slice:1.1")
    held = first.model.tiles.held
    assert held.tolist() == [[[0, 0], [2, 0]], [[1, 2], [2, 1]]]
    for place in (held == 0).nonzero().tolist():
        assert not any(tensor.any() for tensor in first.model.tiles.at(*place).buffers())
    second = after(folder, "slice:1.2", model=first.model)
    both = after(folder, "slice:1.1", "slice:1.2")
    assert same(state(second.model), state(both.model))
    assert second.task.notes[1] == "Shard 1 has nothing left and is no part of the average."
    assert second._values == {"slices_touched": 1, "tiles_dark": 1, "tiles_left": 4}


def test_one_image_costs_what_its_slice_costs(folder):
    item = int(toy_tiles.task(folder).parts["forget"][3])
    assert same(state(after(folder, f"images:{item}").model), state(after(folder, "slice:1.1").model))


def test_with_one_order_it_is_sisa(folder):
    run = after(folder, "slice:1.2", params=S3T(orders=1))
    assert run.model.tiles.held.tolist() == [[[1, 0], [0, 0]], [[1, 2], [0, 0]]]
    with pytest.raises(BadInput, match="trained again"):
        after(folder, "slice:1.1", "slice:2.1", params=S3T(orders=1))
    assert after(folder, "slice:1.1", "slice:2.1").model.tiles.orders(0) == [[], [1]]


def test_it_says_when_nothing_is_left_and_changes_nothing(folder):
    run = Run(toy_tiles.task(folder, "zero"), toy.Memory(), 0)
    before = state(run.model)
    with pytest.raises(BadInput, match=r"lies in 4 of 4 slices.*method retrain"):
        s3t(run, S3T())
    assert same(before, state(run.model))


def test_it_says_why_a_model_that_was_trained_as_a_whole_cannot(toy_folder):
    with pytest.raises(BadInput, match="holds no tiles"):
        s3t(Run(toy.task(toy_folder), toy.Memory(), 0), S3T())
    with pytest.raises(BadInput, match=r"has no slice 1\.1"):
        toy.task(toy_folder, ("slice:1.1",))
    with pytest.raises(BadInput, match=r"has no slice 3\.1"):
        toy_tiles.task(toy_tiles_of(toy_folder), "slice:3.1")


def toy_tiles_of(toy_folder):
    return toy_tiles.blank(toy_folder.parent / "blank-tiles")


def test_what_earlier_runs_changed_beside_the_tiles_is_undone(folder):
    model = toy_tiles.task(folder).load()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    run = after(folder, "slice:1.1", model=model)
    assert same(state(run.model), state(after(folder, "slice:1.1").model))
    assert run.task.notes[-1] == UNDONE


def test_retraining_makes_the_first_order_anew_without_what_is_gone(folder):
    task = toy_tiles.task(folder, "slice:1.1")
    seen = watched(task)
    run = Run(task, toy.Memory(), 3)
    tile_training.train(run)
    assert run.model.tiles.orders(0) == [[1], []] and run.model.tiles.orders(1) == [[0, 1], []]
    assert not seen & set(task.parts["forget"].tolist())
    whole = toy_tiles.task(folder).load()
    assert same(state(whole), state(run.model), [name for name in state(whole) if tile_free(name)])


def tile_free(name):
    return name.startswith("vit.") and ".tile_" not in name


def test_ensembles_say_what_the_model_says(folder):
    run = after(folder, "slice:1.1")
    index = run.task.parts["test"]
    ensembles = Ensembles(run.task, toy_tiles.task(folder).load(), index)
    measured = 100 * np.mean(said(run)[index].argmax(1) == run.task.data.test.labels[index])
    assert ensembles.accuracy([(0, 0)], 2) == pytest.approx(measured)
    everything = [(shard, number) for shard in range(2) for number in range(2)]
    assert ensembles.accuracy(everything, 2) is None
    course = ensembles.course([], everything, 1)
    assert course[0] is not None and course[-1] is None
    assert ensembles.firsts([(0, 0)], 2) == {(0, 1), (1, 0), (1, 1)}


def test_requests_fall_on_what_is_still_there():
    parts = tile_sequences.partition(60, 3, 4, 0)
    assert sorted(np.concatenate([ids for own in parts for ids in own]).tolist()) == list(range(60))
    drawn = [*requests(parts, parts[1][2], 100, 0)]
    assert len(drawn) == 55 and (1, 2) not in drawn and drawn.count((0, 0)) == 5
    dealt = tile_sequences.partition(1200, 3, 4, 0)  # by the same seed as the requests
    first = [*requests(dealt, dealt[0][0][:0], 60, 0)]
    assert len(set(first)) > 9


@pytest.mark.parametrize(("orders", "card"), CARD)
def test_deletions_until_nothing_is_left(orders, card):
    rotations = tile_sequences.rotations(4, orders)
    firsts = {(shard, one[0]) for shard in range(5) for one in rotations}
    left = tile_sequences.simulated_deletions(firsts, np.ones((5, 4)), 4000, seed=0)
    error = left.std() / 4000**0.5
    assert abs(left.mean() - card) < 4 * 2**0.5 * error  # the card's has as large an error
    assert abs(left.mean() - tile_sequences.expected_deletions(5, 4, orders)) < 4 * error


def test_a_simulation_plays_the_rule(folder):
    """Deletions played one after the other on orders, as the model does it, end when the simulation says so."""
    rng = np.random.default_rng(0)
    orders = tile_sequences.rotations(4, 2)
    ends = []
    for _ in range(400):
        gone, count = {shard: set() for shard in range(2)}, 0
        while any(tile_sequences.served(orders, gone[shard])[1] for shard in gone):
            gone[int(rng.integers(2))].add(int(rng.integers(4)))
            count += 1
        ends.append(count)
    error = np.std(ends) / 400**0.5
    assert abs(np.mean(ends) - tile_sequences.expected_deletions(2, 4, 2)) < 4 * error


def test_prefixes():
    assert tile_sequences.rotations(4, 3) == [[0, 1, 2, 3], [1, 2, 3, 0], [2, 3, 0, 1]]
    with pytest.raises(ValueError):
        tile_sequences.rotations(4, 5)
    assert tile_sequences.served(tile_sequences.rotations(4, 4), {0}) == (1, 3)
    assert tile_sequences.served(tile_sequences.rotations(4, 4), {0, 2}) == (1, 1)
    assert tile_sequences.served(tile_sequences.rotations(4, 4), {0, 1, 2, 3})[1] == 0


def test_the_backbone_that_is_shipped_never_saw_a_private_class():
    """By the ids that its training asked for, as they were written down then."""
    card = files.read_json(ASSETS / "models" / MODEL / "card.json")
    with np.load(ASSETS / "models" / MODEL / SEEN) as file:
        backbone, private = file["backbone"], file["private"]
    labels = np.array(fashion.NAMES)[fashion.load().train.labels]
    assert set(labels[backbone]) == set(card["backbone"]["classes"])
    assert set(labels[private]) == set(card["classes"]) == set(fashion_five.NAMES)
    assert not set(labels[backbone]) & set(card["classes"]) and len(backbone) == len(private) == 10_000
    images = fashion_five.load().train.images
    assert np.array_equal(images, fashion.load().train.images[private])


def test_what_is_shipped_holds_every_tile_and_serves_the_longest():
    task = Classifier(MODEL)
    model = task.load()
    assert (model.tiles.held > 0).all()
    served = state(model)
    assert model.serve() == [(0, 4)] * 3
    assert same(served, state(model))
    resolve(task, ("slice:1.1",))
    run = Run(task, toy.Memory(), 0)
    s3t(run, S3T())
    assert run.model.tiles.orders(0) == [[], [1, 2, 3], [2, 3], [3]]
