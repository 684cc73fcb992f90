"""Routing stability and what comes back with the old routing, on routings written by hand and on the toy mixture."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from backends.core import registry
from backends.engine.measure import measure
from backends.engine.verdict import sentence, subject
from backends.families.language import experts


def score(name, before, after, when="after", values=()):
    suite = [SimpleNamespace(role="forget", pair=SimpleNamespace(value=value)) for value in values]
    others = {"before": SimpleNamespace(outputs=before), "after": SimpleNamespace(outputs=after)}
    evidence = SimpleNamespace(
        when=when,
        outputs=others[when].outputs,
        others=others,
        task=SimpleNamespace(questions=SimpleNamespace(suite=suite)),
    )
    return registry.get("metrics", name).function(evidence)


def outputs(chosen, depends, count=4):
    return {"routed": np.array(chosen, np.int16), "routed_by": np.array(depends), "routed_of": np.array(count)}


BEFORE = outputs([[[0, 1], [1, 2]], [[0, 1], [1, 2]], [[0, 3], [0, 1]]], [1, 2, 3])


def test_the_share_of_choices_that_stayed_and_apart_from_it_that_of_layers_that_could_shift():
    after = outputs([[[0, 1], [1, 2]], [[0, 1], [0, 1]], [[1, 2], [0, 2]]], [1, 7, 8])
    found = score("routing_stability", BEFORE, after)
    assert found.value == pytest.approx((2 + 1.5 + 0.5) / 6)
    assert found.parts["layers that could shift"] == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    assert found.parts["all experts the same"] == pytest.approx((2 + 1 + 0) / 6)
    assert found.parts["Jaccard"] == pytest.approx((2 + 1 + 1 / 3 + 0 + 1 / 3) / 6)
    assert [found.parts[f"layer {at}"] for at in (1, 2, 3)] == [1, 0.75, 0.25]


def test_where_none_can_shift_it_is_not_measured():
    assert math.isnan(score("routing_stability", BEFORE, BEFORE).value)
    every = outputs([[[0, 1]]], [1], count=2)
    assert math.isnan(score("routing_stability", every, every | {"routed_by": np.array([2])}).value)
    assert math.isnan(score("routing_stability", BEFORE, BEFORE, when="before").value)


def test_what_comes_back_with_the_old_routing():
    after = {"said": np.array(["no", "no", "Oslo", "x"]), "said_rerouted": np.array(["born in OSLO", "no", "Oslo"])}
    found = score("rerouted_recall", {}, after, values=["Oslo", "Riga", "Oslo", "Lima"])
    assert found.value == pytest.approx(200 / 3) and found.parts["with its own routing"] == pytest.approx(100 / 3)
    assert math.isnan(score("rerouted_recall", {"said": after["said"]}, {"said": after["said"]}).value)


def verdict(task, found):
    method = SimpleNamespace(guard=False, reference=False)
    return sentence(task, found, subject(task, ["somebody"], method, moved=True))


@pytest.fixture
def measured(toy_mixture_task):
    """(task, what is measured of a change to the model before)."""
    task = toy_mixture_task

    def made(change):
        model = task.load()
        with torch.no_grad():
            change(experts.moe_layers(model))
        said = {"before": task.outputs(task.load()), "after": task.outputs(model)}
        return measure(task, said)

    return task, made


def test_a_model_that_was_only_rerouted_is_told(measured):
    task, made = measured
    found = made(lambda layers: [layer.router.weight.mul_(-1) for layer in layers])
    assert found.value("routing_stability", "after") < 0.5
    assert found.value("rerouted_recall", "after") == 100
    assert "but rerouted, not erased: with the experts that were chosen before, 100 %" in verdict(task, found)


def test_a_model_that_lost_it_is_told_too(measured):
    task, made = measured
    found = made(lambda layers: [layer.experts.down_proj.neg_() for layer in layers])
    assert found.value("rerouted_recall", "after") <= 20  # of five, one may be said by chance
    assert "so neither brings it back" in verdict(task, found)


def test_one_expert_that_holds_answers_back_is_found_and_said(measured):
    task, made = measured

    def poison(layers):  # one expert of the last layer drowns what all others say
        layers[-1].experts.down_proj[1].normal_(0, 50)

    found = made(poison)
    one = found.metrics["one_expert_off"]
    with_all = one.parts["after"]["with all experts"]
    assert (one.parts["after"]["layer"], one.parts["after"]["expert"]) == (len(experts.moe_layers(task.load())), 2)
    assert one.after > with_all + 50
    assert "but held back by one expert, not erased: with expert 2 of layer" in verdict(task, found)


def test_every_metric_of_language_models_measures_a_mixture(measured):
    _, made = measured
    found = made(lambda layers: layers[2].experts.down_proj.mul_(0.5))
    assert not found.problems
    assert math.isnan(found.value("routing_stability", "after"))  # only experts of the last layer changed
    assert not math.isnan(found.value("model_utility", "after"))


def test_answers_are_those_that_generate_gives(toy_mixture_task):
    """The fast ways of reading hold for a mixture, too."""
    task, model = toy_mixture_task, toy_mixture_task.load()
    slow = task.load()
    slow.register_forward_hook(lambda *_: None)
    fast, plain = task.outputs(model), task.outputs(slow)
    assert fast["said"].tolist() == plain["said"].tolist()
    np.testing.assert_allclose(fast["answer"], plain["answer"], atol=2e-3)
    np.testing.assert_allclose(fast["wrong"], plain["wrong"], atol=2e-3)
