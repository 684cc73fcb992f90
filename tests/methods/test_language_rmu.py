"""RMU: its loss by hand, what it moves, what it reads, and what it does to the toy."""

import math
from types import SimpleNamespace

import pytest
import torch
import toy
import toy_language

from backends.api.errors import BadInput
from backends.core import registry
from backends.core.run import Cancelled, Run
from backends.methods.rmu import down_projections, forget_texts, hidden_states, random_direction, state_distance

RMU = registry.get("methods", "rmu")


def done(task, keeper=None, resume=None, **params):
    run = Run(task, keeper or toy.Memory(), 0, resume)
    RMU.function(run, RMU.parse({"steps": 40} | params))
    return run


@pytest.fixture(scope="module")
def finished(toy_language_folder):
    return done(toy_language.task(toy_language_folder))


def test_the_loss_is_the_mean_square_over_tokens_and_dimensions_without_padding():
    here = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [50.0, 50.0]]])
    mask = torch.tensor([[1, 1], [1, 0]])
    by_hand = ((1 + 4) / 2 + (9 + 16) / 2 + (0 + 0) / 2) / 3
    assert state_distance(here, torch.zeros(2), mask).item() == pytest.approx(by_hand, abs=1e-6)
    assert state_distance(here, torch.tensor([1.0, 0.0]), mask).item() == pytest.approx((2 + 10 + 0.5) / 3, abs=1e-6)


def test_the_direction_has_length_one_and_no_negative_entry():
    drawn = random_direction(500)
    assert drawn.norm().item() == pytest.approx(1, abs=1e-6) and bool((drawn >= 0).all())
    assert drawn.max().item() < 2.2 / math.sqrt(500 / 3)  # uniform, where a normal one would reach further


def test_states_are_those_after_the_layer(toy_language_task):
    model, texts = toy_language_task.load(), toy_language_task.forget
    known = model.base_model(input_ids=texts.ids, attention_mask=texts.mask, output_hidden_states=True).hidden_states
    assert torch.allclose(hidden_states(model, texts, 1), known[2], atol=1e-5)


def test_a_page_is_read_where_there_is_one(toy_language_task):
    alone = len(toy_language_task.forget)
    both = forget_texts(toy_language_task)
    assert len(both) == alone + 1 and both.mask.sum(1)[-1] > both.mask.sum(1)[:-1].max()
    assert both.ids[:-1, : toy_language_task.forget.ids.shape[1]].equal(toy_language_task.forget.ids)
    toy_language_task.questions.forgotten = [SimpleNamespace(name="somebody")]
    assert len(forget_texts(toy_language_task)) == alone
    del toy_language_task.questions.forgotten
    assert len(forget_texts(toy_language_task)) == alone


def test_only_three_down_projections_move(finished):
    before = finished.original.state_dict()
    moved = [name for name, weight in finished.model.state_dict().items() if not weight.equal(before[name])]
    assert moved == [f"model.layers.{layer}.mlp.down_proj.weight" for layer in range(3)]
    assert len(down_projections(finished.model, 0)) == 1


def test_it_forgets_and_keeps(finished):
    assert toy_language.right(finished.task, finished.model, "forget") <= 20
    assert toy_language.right(finished.task, finished.model, "neighbour") >= 60
    assert toy_language.right(finished.task, finished.model, "unrelated") >= 60


def test_without_the_retain_term_more_is_lost(finished, toy_language_folder):
    naive = done(toy_language.task(toy_language_folder), keep_weight=0.0)
    roles = ("neighbour", "unrelated")
    lost, kept = (sum(toy_language.right(one.task, one.model, role) for role in roles) for one in (naive, finished))
    assert lost < kept - 40


def test_a_resumed_job_ends_where_it_would_have(finished, toy_language_folder):
    keeper = toy.Memory(checkpoint_at=20)
    with pytest.raises(Cancelled):
        done(toy_language.task(toy_language_folder), keeper)
    again = done(toy_language.task(toy_language_folder), resume=keeper.saved)
    for name, weight in again.model.state_dict().items():
        assert torch.allclose(weight, finished.model.state_dict()[name], atol=1e-6), name


def test_a_layer_that_is_not_there_is_refused(toy_language_task):
    with pytest.raises(BadInput, match="layer was 3, but the model's layers are 0 to 2"):
        done(toy_language_task, layer=3)
