"""Score forgetting distillation (SFD): distil a one-step generator that draws the anchor for the concept."""

import copy
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_
from torch.optim import Adam

from ..api.errors import BadInput
from ..core.registry import method
from ..core.run import Run, Stateful
from ..families.text_to_image.one_step import ONE_STEP, attach_one_step
from ..families.text_to_image.pipeline import Pipeline, Words, join
from ..families.text_to_image.task import TextToImage
from ._drawing import DrawingParams, encode_prompts


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
    title="Score Forgetting Distillation (SFD)",
    short="SFD",
    summary="Learns to draw in one step and forgets on the way; good pictures need thousands of rounds on a GPU.",
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
    kind="replace",
    departures=(
        "The default takes 60 rounds where the paper takes 50,000, so its pictures, of whatever is asked, are those of a "
        "distillation that has hardly begun. The settings follow the authors' Stable Diffusion code "
        "(time steps, weights, no averaged copy of the generator) with larger steps and without guidance. The model after "
        "draws in one step, whatever number of steps is asked for, and no pipeline folder can say so: it cannot be exported."
    ),
    needs=("pictures",),
    order=90,
)
def sfd(run: Run[TextToImage], params: Sfd) -> None:
    """Alternate one step of the fake score on what the generator draws and one of the generator on the SiD loss.

    Raises:
        BadInput: the least noise is not less than the most.
    """
    pipe = run.task.pipe
    if int(params.earliest * pipe.times) >= int(params.latest * pipe.times):
        raise BadInput(f"sfd: earliest was {params.earliest} and latest {params.latest}; earliest has to be less.")
    run.cached("one step", lambda: _set_one_step(run.model, int(params.draw_at * pipe.times)))
    generator = run.model.requires_grad_(False).get_submodule("unet").requires_grad_(True)
    fake = copy.deepcopy(run.original.get_submodule("unet")).requires_grad_(True)
    generator_optimizer, fake_optimizer = (
        Adam(network.parameters(), lr=rate, betas=(0.0, 0.999))
        for network, rate in ((generator, params.learning_rate), (fake, params.fake_rate))
    )
    saved: dict[str, Stateful] = {
        "optimizer": generator_optimizer,
        "fake score": fake,
        "fake score optimizer": fake_optimizer,
    }
    prompts = PromptEmbeddings.of(run)
    for step in run.steps("draw in one step", params.steps, saved):
        forgetting = step.step >= params.distil_first
        weight = params.forget_weight if forgetting else 1.0
        judges = Judges(pipe, run.original, SimpleNamespace(unet=fake), prompts.empty, params.guidance)
        fake_loss = _fake_score_loss(run, params, judges, prompts.some(params.batch_size, forgetting), weight)
        _step(fake_optimizer, fake, fake_loss, params.clip)
        loss = _generator_loss(run, params, judges, prompts.some(params.batch_size, forgetting), weight)
        _step(generator_optimizer, generator, loss, params.clip)
        run.log(fake_score=fake_loss.detach(), loss=loss.detach())


@dataclass(frozen=True)
class PromptEmbeddings:
    """Embedded prompts: to retain, to forget, the anchor of each prompt to forget, and the empty prompt."""

    retain: Words
    forget: Words
    anchor: Words
    empty: Words

    @classmethod
    def of(cls, run: Run[TextToImage]) -> "PromptEmbeddings":
        asking = run.task.asking
        lists = (asking.keep_prompts, asking.forget_prompts, asking.anchor_prompts, [""])
        return cls(*(encode_prompts(run, run.original, prompts) for prompts in lists))

    def some(self, count: int, forgetting: bool) -> tuple[Words, Words]:
        """`count` random retain prompts, then as many of the concept: for the generator, and for the teacher."""
        retain, forget = (torch.randint(len(each), (count,)) for each in (self.retain, self.forget))
        override = self.anchor if forgetting else self.forget
        return join([self.retain[retain], self.forget[forget]]), join([self.retain[retain], override[forget]])


