import itertools

import pictures
import pytest
import torch

from backends.families.text_to_image import denoising
from backends.families.text_to_image.one_step import attach_one_step
from backends.families.text_to_image.pipeline import Pipeline

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["v_prediction", "epsilon"])
def pipe(request, tmp_path_factory):
    return Pipeline(pictures.make(tmp_path_factory.mktemp(request.param), kind=request.param), "tiny", CPU)


def test_the_loss_is_the_error_of_what_the_network_said_of_the_noised_picture(pipe):
    model, recorded = pipe.load(), {}
    model.unet.register_forward_hook(
        lambda _, inputs, output: recorded.update(x=inputs[0].detach(), t=inputs[1], said=output.sample.detach())
    )
    clean, noise, t = pipe.start([1, 2]), pipe.start([3, 4]), torch.tensor([120, 870])
    loss = denoising.losses(pipe, model, clean, noise, t, pipe.words(model, ["a cat", "a dog"]))
    bar = pipe.scheduler.alphas_cumprod[t].view(-1, 1, 1, 1)
    wanted = bar.sqrt() * noise - (1 - bar).sqrt() * clean if pipe.kind == "v_prediction" else noise
    assert torch.equal(recorded["t"], t)
    torch.testing.assert_close(recorded["x"], bar.sqrt() * clean + (1 - bar).sqrt() * noise)
    torch.testing.assert_close(loss, (recorded["said"] - wanted).square().mean((1, 2, 3)))


def test_from_pure_noise_over_the_same_steps_it_draws_as_the_pipeline_does(pipe):
    model, start = pipe.load(), pipe.start([3, 5])
    words, empty = pipe.words(model, ["a cat", "a dog"]), pipe.words(model, [""])
    ours = denoising.finish(pipe, model, words, start, pipe.timeline(4).tolist(), 2.0, empty)
    torch.testing.assert_close(ours, pipe.draw(model, words, start, 4, 2.0), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("eta", "more"), [(0.0, False), (0.5, False), (1.0, False), (2.0, True)])
def test_new_noise_replaces_old_until_there_is_too_much(pipe, eta, more, monkeypatch):
    x0, generator, seen = torch.full((1, 4, 100, 100), 0.5), torch.Generator().manual_seed(0), []
    old = denoising.noise_like(x0, generator)

    def perfect(pipe, model, x, t, *_):
        seen.append(x)
        return pipe.truth(x0, old, t)

    monkeypatch.setattr(denoising, "predicted", perfect)
    times = [800, 400]
    start = pipe.noised(x0, old, torch.tensor(times[:1]))
    denoising.finish(pipe, None, None, start, times, 1.0, None, eta, generator)
    bar, left = (float(pipe.scheduler.alphas_cumprod[time]) for time in times)
    noise = seen[1] - left**0.5 * x0
    ddpm = ((1 - left) / (1 - bar) * (1 - bar / left)) ** 0.5
    assert float(noise.std()) == pytest.approx(max((1 - left) ** 0.5, eta * ddpm), rel=0.02)
    assert (float(noise.std()) > 1.05 * (1 - left) ** 0.5) == more
    kept = float((noise * old).mean())  # how much of it is the old noise
    assert kept == pytest.approx(max(1 - left - (eta * ddpm) ** 2, 0) ** 0.5, abs=0.03)


def test_without_steps_left_the_start_comes_back(pipe):
    model, start = pipe.load(), pipe.start([3])
    words = pipe.words(model, ["a cat"])
    assert denoising.times_from(pipe, 0.0, 6) == []
    assert denoising.finish(pipe, model, words, start, [], 2.0, words) is start


def test_the_steps_begin_at_the_share_and_come_down_evenly(pipe):
    times = denoising.times_from(pipe, 0.6, 6)
    assert times[0] == 599 and len(times) == 6 and times[-1] > 0
    assert {round(one - other, -2) for one, other in itertools.pairwise(times)} == {100}


def test_a_model_that_draws_in_one_step_learns_at_that_step(pipe):
    model = pipe.load()
    some = denoising.random_times(pipe, model, 50, torch.Generator().manual_seed(0))
    assert len(some.unique()) > 30
    attach_one_step(model, 600)
    assert denoising.random_times(pipe, model, 3, torch.Generator()).tolist() == [600] * 3
