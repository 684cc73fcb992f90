"""Forget-Me-Not: which tokens are the concept's, the norm it makes small, and that the model keeps its own attention."""

import pictures
import pytest
import torch
import toy

from backends.api.errors import BadInput
from backends.core.run import Run
from backends.families.text_to_image.attention import captured
from backends.methods._drawing import latent_images as drawn
from backends.methods.forget_me_not import ForgetMeNot, attention_norm, concept_tokens, forget_me_not, occurrences

SMALL = {"pool": 4, "pool_steps": 2, "batch_size": 3}


def marked(task, end_token=False, padding=False):
    """Places of the concept's tokens by forget prompt."""
    prompts = task.asking.forget_prompts
    where = concept_tokens(Run(task, toy.Memory(), 0), task.pipe.ids(prompts), end_token, padding)
    return {prompt: row.nonzero().flatten().tolist() for prompt, row in zip(prompts, where, strict=True)}


def test_a_name_is_found_wherever_a_prompt_says_it(drawers):
    folder = drawers["epsilon"]
    assert marked(pictures.task(folder, ("cat",))) == {
        "cat": [1],
        "a cat": [2],
        "a cat in flat style": [2],
        "a cat in noto style": [2],
    }
    style = marked(pictures.task(folder, ("noto style",)))
    assert style["noto style"] == [1]
    assert style["a dog in noto style"] == [4]
    assert marked(pictures.task(folder, ("cat in flat style",)))["a cat in flat style"] == [2, 4]
    both = marked(pictures.task(folder, ("cat", "noto style")))
    assert both["a cat"] == [2]
    assert both["a dog in noto style"] == [4]
    assert both["a cat in noto style"] == [4]  # asked for twice, and the second is the style's


@pytest.mark.parametrize(
    ("end_token", "padding", "places"),
    [(True, False, [2, 6]), (False, True, [2, *range(7, 16)]), (True, True, [2, *range(6, 16)])],
)
def test_the_end_and_the_padding_are_added_as_asked(drawers, end_token, padding, places):
    assert marked(pictures.task(drawers["epsilon"]), end_token, padding)["a cat in flat style"] == places


def test_a_phrase_of_several_tokens_is_marked_whole_and_one_that_is_cut_as_far_as_it_goes(tmp_path):
    folder = pictures.make(tmp_path, card=False)
    task = pictures.task(folder, ("red cat",))
    letters = task.pipe.count("red")
    assert letters > 1  # the word is not in the data
    for prompt, places in marked(task).items():
        first = 1 + task.pipe.count(prompt.removesuffix("red cat"))
        assert places == list(range(first, first + letters + 1)), prompt
    long = marked(pictures.task(folder, ("cat dog " * 10,)), end_token=True)
    assert next(iter(long.values())) == list(range(1, 16))


def test_a_name_within_another_word_is_an_error_that_names_both(drawers):
    task = pictures.task(drawers["epsilon"])
    task.asking.forget_prompts[1] = "two cats"
    with pytest.raises(BadInput, match="'two cats' was to hold 'cat'"):
        marked(task)


def test_every_copy_is_found_and_only_a_cut_prompt_may_end_within_one():
    assert list(occurrences([5, 6, 1, 5, 6], [5, 6], False)) == [0, 1, 3, 4]
    assert list(occurrences([1, 5], [5, 6], False)) == []
    assert list(occurrences([1, 5], [5, 6], True)) == [1]


def test_the_norm_is_over_layers_heads_pixels_and_marked_tokens_of_each_row():
    one = torch.zeros(2, 1, 1, 3)
    one[0, 0, 0] = torch.tensor([3.0, 100.0, 0.0])
    two = torch.zeros(2, 2, 2, 3)
    two[0, 1, 1, 0], two[1, 0, 1, 2], two[1, 1, 0, 2] = 4.0, 6.0, 8.0
    where = torch.tensor([[True, False, False], [False, False, True]])
    assert float(attention_norm([("a", one), ("b", two)], where)) == pytest.approx((5 + 10) / 2)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_attention_leaves_the_concept_for_the_other_tokens(drawers, kind):
    run = Run(pictures.task(drawers[kind], ("cat", "noto style")), toy.Memory(), 0)
    settings = ForgetMeNot(**SMALL, steps=40, learning_rate=3e-3, weights="cross-attention")
    forget_me_not(run, settings)
    pipe, prompts = run.task.pipe, run.task.asking.forget_prompts
    x, t, _, which = drawn(run, "drawing what is to be forgotten", prompts, settings).noised(torch.arange(4))
    asked = pipe.words(run.original, prompts).detach()
    where = concept_tokens(run, asked.ids, True, False)[which]
    with torch.no_grad():
        seen = []
        for model in (run.original, run.model):
            with captured(model.unet) as looks:
                pipe.predict(model, x, t, asked[which])
            seen.append(torch.cat([look.flatten(1, 2) for _, look in looks], 1))
    shares = [(look * where[:, None]).sum(-1).mean() for look in seen]
    assert shares[1] < 0.6 * shares[0]


def test_the_model_has_its_own_attention_back_and_only_chosen_weights_move(drawers):
    run = Run(pictures.task(drawers["v_prediction"]), toy.Memory(), 0)
    own = dict(run.model.unet.attn_processors)
    forget_me_not(run, ForgetMeNot(**SMALL, steps=2, weights="cross-attention"))
    assert all(processor is own[name] for name, processor in run.model.unet.attn_processors.items())
    before = dict(run.original.named_parameters())
    moved = {name for name, parameter in run.model.named_parameters() if not torch.equal(parameter, before[name])}
    assert {"to_q", "to_k"} <= {name.split(".")[-2] for name in moved}
    assert all(".attn2." in name for name in moved)
