"""O3 on the toy: its gate by hand, what it changes, one request after another, and that it is restored and resumed."""

import copy
import math

import pytest
import torch
import toy
import toy_language

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.pack import changed
from backends.core.run import Cancelled, Run, restore, set_dose
from backends.families.language import gate
from backends.methods.o3 import decoder_layers, every_layer

TOY = {"epochs": 12, "learning_rate": 1e-2}


def done(task, keeper=None, resume=None, **params):
    run = Run(task, keeper or toy.Memory(), 0, resume)
    chosen = registry.get("methods", "o3")
    chosen.function(run, chosen.parse(TOY | params))
    return run


def rights(task, model):
    return {role: toy_language.right(task, model, role) for role in ("forget", "neighbour", "unrelated")}


def weights(task, model, role):
    """How far the gate is open on the questions of a role [n]."""
    asked = [item.pair.question for item in task.questions.suite if item.role == role]
    ids, mask = task.reader.prompts(asked)
    with torch.no_grad():
        return model.guard_o3.weights(every_layer(model, ids, mask, model.guard_o3.opening))


def test_it_forgets_changes_no_weight_and_is_restored(toy_language_task):
    run = done(toy_language_task)
    found = rights(toy_language_task, run.model)
    assert (
        found["forget"] <= 20
    )  # so small a model asks about everybody in nearly the same states: the others are not spared
    open_at = {role: weights(toy_language_task, run.model, role).mean() for role in ("forget", "unrelated")}
    assert open_at["forget"] > 0.9 and open_at["unrelated"] < 0.8
    new = changed(run.model.state_dict(), run.original.state_dict())
    assert new and all(key.startswith("guard_o3.") for key in new)
    fresh = toy_language_task.load()
    restore(fresh, new)
    assert rights(toy_language_task, fresh) == found


def test_a_second_request_adds_a_gate_and_leaves_the_first_its_own(toy_language_task):
    first = done(toy_language_task, epochs=4)
    left = changed(first.model.state_dict(), first.original.state_dict())
    task, pairs = toy_language_task.again(), toy_language_task.questions
    task.questions = copy.copy(pairs)
    task.questions.forget = [pair for pair in pairs.keep if pair.rephrased_question][:5]

    def load():
        model = toy_language_task.load()
        restore(model, left)
        return model

    task.load = load
    second = done(task, epochs=4, apart=1.0)
    guard = second.model.guard_o3
    assert guard.offset.shape == (2,) and len(guard.before_0) == 1
    torch.testing.assert_close(guard.before_0[0], first.model.guard_o3.down_0)
    own, held = gate.unstacked(guard.detectors)[0], gate.unstacked(first.model.guard_o3.detectors)[0]
    torch.testing.assert_close(own["centres"], held["centres"])
    whole = toy_language_task.load()
    for tensors in (left, changed(second.model.state_dict(), second.original.state_dict())):
        restore(whole, tensors)
    assert rights(toy_language_task, whole) == rights(toy_language_task, second.model)
    with pytest.raises(BadInput, match="rank was 3, but the request before has a change of rank 4"):
        done(task, rank=3)


def test_an_open_gate_lets_the_change_at_everything(toy_language_task):
    model = done(toy_language_task).model
    model.guard_o3.always = True
    assert max(rights(toy_language_task, model).values()) <= 75  # all 100 with the gate at work


def test_it_goes_on_from_the_middle_to_the_same(toy_language_task):
    keeper = toy.Memory()
    whole = done(toy_language_task, keeper, epochs=4).model.state_dict()
    cut = toy.Memory(checkpoint_at=keeper.steps - 1)
    with pytest.raises(Cancelled):
        done(toy_language_task, cut, epochs=4)
    rest = done(toy_language_task, resume=cut.saved, epochs=4).model.state_dict()
    assert whole.keys() == rest.keys() and all(torch.equal(whole[key], rest[key]) for key in whole)


def test_a_share_of_the_change_moves_the_gate_not_at_all(toy_language_task):
    run = done(toy_language_task, epochs=2)
    whole = weights(toy_language_task, run.model, "forget")
    half = toy_language_task.load()
    restore(half, changed(run.model.state_dict(), run.original.state_dict()))
    set_dose(half, run.original, run.model, 0.5)
    torch.testing.assert_close(weights(toy_language_task, half, "forget"), whole, rtol=1e-3, atol=1e-3)
    set_dose(half, run.original, run.model, 0.0)
    assert rights(toy_language_task, half)["forget"] == 100


@pytest.fixture
def features():
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(12, 2, 5, generator=draw) + 3
    return rows, rows + 0.3 * torch.randn(12, 2, 5, generator=draw)


def test_the_distance_is_that_of_the_shrunk_covariance(features):
    from sklearn.covariance import ledoit_wolf

    own, held = features
    found = gate.fit(own, held)
    for layer in range(2):
        rows = (own[:, layer] - own[:, layer].mean(0)).double().numpy()
        inverse = torch.linalg.inv(torch.from_numpy(ledoit_wolf(rows, assume_centered=True)[0])).float()
        off = held[:, layer] - own[:, layer].mean(0)
        distance = (off @ inverse * off).sum(-1)
        alike = (held[:, layer, None] * own[:, layer]).sum(-1)
        alike /= held[:, layer].norm(dim=-1)[:, None] * own[:, layer].norm(dim=-1)
        by_hand = alike.max(-1).values - distance / 2000
        torch.testing.assert_close(gate.layer_scores(held, found)[:, layer], by_hand, rtol=1e-4, atol=1e-5)


def test_confidence_and_weight_by_hand():
    centres, spread = torch.tensor([1.0, -1.0]), torch.tensor(2.0)
    at = torch.tensor([0.0, 1.0, -1.0, 1e4, -1e4])

    def below(z):
        return 0.5 * (1 + math.erf(z / math.sqrt(2)))

    off = (below(0) + below(1)) / 2 - (below(-1) + below(0)) / 2  # of 1 against its mirror image, -1
    expected = torch.tensor([1.0, 1 - off, 1 - off, 0.0, 0.0])
    found = gate.confidence(at, centres, spread)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    assert float(gate.weight(found[0], 10.0)) == pytest.approx(1 / (1 + math.exp(-8)), abs=1e-6)
    assert float(gate.weight(found[3], 10.0)) == pytest.approx(1 / (1 + math.exp(2)), abs=1e-6)


def test_the_steps_of_the_released_gate():
    given = torch.tensor([0.95, 0.9, 0.5, 0.4, 0.35, 0.3, 0.1])
    torch.testing.assert_close(gate.stepped(given), torch.tensor([1.2, 0, 0, 0.4, 0.35, 0, 0]))


def test_changes_apart_by_hand():
    first = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 2.0]])]
    last = [torch.tensor([[0.0, 5.0]]), torch.tensor([[3.0, 1.0]])]
    assert float(gate.drawn_apart(first, last, 1)) == pytest.approx(0 + 25, abs=1e-6)  # two modules of one layer
    assert float(gate.drawn_apart(first, last, 2)) == pytest.approx((0 + 25) / 2, abs=1e-6)  # one of each of two
    assert decoder_layers(["model.layers.0.q", "model.layers.0.mlp.up", "model.layers.1.q"]) == 2


def test_detectors_of_two_requests_say_the_same_together(features):
    own, held = features
    both = [gate.fit(own, held), gate.fit(own[:7] - 5, held[:7] - 5)]
    for one, again in zip(both, gate.unstacked(gate.stacked(both)), strict=True):
        torch.testing.assert_close(gate.score(held, again), gate.score(held, one), rtol=1e-4, atol=1e-5)
