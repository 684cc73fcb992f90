"""Cross-attention that keeps what it looks at, on a tiny U-Net: the same answers, and the layers as they were afterwards."""

import pictures
import pytest
import torch

from backends.families.text_to_image.attention import captured, cross_layers


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return pictures.task(pictures.make(tmp_path_factory.mktemp("tiny")))


def ask(task, model, prompts=("a cat", "")):
    x, t = task.pipe.start(range(len(prompts))), torch.tensor([500, 900])
    return task.pipe.predict(model, x, t, task.pipe.words(model, prompts).detach())


def test_the_answer_is_the_same_and_every_layer_is_seen_in_order(task):
    model = task.load()
    with torch.no_grad():
        plain = ask(task, model)
        with captured(model.unet) as looks:
            torch.testing.assert_close(ask(task, model), plain, rtol=1e-5, atol=1e-6)
    names = [name for name, _ in looks]
    assert sorted(names) == sorted(cross_layers(model.unet))
    assert [name.split("_")[0] for name in names] == ["down", "mid", "up", "up"]
    pixels = {name.split("_")[0]: look.shape for name, look in looks}
    assert pixels == {"down": (2, 2, 16, 16), "mid": (2, 2, 16, 16), "up": (2, 2, 16, 16)}
    for _, look in looks:
        torch.testing.assert_close(look.sum(-1), torch.ones(look.shape[:-1]))
        assert (look >= 0).all()


def test_what_is_kept_is_what_the_layer_multiplies_its_values_with(task):
    """Rebuilt from the layer's own projections: softmax(q k / sqrt(d)) of the inputs it was given."""
    model, given = task.load(), {}
    name, layer = next(iter(cross_layers(model.unet).items()))
    layer.register_forward_hook(
        lambda layer, args, more, out: given.update(x=args[0], c=more["encoder_hidden_states"]), with_kwargs=True
    )
    with torch.no_grad(), captured(model.unet) as looks:
        ask(task, model)
        q, k = (
            side.unflatten(-1, (layer.heads, -1)).transpose(1, 2)
            for side in (layer.to_q(given["x"]), layer.to_k(given["c"]))
        )
        by_hand = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    torch.testing.assert_close(dict(looks)[name], by_hand, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(by_hand[0], by_hand[1], atol=1e-4)  # the two prompts are looked at differently


def test_gradients_reach_queries_and_keys_only_where_they_are_on(task):
    model = task.load().requires_grad_(False)
    layers = cross_layers(model.unet)
    for layer in layers.values():
        layer.to_k.weight.requires_grad_(True)
    with captured(model.unet) as looks:
        ask(task, model)
        sum(look[..., 1].square().sum() for _, look in looks).backward()
    assert all(layer.to_k.weight.grad.abs().sum() > 0 for layer in layers.values())
    with torch.no_grad(), captured(model.unet) as looks:
        ask(task, model)
    assert not any(look.requires_grad for _, look in looks)


def test_the_layers_have_their_own_processors_back_even_after_a_failure(task):
    model = task.load()
    before = dict(model.unet.attn_processors)
    with pytest.raises(ValueError, match="in between"), captured(model.unet):
        assert dict(model.unet.attn_processors) != before
        raise ValueError("in between")
    after = model.unet.attn_processors
    assert before.keys() == after.keys()
    assert all(after[name] is before[name] for name in before)
