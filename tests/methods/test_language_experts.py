"""Mixtures of experts: what SEUF changes and what it holds, and what may move as a choice of every method that trains."""

import pytest
import torch
import toy
import toy_language

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.run import Run
from backends.families.language import experts
from backends.methods import _language
from backends.methods.seuf import anchor_loss, select_expert

METHODS = registry.entries("methods")
MIXED = [
    name
    for name, method in METHODS.items()
    if method.entry.works_with.get("moe") is True and method.entry.works_with.get("llm") is True
]
SHORT = {"epochs": 2, "steps": 3, "batch_size": 2, "looked_at": 6, "probes": 12}


def done(task, name, **params):
    run = Run(task, toy.Memory(), 0)
    METHODS[name].function(run, METHODS[name].parse(params))
    return run


def moved(run):
    """Names of the parameters that changed."""
    before = dict(run.original.named_parameters())
    return {name for name, weight in run.model.named_parameters() if not torch.equal(weight, before[name])}


def right(task, run, role="forget"):
    return toy_language.right(task, run.model, role)


@pytest.mark.parametrize("objective", ["npo", "grad_diff", "kl_min", "rmu"])
def test_seuf_changes_one_expert_and_its_router(toy_mixture_task, objective):
    run = done(toy_mixture_task, "seuf", objective=objective, epochs=2)
    layer, expert = select_expert(run, 0)
    start = f"model.layers.{layer}.mlp."
    assert moved(run) == {start + name for name in ("gate.weight", "experts.gate_up_proj", "experts.down_proj")}
    before, after = (experts.moe_layers(model)[layer].experts for model in (run.original, run.model))
    changed = (before.down_proj != after.down_proj).flatten(1).any(1).nonzero()[:, 0].tolist()
    assert changed == [expert]
    assert all(not weight._backward_hooks for weight in after.parameters())


def test_seuf_takes_the_expert_with_the_largest_affinity(toy_mixture_task):
    run = Run(toy_mixture_task, toy.Memory(), 0)
    mass = experts.read(run.original, toy_mixture_task.forget).mass()
    layer, expert = select_expert(run, 0)
    assert mass[layer, expert] == mass.max()
    assert select_expert(run, 2) == (1, int(mass[1].argmax()))
    with pytest.raises(BadInput, match="layer was 4, but the layers with a router that chooses are 1, 2, 3"):
        select_expert(run, 4)


def test_seuf_forgets(toy_mixture_task):
    assert toy_language.right(toy_mixture_task, toy_mixture_task.load(), "forget") == 100
    run = done(toy_mixture_task, "seuf", epochs=40, learning_rate=1e-2)
    assert right(toy_mixture_task, run) <= 20


def test_the_anchor_holds_the_router(toy_mixture_task):
    """With it, what is to be forgotten goes to the expert that unlearns, whatever the loss would rather have."""
    share = {}
    for weight in (0.0, 10.0):
        run = done(toy_mixture_task, "seuf", epochs=20, learning_rate=5e-3, anchor_weight=weight)
        layer, expert = select_expert(run, 0)
        share[weight] = experts.read(run.model, toy_mixture_task.forget).mass()[layer, expert]
    assert share[10.0] > share[0.0]
    assert share[10.0] > 0.7


def test_the_anchor_by_hand():
    said = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.9, 0.1, 0.0], [0.3, 0.3, 0.4]])
    mask = torch.tensor([[1, 1], [1, 0]])
    by_hand = ((0.49 + 0.64 + 0.01) + (0.01 + 0.04 + 0.01) + (0.81 + 0.81 + 0)) / 3
    assert anchor_loss(said, 1, mask).item() == pytest.approx(by_hand, abs=1e-6)


def test_seuf_needs_a_router(toy_language_task):
    with pytest.raises(BadInput, match="LlamaForCausalLM has no router"):
        done(toy_language_task, "seuf")


@pytest.mark.parametrize("name", MIXED)
def test_methods_for_language_models_work_on_a_mixture(toy_mixture_task, name):
    fields = METHODS[name].params.model_fields
    run = done(toy_mixture_task, name, **{key: value for key, value in SHORT.items() if key in fields})
    assert all(torch.isfinite(tensor).all() for tensor in run.model.state_dict().values())
    assert METHODS[name].entry.guard != bool(moved(run))


@pytest.mark.parametrize(
    ("weights", "inside"),
    [
        ("all", lambda name: True),
        ("experts", lambda name: ".experts." in name),
        ("routers", lambda name: ".gate." in name),
        ("all but routers", lambda name: ".gate." not in name),
        ("feed-forward", lambda name: ".mlp." in name),
        ("attention", lambda name: ".self_attn." in name),
    ],
)
def test_what_may_move(toy_mixture_task, weights, inside):
    run = done(toy_mixture_task, "npo", epochs=1, batch_size=2, weights=weights)
    assert moved(run) == {name for name, _ in run.model.named_parameters() if inside(name)}


@pytest.mark.parametrize("weights", ["experts", "routers", "all but routers"])
def test_a_dense_model_has_no_experts_to_choose(toy_language_task, weights):
    with pytest.raises(BadInput, match="has no router that Lethe can read"):
        _language.trainable_parameters(toy_language_task.load(), weights)
