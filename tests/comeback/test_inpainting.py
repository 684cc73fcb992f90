import drawn_tries
import numpy as np
import pictures
import pytest
import torch

from backends.attacks import _drawing, inpainting


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pictures.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def look(folder, tmp_path):
    return drawn_tries.look(drawn_tries.task(folder), tmp_path)


def filled(look, clean, noise, side):
    prompts = [shot.prompt for shot in look.exam.shots]
    return inpainting.completed(look.exam, look.after, prompts, clean, noise, inpainting.hole(clean, side))


def test_the_hole_is_in_the_middle_and_as_large_as_said():
    clean = torch.zeros(1, 4, 8, 8)
    for side, length in ((0.0, 0), (0.5, 4), (0.75, 6), (1.0, 8)):
        cut = inpainting.hole(clean, side)[0, 0]
        assert int(cut.sum()) == length**2
        assert torch.equal(cut, cut.flip(0)) and torch.equal(cut, cut.T)


def test_without_a_hole_it_is_the_picture_and_with_nothing_but_a_hole_a_drawing(look):
    clean, noise = _drawing.beginnings(look.exam)
    pipe, drawing, shots = look.task.pipe, look.task.drawing, look.exam.shots
    np.testing.assert_array_equal(filled(look, clean, noise, 0.0), pipe.pixels(clean))
    words = pipe.words(look.after, [shot.prompt for shot in shots])
    free = pipe.draw(look.after, words, noise, int(drawing["steps"]), float(drawing["guidance"]))
    np.testing.assert_allclose(filled(look, clean, noise, 1.0).astype(int), pipe.pixels(free).astype(int), atol=1)


def test_the_model_never_sees_what_was_cut_out(look):
    clean, noise = _drawing.beginnings(look.exam)
    cut = inpainting.hole(clean, 0.5)
    other = torch.where(cut, torch.randn_like(clean), clean)
    np.testing.assert_array_equal(filled(look, clean, noise, 0.5), filled(look, other, noise, 0.5))


def test_at_each_step_the_rest_of_the_picture_is_there_with_the_noise_of_that_step(look, monkeypatch):
    clean, noise = _drawing.beginnings(look.exam)
    pipe, inputs = look.task.pipe, []
    predict = pipe.predict
    monkeypatch.setattr(
        pipe, "predict", lambda model, x, t, words: inputs.append((x.numpy(), int(t[0]))) or predict(model, x, t, words)
    )
    filled(look, clean, noise, 0.5)
    bars, rest = pipe.scheduler.alphas_cumprod.double().numpy(), ~inpainting.hole(clean, 0.5)[0, 0].numpy()
    assert len({t for _, t in inputs}) == int(look.task.drawing["steps"])
    for x, t in inputs:
        expected = bars[t] ** 0.5 * clean.numpy() + (1 - bars[t]) ** 0.5 * noise.numpy()
        for half in np.split(x, 2):
            np.testing.assert_allclose(half[..., rest], expected[..., rest], atol=1e-5)


def test_the_control_fills_in_the_same_for_a_neighbour(look, monkeypatch):
    calls, complete = [], inpainting.completed

    def recorded(exam, model, prompts, clean, noise, cut):
        calls.append((id(model), prompts[0], clean, noise, int(cut.sum())))
        return complete(exam, model, prompts, clean, noise, cut)

    monkeypatch.setattr(inpainting, "completed", recorded)
    inpainting.inpainting(look, inpainting.Inpainting())
    tries = len(inpainting.SIDES)
    assert [call[0] for call in calls] == [id(look.before)] * tries + [id(look.after)] * tries + [
        id(look.before)
    ] * tries
    assert {call[1] for call in calls[: 2 * tries]} == {look.exam.shots[0].prompt}
    assert {call[1] for call in calls[2 * tries :]} == {look.exam.shots[0].prompt.replace("cat", "dog")}
    assert all(torch.equal(call[at], calls[0][at]) for call in calls for at in (2, 3))
    assert [call[4] for call in calls] == [call[4] for call in calls[:tries]] * 3
