"""What methods that train on finished pictures share: who is drawn how often, with which guidance, and noised how."""

import pictures
import pytest
import torch
import toy
from hypothesis import given
from hypothesis import strategies as st

from backends.core.run import Run
from backends.methods._drawing import LatentImages, PicturesParams, prompt_indices
from backends.methods._drawing import latent_images as drawn


@given(st.integers(1, 60), st.integers(1, 60))
def test_no_prompt_is_passed_over_for_long(count, of):
    which = prompt_indices(count, of)
    assert len(which) == count
    if count >= of:
        often = torch.bincount(which, minlength=of)
        assert often.max() - often.min() <= 1
    else:  # one of each stretch of of / count prompts
        ends = [(i * of / count, (i + 1) * of / count) for i in range(count)]
        assert all(int(first) <= place <= last for place, (first, last) in zip(which.tolist(), ends, strict=True))


def test_they_are_drawn_once_in_a_job_with_the_models_own_guidance(drawers):
    def made(**params):
        run = Run(pictures.task(drawers["epsilon"]), toy.Memory(), 0)
        settings = PicturesParams(pool=3, pool_steps=2, **params)
        first = drawn(run, "drawing", ["a cat", "a dog"], settings)
        assert first.which.tolist() == [0, 1, 0]
        assert drawn(run, "drawing", ["a cat", "a dog"], settings).clean is first.clean
        return first.clean

    own = made()
    assert own.shape == (3, 4, 8, 8)
    assert torch.equal(own, made(start_guidance=pictures.CARD["drawing"]["guidance"]))
    assert not torch.allclose(own, made(start_guidance=5.0), atol=1e-4)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_whoever_predicts_the_truth_of_a_noised_picture_sees_the_picture(drawers, kind):
    pipe = pictures.task(drawers[kind]).pipe
    held = LatentImages(pipe, torch.randn(20, 4, 8, 8), torch.arange(20))
    x, t, truth, which = held.noised(torch.arange(19, -1, -1))
    assert which.tolist() == list(range(19, -1, -1))
    assert len(set(t.tolist())) > 10
    torch.testing.assert_close(pipe.as_clean(truth, x, t), held.clean.flip(0), rtol=0, atol=1e-3)
    assert (pipe.as_noise(truth, x, t).std() - 1).abs() < 0.1
