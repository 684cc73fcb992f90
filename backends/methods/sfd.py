"""SFD: distil the model into one that draws in a single step, and that draws something else for the concept."""

import copy
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_
from torch.optim import Adam

from ..api.errors import BadInput
from ..engine.run import Run
from ..models.diffusion import Pipeline, Words, join
from ..models.one_step import attach_one_step
from ..registry import method
from ._drawing import DrawingParams, words


class Sfd(DrawingParams):
    """Score forgetting distillation."""

    steps: int = Field(default=60, ge=1, le=100_000, description="Rounds of one step each; 50,000 in the paper.")
    learning_rate: float = Field(
        default=3e-5, gt=0, le=0.1, description="Step size of the model that draws in one step."
    )
    fake_rate: float = Field(
        default=9e-5,
        gt=0,
        le=0.1,
        description="Step size of the network that learns what it draws; thrice the other's.",
    )
    batch_size: int = Field(
        default=4, ge=1, le=64, description="Pictures of what is kept in one step, and as many of the concept."
    )
    distil_first: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="First rounds in which nothing is forgotten: distillation alone (two stages).",
    )
    forget_weight: float = Field(
        default=1.0,
        gt=0,
        le=10,
        description="Weight of the concept; the authors take 0.01 for CIFAR-10 and 1 for Stable Diffusion.",
    )
    draw_at: float = Field(
        default=0.625,
        gt=0,
        lt=1,
        description="Time step at which the one step is taken, as a share of all; 0.44 for CIFAR-10, 0.625 for Stable Diffusion.",
    )
    earliest: float = Field(
        default=0.02, ge=0, lt=1, description="Least noise at which pictures are compared, as a share of time."
    )
    latest: float = Field(default=0.98, gt=0, le=1, description="Most noise, as a share of time.")
    alpha: float = Field(
        default=1.0,
        ge=0,
        le=3,
        description="Weight of the second term of the loss; 1.2 for CIFAR-10, 1 for Stable Diffusion.",
    )
    guidance: float = Field(
        default=1.0, ge=1, le=15, description="Guidance of both networks that judge; more than 1 doubles their work."
    )
    clip: float = Field(default=1.0, gt=0, le=1000, description="Greatest value of a gradient's entry.")


@method(
    id="sfd",
    title="SFD: draw in one step and forget on the way",
    summary="The model learns to draw in a single step, and for the concept what it drew for the anchor; good pictures need "
    "thousands of rounds on a graphics card.",
    school="You learn to draw everything with one stroke, and for one word you are only ever shown another drawing.",
    student=(
        "Three networks: the frozen teacher, a generator that draws in one step at a fixed time step, and a fake-score network "
        "that learns the score of what the generator draws. The generator moves to where teacher and fake score agree, which "
        "is where its pictures are distributed as the teacher's. For the concept the teacher is asked for the anchor instead: "
        "that one substitution is the unlearning. No data is needed. The result draws in one step; sampling it in many is wrong."
    ),
    source={
        "title": "Chen et al., Score Forgetting Distillation: A Swift, Data-Free Method for Machine Unlearning in Diffusion "
        "Models, ICLR 2025",
        "url": "https://arxiv.org/abs/2409.11219",
        "code": "https://github.com/tqch/score-forgetting-distillation",
    },
    label="same algorithm, smaller model",
    departures=(
        "The default takes 60 rounds where the paper takes 50,000, so its pictures, of whatever is asked, are those of a "
        "distillation that has hardly begun. The settings follow the authors' Stable Diffusion code "
        "(time steps, weights, no averaged copy of the generator) with larger steps and without guidance. The model after "
        "draws in one step, whatever number of steps is asked for, and no pipeline folder can say so: it cannot be exported."
    ),
    works_with={"text-to-image": True},
    order=90,
)
def sfd(run: Run, params: Sfd) -> None:
    """Alternate one step of the fake score on what the generator draws and one of the generator on the SiD loss.

    Raises:
        BadInput: the least noise is not less than the most.
    """
    pipe = run.task.pipe
    if int(params.earliest * pipe.times) >= int(params.latest * pipe.times):
        raise BadInput(f"sfd: earliest was {params.earliest} and latest {params.latest}; earliest has to be less.")
    run.once("one step", lambda: _made_for_one_step(run.model, int(params.draw_at * pipe.times)))
    generator, fake = run.model.requires_grad_(False).unet.requires_grad_(True), copy.deepcopy(run.original.unet)
    fake.requires_grad_(True)
    moves, follows = (
        Adam(network.parameters(), lr=rate, betas=(0.0, 0.999))
        for network, rate in ((generator, params.learning_rate), (fake, params.fake_rate))
    )
    saved = {"optimizer": moves, "fake score": fake, "fake score optimizer": follows}
    told = Told.of(run)
    for step in run.steps("draw in one step", params.steps, saved):
        forgetting = step.step >= params.distil_first
        weight = params.forget_weight if forgetting else 1.0
        said = Judges(pipe, run.original, SimpleNamespace(unet=fake), told.empty, params.guidance)
        followed = _fake_score_loss(run, params, said, told.some(params.batch_size, forgetting), weight)
        _move(follows, fake, followed, params.clip)
        loss = _generator_loss(run, params, said, told.some(params.batch_size, forgetting), weight)
        _move(moves, generator, loss, params.clip)
        run.log(fake_score=followed.detach(), loss=loss.detach())


