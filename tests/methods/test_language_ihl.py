"""The inverted hinge loss by hand, the low-rank layers that LoKU learns it with, and what both do to the toy."""

from types import SimpleNamespace

import pytest
import torch
import toy
import toy_language

from backends.core import registry
from backends.core.run import Cancelled, Run
from backends.families.language.tokens import IGNORED, likelihoods, logits, mean_nll
from backends.methods._language import inverted_hinge
from backends.methods.loku import fisher, linear_layers
from backends.models.low_rank import beside, fila, merge, take_out

SETTINGS = {
    "ihl": {"epochs": 40, "learning_rate": 2e-3},
    "loku": {"epochs": 40, "learning_rate": 2e-3, "rank": 8},
}


def done(task, name, keeper=None, resume=None, **params):
    run = Run(task, keeper or toy.Memory(), 0, resume)
    method = registry.get("methods", name)
    method.function(run, method.parse(SETTINGS[name] | params))
    return run


@pytest.fixture
def bodies(toy_language_task):
    """(model, a body with low-rank layers that begin with FILA's factors, taken out of their base)."""
    model, generator = toy_language_task.load(), torch.Generator().manual_seed(0)
    factors = {}
    for name in linear_layers(model):
        weight = model.get_submodule(name).weight.detach()
        forget_fisher, retain_fisher = (torch.rand(weight.shape, generator=generator) for _ in range(2))
        down, up = fila(weight, forget_fisher, retain_fisher, 4, 2.0)
        factors |= {f"{name}.down": down, f"{name}.up": up}
    adapted = beside(model, factors)
    take_out(adapted)
    return model, adapted


def test_the_loss_compares_the_true_token_with_the_runner_up():
    said = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.5, 0.4, 0.1]]]).log() + 2.0
    labels = torch.tensor([[0, 1, IGNORED]])
    by_hand = ((1 + 0.7 - 0.2) + (1 + 0.3 - 0.6)) / 2
    assert inverted_hinge(said, labels).item() == pytest.approx(by_hand, abs=1e-6)


def test_its_gradient_raises_the_runner_up_and_hardly_the_tail():
    shares = torch.tensor([0.6, 0.3, 0.08, 0.02])
    said = shares.log()[None, None].requires_grad_()
    inverted_hinge(said, torch.tensor([[0]])).backward()
    by_hand = [share * ((number == 0) - (number == 1) - 0.3) for number, share in enumerate(shares.tolist())]
    # p_v (d_true - d_other - (p_true - p_other))
    assert said.grad.flatten().tolist() == pytest.approx(by_hand, abs=1e-6)


def test_fila_weighs_rows_by_what_matters_to_one_set_alone():
    weight = torch.tensor([[3.0, 0.0], [0.0, 30.0]])
    gone, held = torch.tensor([[1e4, 0.0], [0.0, 1.0]]), torch.ones(2, 2)
    torch.manual_seed(0)  # one column of a random sketch can, rarely, miss the right direction
    down, up = fila(weight, gone, held, 1, 2.0)  # rows weigh 100 and 1, so 100 x 3 beats 1 x 30
    assert (2.0 * up @ down).tolist() == [pytest.approx([3, 0], abs=0.05), pytest.approx([0, 0], abs=0.05)]


def test_fisher_is_the_squared_gradient_of_two_pairs_weighed_by_their_tokens(toy_language_task):
    model, texts = toy_language_task.load(), toy_language_task.forget[torch.arange(3)]
    name = linear_layers(model)[0]
    by_hand, tokens = 0, (texts.labels != IGNORED).sum()
    for rows in ([0, 1], [2]):
        (gradient,) = torch.autograd.grad(mean_nll(model, texts[rows]), model.get_submodule(name).weight)
        by_hand = by_hand + gradient**2 * (texts.labels[rows] != IGNORED).sum() / tokens
    assert torch.allclose(
        fisher(SimpleNamespace(model=model, report=lambda *said: None), texts, [name])[name],
        by_hand,
        rtol=1e-4,
        atol=1e-12,
    )


def test_nothing_changes_before_training(toy_language_task, bodies):
    model, adapted = bodies
    texts, weights = toy_language_task.forget, toy_language_task.load().state_dict()
    before = logits(toy_language_task.load(), texts)[0]
    assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
    assert torch.allclose(logits(adapted, texts)[0], before, atol=1e-4)
    merge(model, adapted)
    for name in linear_layers(model):
        layer = adapted.get_submodule(name)
        assert torch.allclose(model.get_submodule(name).weight, weights[f"{name}.weight"], atol=1e-5)
        assert (layer.base_layer.weight - weights[f"{name}.weight"]).norm() > 0.1 * weights[f"{name}.weight"].norm()
    assert torch.allclose(logits(model, texts)[0], before, atol=1e-4)


def test_what_the_factors_learned_is_merged(toy_language_task, bodies):
    model, adapted = bodies
    with torch.no_grad():
        for factor in adapted.parameters():
            if factor.requires_grad:
                factor.add_(0.01)
    learned = logits(adapted, toy_language_task.forget)[0]
    assert not torch.allclose(logits(model, toy_language_task.forget)[0], learned, atol=1e-2)
    merge(model, adapted)
    assert torch.allclose(logits(model, toy_language_task.forget)[0], learned, atol=1e-4)


def test_the_head_and_what_is_not_linear_stay_out(toy_language_task):
    assert len(linear_layers(toy_language_task.load())) == 3 * 7


@pytest.mark.parametrize("name", ["ihl", "loku"])
def test_it_forgets_and_keeps_more_than_without_a_retain_term(toy_language_folder, name):
    run = done(toy_language.task(toy_language_folder), name)
    naive = done(toy_language.task(toy_language_folder), name, keep_weight=0.0)
    assert toy_language.right(run.task, run.model, "forget") <= 20
    held, lost = (likelihoods(one.model, one.task.keep).mean() for one in (run, naive))
    assert held < lost / 2


def test_loku_leaves_an_ordinary_model_and_goes_on_where_it_stopped(toy_language_folder):
    short = {"epochs": 4, "looked_at": 4}
    whole = done(toy_language.task(toy_language_folder), "loku", **short)
    assert whole.model.state_dict().keys() == whole.original.state_dict().keys()
    keeper = toy.Memory(checkpoint_at=3)
    with pytest.raises(Cancelled):
        done(toy_language.task(toy_language_folder), "loku", keeper, **short)
    again = done(toy_language.task(toy_language_folder), "loku", resume=keeper.saved, **short)
    for key, weight in again.model.state_dict().items():
        assert torch.allclose(weight, whole.model.state_dict()[key], atol=1e-6), key


def test_loku_can_begin_at_random(toy_language_task):
    run = done(toy_language_task, "loku", start="random", epochs=2)
    assert not run.model.model.layers[0].mlp.down_proj.weight.equal(run.original.model.layers[0].mlp.down_proj.weight)