@dataclass(frozen=True)
class Judges:
    """The two networks that score the generator's pictures: the teacher and the fake score."""

    pipe: Pipeline
    teacher: nn.Module
    fake: SimpleNamespace
    empty: Words
    guidance: float

    def clean(self, model: object, x: Tensor, t: Tensor, embeddings: Words) -> Tensor:
        """x0 as a network sees it in x_t."""
        return self.pipe.as_clean(self.guided(model, x, t, embeddings), x, t)

    def guided(self, model: object, x: Tensor, t: Tensor, embeddings: Words) -> Tensor:
        """A network's prediction at x_t under guidance, in its own kind."""
        conditional = self.pipe.predict(model, x, t, embeddings)
        if self.guidance == 1:
            return conditional
        unconditional = self.pipe.predict(model, x, t, self.empty[[0] * len(x)])
        return unconditional + self.guidance * (conditional - unconditional)


def sid(real: Tensor, fake: Tensor, generated: Tensor, alpha: float) -> Tensor:
    """Score identity distillation's loss, [n]: the sum over a picture's entries.

    (real - fake) * [(real - generated) - alpha (real - fake)] / omega, with omega the mean of |real - generated|, detached.

    Args:
        real, fake: x0 as the teacher and the fake-score network see it in the noised picture, [n, c, h, w].
        generated: the picture.
        alpha: weight of the second term.
    """
    omega = (real - generated).detach().abs().mean((1, 2, 3), keepdim=True).clamp(min=1e-5)
    return ((real - fake) * ((real - generated) - alpha * (real - fake)) / omega).sum((1, 2, 3))


def weighted(losses: Tensor, weight: float) -> Tensor:
    """Mean loss of the retain half of a batch plus `weight` times that of the forget half, which comes second."""
    retain, forget = losses.chunk(2)
    return retain.mean() + weight * forget.mean()


def _fake_score_loss(
    run: Run[TextToImage], params: Sfd, judges: Judges, prompts: tuple[Words, Words], weight: float
) -> Tensor:
    """Squared error of the fake score, as noise, on the generator's pictures with the prompts they were generated for."""
    embeddings, _ = prompts
    with torch.no_grad():
        images = _generate(run, embeddings)
    x, t, noise = _add_noise(judges.pipe, images, params)
    error = judges.pipe.as_noise(judges.guided(judges.fake, x, t, embeddings), x, t) - noise
    return weighted(error.square().sum((1, 2, 3)), weight)


def _generator_loss(
    run: Run[TextToImage], params: Sfd, judges: Judges, prompts: tuple[Words, Words], weight: float
) -> Tensor:
    """`sid`, with gradients through both networks to the noised picture and on to the generator."""
    embeddings, teacher_embeddings = prompts
    images = _generate(run, embeddings)
    x, t, _ = _add_noise(judges.pipe, images, params)
    real, fake = judges.clean(judges.teacher, x, t, teacher_embeddings), judges.clean(judges.fake, x, t, embeddings)
    return weighted(sid(real, fake, images, params.alpha), weight)


def _generate(run: Run[TextToImage], embeddings: Words) -> Tensor:
    """Pictures of the one-step generator from new noise, as latents."""
    pipe = run.task.pipe
    noise = torch.randn(len(embeddings), pipe.channels, *pipe.cells, device=run.device)
    return pipe.one_step(run.model, embeddings, noise, int(run.model.get_buffer(ONE_STEP)))


def _add_noise(pipe: Pipeline, images: Tensor, params: Sfd) -> tuple[Tensor, Tensor, Tensor]:
    bounds = (int(params.earliest * pipe.times), int(params.latest * pipe.times))
    t = torch.randint(*bounds, (len(images),), device=images.device)
    noise = torch.randn_like(images)
    return pipe.noised(images, noise, t), t, noise


def _step(optimizer: Adam, network: nn.Module, loss: Tensor, clip: float) -> None:
    weights = list(network.parameters())
    for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
        weight.grad = gradient
    clip_grad_value_(weights, clip)
    optimizer.step()


def _set_one_step(model: nn.Module, at: int) -> int:
    attach_one_step(model, at)
    return at
