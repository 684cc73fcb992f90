"""SFD: its loss by hand, drawing in one step, exact scores of Gaussians, and jobs."""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pictures
import pytest
import torch
import toy
from torch import nn

from backends.api.errors import BadInput
from backends.core import pack
from backends.core.run import Cancelled, Run, restore
from backends.families.text_to_image.one_step import attach_one_step
from backends.families.text_to_image.pipeline import Pipeline, Words
from backends.methods.sfd import PromptEmbeddings, Sfd, sfd, sid, weighted

KINDS = ("v_prediction", "epsilon")
SMALL = {"steps": 3, "batch_size": 2, "distil_first": 1}


def done(folder, keeper=None, resume=None, **params):
    run = Run(pictures.task(folder, ("cat", "flat style")), keeper or toy.Memory(), 0, resume)
    sfd(run, Sfd(**SMALL | params))
    return run


def test_the_loss_by_hand():
    real, fake, drawn = (torch.full((1, 1, 1, 2), value, requires_grad=True) for value in (2.0, 1.0, 0.0))
    # each of two entries: (2 - 1) * ((2 - 0) - alpha (2 - 1)) / omega, with omega = |2 - 0|
    assert float(sid(real, fake, drawn, 1.0)) == pytest.approx(1.0)
    assert float(sid(real, fake, drawn, 1.2)) == pytest.approx(0.8)
    sid(real, fake, drawn, 1.0).sum().backward()
    # omega is held fixed: d/d real = ((2 - 0) - (2 - 1) + (2 - 1) (1 - 1)) / 2
    assert real.grad.flatten().tolist() == [0.5, 0.5]
    assert drawn.grad.flatten().tolist() == [-0.5, -0.5]


