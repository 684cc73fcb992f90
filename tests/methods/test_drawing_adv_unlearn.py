"""AdvUnlearn: soft words before a prompt, the attack, the defence, and which weights may move."""

import pictures
import pytest
import torch
import toy

from backends.api.errors import BadInput
from backends.core.run import Cancelled, Run
from backends.families.text_to_image.soft_prompts import drawn_words, moved_back, prefixed
from backends.methods._drawing import Pool
from backends.methods.adv_unlearn import AdvUnlearn, _attack_prefix, adv_unlearn, is_trainable, random_stops

KINDS = ("v_prediction", "epsilon")
SMALL = {
    "steps": 4, "warm_up": 1, "attack_steps": 2, "pool": 4, "keep_pool": 4, "pool_steps": 2, "batch_size": 2, "retain_batch": 2,
}  # fmt: skip


@pytest.fixture
def task(drawers):
    return pictures.task(drawers["v_prediction"])


def done(folder, keeper=None, resume=None, **params):
    run = Run(pictures.task(folder, ("cat", "flat style")), keeper or toy.Memory(), 0, resume)
    adv_unlearn(run, AdvUnlearn(**SMALL | params))
    return run


def test_no_soft_words_are_the_normal_way(task):
    model, prompts = task.load(), ["a cat in flat style", "cat", ""]
    normal = task.pipe.words(model, prompts)
    with_none = prefixed(task.pipe, model, prompts, [torch.zeros(3, 0, 16)])
    torch.testing.assert_close(with_none.hidden, normal.hidden, rtol=0, atol=0)
    assert torch.equal(with_none.ids, normal.ids)


def test_the_embedding_of_a_word_is_that_word(task):
    model = task.load()
    word = int(task.pipe.ids(["a cat"])[0, 1])
    soft = model.text_encoder.get_input_embeddings().weight[word].detach().expand(2, 1, -1)
    said = prefixed(task.pipe, model, ["cat", "dog in noto style"], [soft])
    wanted = task.pipe.words(model, ["a cat", "a dog in noto style"])
    torch.testing.assert_close(said.hidden, wanted.hidden)
    assert not torch.allclose(said.hidden, task.pipe.words(model, ["cat", "dog in noto style"]).hidden, atol=1e-3)
    assert torch.equal(
        task.pipe.words(model, ["cat"]).hidden, task.pipe.words(task.load(), ["cat"]).hidden
    )  # no hook left


def test_what_no_longer_fits_is_cut_but_for_the_end():
    ids = torch.tensor([[7, 1, 2, 3, 9], [7, 1, 9, 9, 9]])
    assert moved_back(ids, 1, 9).tolist() == [[7, 7, 1, 2, 9], [7, 7, 1, 9, 9]]
    assert moved_back(ids, 2, 9).tolist() == [[7, 7, 7, 1, 9], [7, 7, 7, 1, 9]]
    with pytest.raises(BadInput, match="3 soft words do not fit: a prompt of this model has 5 tokens, so at most 2"):
        moved_back(ids, 3, 9)