@dataclass(frozen=True)
class Told:
    """What the networks can be told: prompts to keep, those of the concept, in their order its anchor's, and none."""

    keep: Words
    gone: Words
    anchor: Words
    empty: Words

    @classmethod
    def of(cls, run: Run) -> "Told":
        asking = run.task.asking  # type: ignore[attr-defined]
        lists = (asking.keep_prompts, asking.forget_prompts, asking.anchor_prompts, [""])
        return cls(*(words(run, run.original, prompts) for prompts in lists))

    def some(self, count: int, forgetting: bool) -> tuple[Words, Words]:
        """`count` prompts to keep and then as many of the concept: as asked, and as the teacher is asked."""
        keep, gone = (torch.randint(len(each), (count,)) for each in (self.keep, self.gone))
        override = self.anchor if forgetting else self.gone
        return join([self.keep[keep], self.gone[gone]]), join([self.keep[keep], override[gone]])


@dataclass(frozen=True)
class Judges:
    """The two networks that look at what the generator draws."""

    pipe: Pipeline
    teacher: nn.Module
    fake: SimpleNamespace
    empty: Words
    guidance: float

    def clean(self, model: object, x: Tensor, t: Tensor, told: Words) -> Tensor:
        """x0 as a network sees it in x_t."""
        return self.pipe.as_clean(self.guided(model, x, t, told), x, t)

    def guided(self, model: object, x: Tensor, t: Tensor, told: Words) -> Tensor:
        """A network's prediction at x_t under guidance, in its own kind."""
        said = self.pipe.predict(model, x, t, told)
        if self.guidance == 1:
            return said
        free = self.pipe.predict(model, x, t, self.empty[[0] * len(x)])
        return free + self.guidance * (said - free)


def sid(real: Tensor, fake: Tensor, drawn: Tensor, alpha: float) -> Tensor:
    """Score identity distillation's loss, [n]: the sum over a picture's entries.

    (real - fake) * [(real - drawn) - alpha (real - fake)] / omega, with omega the mean of |real - drawn|, held fixed.

    Args:
        real, fake: x0 as the teacher and the fake-score network see it in the noised picture, [n, c, h, w].
        drawn: the picture.
        alpha: weight of the second term.
    """
    omega = (real - drawn).detach().abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-5)
    return ((real - fake) * ((real - drawn) - alpha * (real - fake)) / omega).sum((1, 2, 3))


def weighted(losses: Tensor, weight: float) -> Tensor:
    """Mean of the first half of a batch plus `weight` times the mean of the second, of the concept."""
    keep, gone = losses.chunk(2)
    return keep.mean() + weight * gone.mean()


def _fake_score_loss(run: Run, params: Sfd, said: Judges, told: tuple[Words, Words], weight: float) -> Tensor:
    """What the fake score still gets wrong, as noise, of the generator's pictures under the words they were drawn with."""
    asked, _ = told
    with torch.no_grad():
        drawn = _drawn(run, asked)
    x, t, noise = _noised(said.pipe, drawn, params)
    off = said.pipe.as_noise(said.guided(said.fake, x, t, asked), x, t) - noise
    return weighted(off.square().sum((1, 2, 3)), weight)


def _generator_loss(run: Run, params: Sfd, said: Judges, told: tuple[Words, Words], weight: float) -> Tensor:
    """`sid`, with gradients through both networks to the noised picture and on to the generator."""
    asked, override = told
    drawn = _drawn(run, asked)
    x, t, _ = _noised(said.pipe, drawn, params)
    real, fake = said.clean(said.teacher, x, t, override), said.clean(said.fake, x, t, asked)
    return weighted(sid(real, fake, drawn, params.alpha), weight)


def _drawn(run: Run, asked: Words) -> Tensor:
    pipe = run.task.pipe
    start = torch.randn(len(asked), pipe.channels, *pipe.cells, device=run.device)
    return pipe.one_step(run.model, asked, start, int(run.model.one_step_at))


def _noised(pipe: Pipeline, drawn: Tensor, params: Sfd) -> tuple[Tensor, Tensor, Tensor]:
    bounds = (int(params.earliest * pipe.times), int(params.latest * pipe.times))
    t = torch.randint(*bounds, (len(drawn),), device=drawn.device)
    noise = torch.randn_like(drawn)
    return pipe.noised(drawn, noise, t), t, noise


def _move(optimizer: Adam, network: nn.Module, loss: Tensor, clip: float) -> None:
    weights = list(network.parameters())
    for weight, slope in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = slope
    clip_grad_value_(weights, clip)
    optimizer.step()


def _made_for_one_step(model: nn.Module, at: int) -> int:
    attach_one_step(model, at)
    return at