def test_the_concept_counts_by_its_weight():
    assert float(weighted(torch.tensor([1.0, 3.0, 10.0, 20.0]), 0.1)) == pytest.approx(2 + 1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_one_step_is_x0_of_noise_at_its_time(drawers, kind):
    task = pictures.task(drawers[kind])
    model, pipe = task.load(), task.pipe
    words, z, t = pipe.words(model, ["a cat", "dog"]), pipe.start([0, 1]), torch.tensor([625, 625])
    a, b = (value[:1] for value in pipe.scale(t))
    with torch.no_grad():
        said = pipe.predict(model, b * z, t, words)
        wanted = b * z / a - b / a * said if kind == "epsilon" else a * b * z - b * said
        torch.testing.assert_close(pipe.one_step(model, words, z, 625), wanted)


def test_a_model_made_for_one_step_is_drawn_so_whatever_is_asked(drawers):
    task = pictures.task(drawers["v_prediction"])
    many, one = task.load(), attach_one_step(task.load(), 625)
    stops = []
    drawn = task.draw_latents(one, ["a cat"], [3], on_step=lambda *at: stops.append(at[0]))
    assert stops == [0]
    assert torch.equal(drawn, task.draw_latents(one, ["a cat"], [3], steps=7, guidance=5.0))
    assert not torch.allclose(drawn, task.draw_latents(many, ["a cat"], [3]), atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_an_opened_run_draws_as_its_job_did_and_cannot_be_exported(drawers, kind, tmp_path):
    run = done(drawers[kind])
    changed = pack.changed(run.model.state_dict(), run.original.state_dict())
    assert int(changed.pop("one_step_at")) == 625
    assert changed
    assert all(name.startswith("unet.") for name in changed)
    opened = restore_of(run)
    drawn = [run.task.draw(model, ["a cat", "dog"], [1, 2]) for model in (run.model, opened)]
    assert np.array_equal(*drawn)
    with pytest.raises(BadInput, match="draws in one step, from noise at time step 625"):
        run.task.write(opened, tmp_path)


def restore_of(run):
    opened = run.task.load()
    restore(opened, pack.changed(run.model.state_dict(), run.original.state_dict()))
    return opened


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_job_ends_as_an_uninterrupted_one(drawers, kind):
    whole = done(drawers[kind], guidance=2.0)
    cut = toy.Memory(checkpoint_at=3)
    with pytest.raises(Cancelled):
        done(drawers[kind], keeper=cut, guidance=2.0)
    assert cut.saved["at"]["step"] == 2
    rest = done(drawers[kind], resume=cut.saved, guidance=2.0)
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, rest.model.state_dict()[name]), name


def test_only_the_teacher_is_told_the_anchor_and_only_for_the_concept(drawers):
    run = Run(pictures.task(drawers["v_prediction"]), toy.Memory(), 0)
    asking, told = run.task.asking, PromptEmbeddings.of(run)
    for forgetting in (True, False):
        asked, override = told.some(4, forgetting)
        assert torch.equal(asked.hidden[:4], override.hidden[:4])
        kept, gone, anchor = (
            {tuple(row) for row in run.task.pipe.ids(prompts).tolist()}
            for prompts in (asking.keep_prompts, asking.forget_prompts, asking.anchor_prompts)
        )
        assert {tuple(row) for row in asked.ids[:4].tolist()} <= kept
        assert {tuple(row) for row in asked.ids[4:].tolist()} <= gone
        assert {tuple(row) for row in override.ids[4:].tolist()} <= (anchor if forgetting else gone)


def test_the_bounds_of_time_have_to_be_in_order(drawers):
    with pytest.raises(BadInput, match=r"earliest was 0\.5 and latest 0\.5;"):
        done(drawers["v_prediction"], earliest=0.5, latest=0.5)


class Gaussian(nn.Module):
    """A "U-Net" for pictures of one number, N(mean of the prompt, 0.5^2), which says the exact noise."""

    def __init__(self, pipe, means):
        super().__init__()
        self.pipe, self.means = pipe, nn.Parameter(torch.tensor(means))

    def forward(self, x, t, hidden):
        alpha, sigma = self.pipe.scale(t)
        mean = (hidden[:, 0] @ self.means).view(-1, 1, 1, 1)
        return SimpleNamespace(sample=sigma * (x - alpha * mean) / (alpha**2 * 0.25 + sigma**2))


class Line(Pipeline):
    """A pipeline of three prompts, as one-hot words."""

    def __init__(self):
        bar = torch.linspace(0.999, 0.01, 1000)
        self.kind, self.times, self.channels, self.cells = "epsilon", 1000, 1, (1, 1)
        self._alpha, self._sigma = bar.sqrt(), (1 - bar).sqrt()

    def autocast(self):
        return nullcontext()

    def words(self, model, prompts):
        rows = torch.tensor([["cat", "dog", "", "car"].index(prompt) for prompt in prompts])
        return Words(torch.eye(4)[rows][:, None], rows[:, None])


def test_with_exact_scores_the_concept_comes_to_lie_on_its_anchor():
    pipe, means = Line(), [4.0, -2.0, 0.0, 1.0]
    models = []
    for _ in range(2):
        model = nn.Module()
        model.unet = Gaussian(pipe, means)
        models.append(model)
    asking = SimpleNamespace(keep_prompts=["dog", "car"], forget_prompts=["cat"], anchor_prompts=["dog"])

    def steps(name, count, saved):
        for step in range(count):
            torch.manual_seed(step)
            yield SimpleNamespace(step=step)

    run = SimpleNamespace(
        task=SimpleNamespace(pipe=pipe, asking=asking),
        model=models[0],
        original=models[1].requires_grad_(False),
        device=torch.device("cpu"),
        cached=lambda name, make: make(),
        steps=steps,
        log=lambda **values: None,
    )

    def drawn():
        told = pipe.words(None, ["cat", "dog", "car"] * 400)
        with torch.no_grad():
            x = pipe.one_step(
                run.model, told, torch.randn(1200, 1, 1, 1, generator=torch.Generator().manual_seed(0)), 625
            )
        return x.view(-1, 3).mean(0)

    before = drawn()
    sfd(run, Sfd(steps=300, batch_size=16, learning_rate=0.05, fake_rate=0.1))
    after = drawn()
    assert before[0] > 1
    assert abs(after[0] - -2) < 0.5  # the teacher's mean of the anchor
    assert abs(after[1] - -2) < 0.5
    assert abs(after[2] - 1) < 0.5
    assert run.original.unet.means.tolist() == means