def test_words_are_drawn_from_the_vocabulary(task):
    model = task.load()
    (drawn,) = drawn_words(model, 3, 2)
    table = model.text_encoder.get_input_embeddings().weight
    assert drawn.shape == (3, 2, 16)
    assert ((drawn.reshape(6, 1, 16) == table).all(-1).any(1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_without_attack_has_the_target_of_esd(drawers, kind):
    run = done(drawers[kind], steps=1, strength=2.0)
    pipe, asking = run.task.pipe, run.task.asking
    kept = Pool(run.cached("drawings of the concept", dict))
    torch.manual_seed(run._derived_seed("attack and defend", 0))
    x, t, said, free, which = kept.sample(2)
    words = pipe.words(run.original, [asking.forget_prompts[row] for row in which.tolist()])
    torch.testing.assert_close(pipe.predict(run.original, x, t, words), said, rtol=1e-4, atol=1e-5)
    # free - 2 (said - free), so the model, which still says `said`, is off by 3 (said - free)
    assert run._values["defence"] == pytest.approx(float(9 * (said - free).square().mean()), rel=1e-3)
    assert run._values["keep"] == pytest.approx(0, abs=1e-9)


def attackable(task):
    """A job of one prompt, whose text encoder is not the original's, and a pool of one place."""
    run = Run(task, toy.Memory(), 0)
    run.task.asking.forget_prompts = ["cat"]
    torch.manual_seed(0)
    with torch.no_grad():
        run.model.text_encoder.final_layer_norm.weight.mul_(2)
        x, t = run.task.pipe.start([3]), torch.tensor([500])
        said = run.task.pipe.predict(run.original, x, t, run.task.pipe.words(run.original, ["cat"]))
    one = {"x": x[None], "said": said[None], "free": said[None], "clean": x, "t": t, "which": torch.tensor([0])}
    return run, Pool(one)


def off(run, pool, soft):
    words = prefixed(run.task.pipe, run.model, ["cat"], soft)
    return (run.task.pipe.predict(run.model, pool.x[0], pool.t, words) - pool.conditional[0]).square().mean()


@pytest.mark.parametrize("attack", ["gradient", "sign"])
def test_the_attack_goes_down_towards_what_the_original_says(task, attack):
    run, pool = attackable(task)
    start = torch.nn.ParameterList(drawn_words(run.model, 1, 1))
    before = start[0].detach().clone()
    slope = torch.autograd.grad(off(run, pool, list(start)), list(start))[0]
    params = AdvUnlearn(attack=attack, attack_start="latest", attack_steps=1, attack_rate=0.01)
    (soft,) = _attack_prefix(run, params, pool, torch.tensor([0]), start)
    clear = slope.abs() > 1e-5  # Adam's first step is its rate times the sign of the slope
    assert clear.any()
    torch.testing.assert_close((soft - before)[clear], -0.01 * slope.sign()[clear], rtol=1e-2, atol=1e-5)
    assert torch.equal(start[0].detach(), soft)  # the next attack starts there
    (soft,) = _attack_prefix(run, params.model_copy(update={"attack_steps": 20}), pool, torch.tensor([0]), start)
    assert off(run, pool, [soft]) < off(run, pool, [before])


def test_a_place_of_the_pool_is_one_of_the_same_prompt():
    x = torch.arange(8.0).view(2, 4, 1, 1, 1)
    pool = Pool(
        {"x": x, "said": x, "free": x, "clean": x[0], "t": torch.tensor([9, 5]), "which": torch.tensor([0, 1, 0, 1])}
    )
    at, t, _ = random_stops(pool, torch.tensor([1, 0] * 20))
    rows = at.view(-1) % 4
    assert set(rows[::2].tolist()) == {1, 3}
    assert set(rows[1::2].tolist()) == {0, 2}
    assert torch.equal(t == 5, at.view(-1) >= 4)


@pytest.mark.parametrize(
    ("name", "params", "moved"),
    [
        ("unet.conv_in.weight", {}, False),
        ("text_encoder.embeddings.token_embedding.weight", {}, True),
        ("text_encoder.embeddings.token_embedding.weight", {"layers": 1}, False),
        ("text_encoder.encoder.layers.1.mlp.fc1.weight", {}, True),
        ("text_encoder.encoder.layers.1.mlp.fc1.weight", {"layers": 1}, False),
        ("text_encoder.encoder.layers.0.mlp.fc1.weight", {"layers": 1}, True),
        ("text_encoder.encoder.layers.0.mlp.fc1.weight", {"component": "attention"}, False),
        ("text_encoder_2.text_model.encoder.layers.0.self_attn.q_proj.bias", {"component": "attention"}, True),
        ("text_encoder.final_layer_norm.weight", {"layers": 1}, True),
        ("text_encoder.final_layer_norm.weight", {"component": "feed-forward"}, False),
        ("text_encoder.final_layer_norm.weight", {"component": "feed-forward", "last_norm": True}, True),
    ],
)
def test_what_may_move(name, params, moved):
    assert is_trainable(name, AdvUnlearn(**params)) is moved


def test_the_unet_stays_as_it_was_and_the_chosen_layer_moves(drawers):
    run = done(drawers["v_prediction"], layers=1, component="attention", attack="sign", retain="in turn")
    assert pictures.changed(run)
    assert all(name.startswith("text_encoder.encoder.layers.0.self_attn.") for name in pictures.changed(run))
    assert run._values.keys() == {"defence", "attack", "keep"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_job_ends_as_an_uninterrupted_one(drawers, kind):
    whole = done(drawers[kind], attack_start="latest")
    assert all(name.startswith("text_encoder.") for name in pictures.changed(whole))
    cut = toy.Memory(checkpoint_at=6)  # three things are made once; then the fourth of four steps
    with pytest.raises(Cancelled):
        done(drawers[kind], keeper=cut, attack_start="latest")
    assert cut.saved["at"]["step"] == 3
    rest = done(drawers[kind], resume=cut.saved, attack_start="latest")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, rest.model.state_dict()[name]), name
