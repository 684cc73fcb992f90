"""Worst-case prompts: search the prompts that are hardest to erase, then run any eraser on them."""

from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from ..api import files, tuned_params
from ..api.errors import BadInput
from ..core import registry
from ..core.registry import Params, method
from ..core.run import Run
from ..families.text_to_image.pipeline import Words
from ..families.text_to_image.task import TextToImage
from ..families.text_to_image.worst_prompts import MADE, Searched, distance
from ._common import chosen, project, sign_step
from ._drawing import Pool, encode_prompts, pool, prediction_loss, trainable_parameters

LAYERS = (nn.Linear, nn.Conv2d)  # of the cross-attention, as ESD's x
ROUND = "round {} of {}"


class WorstCasePrompts(Params):
    """Which prompts are searched, how long, and what erases them then."""

    candidates: int = Field(
        default=40, ge=2, le=1000, description="Prompts to search among, at most: of what is named to forget."
    )
    share: float = Field(default=0.25, gt=0, le=0.9, description="Share of the candidates that makes the set.")
    mode: Literal["worst", "easiest", "random"] = Field(
        default="worst",
        description="worst: the prompts that are hardest to erase; easiest: the opposite; random: drawn without a search, to compare with.",
    )
    rounds: int = Field(default=3, ge=1, le=50, description="How often the weights are corrected.")
    loss: Literal["judge", "prediction"] = Field(
        default="judge",
        description="What says that erasing failed. judge: how sure it is of what is to be forgotten; prediction: how little the prediction "
        "moved, as where nobody judges.",
    )
    steps: int = Field(default=8, ge=1, le=500, description="Steps of trial erasing in each round.")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="Step of every weight in trial erasing.")
    batch_size: int = Field(default=8, ge=1, le=64, description="Latents in one step.")
    weight_rate: float = Field(
        default=0.25, gt=0, le=1000, description="Step of the prompts' weights, for a loss at one standard deviation."
    )
    gamma: float = Field(default=0.0, ge=0, le=10, description="Pull towards weights that are not all or nothing.")
    strength: float = Field(default=1.0, gt=0, le=10, description="How far trial erasing steers away (ESD's eta).")
    pictures: int = Field(
        default=1, ge=1, le=16, description="Pictures drawn of each prompt, at whose latents it is asked."
    )
    pool_steps: int = Field(default=5, ge=2, le=50, description="Steps in which they are drawn.")
    then: str = Field(
        default="esd",
        max_length=60,
        description="Id of the method that erases the found prompts, with its settings for this model.",
        json_schema_extra={"catalog": "methods"},
    )


@method(
    id="worst_case_prompts",
    title="Worst-case forget set",
    short="Worst-case forget set",
    summary="Searches the prompts that are hardest to erase, then runs any eraser on them.",
    school="Of all the ways to ask for a cat, which would still get you one after the lesson? Those are the hard ones.",
    student=(
        "A bi-level search. Below: starting from the model, erase the prompts by ESD, drawn in proportion to their weights, with the sign of "
        "the gradient. Above: the weight of each prompt falls by its loss, how little the judge still sees of what is "
        "to be forgotten, and all are projected to 0 <= w <= 1 with a fixed sum. Because the sign has no derivative, no implicit gradient is needed. The prompts with the largest weights are the set, "
        "which any eraser forgets then. The easiest and a random set, by the same code, are what it is compared with."
    ),
    source={
        "title": "Fan et al., Challenging Forgets: Unveiling the Worst-Case Forget Sets in Machine Unlearning, ECCV 2024",
        "url": "https://arxiv.org/abs/2403.07362",
        "code": "https://github.com/OPTML-Group/Unlearn-WorstCase",
    },
    label="same algorithm, smaller model",
    kind="push",
    departures=(
        "The authors' code for prompts was not read, so the eraser and the losses are ours. The judge of the pictures is one that the paper has not; "
        "it can be one, because no gradient goes through the loss. loss=prediction is nearer to the paper: how far a prompt's prediction moved from the "
        "original's on latents of its pictures. Losses are taken in standard deviations. The weights "
        "begin equal, where they begin as a random set in the paper, and trial erasing draws prompts by their weights, so that every candidate "
        "is tried. Few rounds of few steps on a handful of prompts. What it finds here is hardly harder than a random set: "
        "erased by ESD, the worst prompts left the judge 8.8 % sure of the object, random ones 8.2 %, the easiest 3.9 % (car and house, three seeds "
        "each). By the prediction it went the wrong way: 8.4 % and 16.6 %."
    ),
    needs=("pictures",),
    variant_of="worst_case",
    order=85,
)
def worst_case_prompts(run: Run[TextToImage], params: WorstCasePrompts) -> None:
    """min over w of sum w_i loss_i(theta_u(w)) + gamma |w|^2, theta_u by signSGD of ESD on prompts drawn by w; then `then` on those it found.

    Raises:
        BadInput: `then` names no method that can follow, or only one prompt asks for what is named.
    """
    other = registry.get("methods", params.then)
    if other.entry.id == "worst_case_prompts" or other.entry.works_with.get(run.task.family) is not True:
        raise BadInput(
            f"worst_case_prompts: then was {params.then!r}; name a method that erases from text-to-image models."
        )
    prompts = candidates(run, params.candidates)
    if len(prompts) < 2:
        raise BadInput(
            "worst_case_prompts needs at least two prompts to search among, but only one asks for what is named; name more."
        )
    count = max(1, round(params.share * len(prompts)))
    searched = drawn(run, prompts, count) if params.mode == "random" else search(run, prompts, count, params)
    run.keep_made(MADE, searched.arrays)
    run.cached("reset", lambda: reset(run))
    erase_only(run, [prompt for prompt, one in zip(prompts, searched.chosen, strict=True) if one])
    concepts = run.task.asking.forget
    tuned = [tuned_params.Tuned(**one) for one in files.read_json(run.task.folder / "tuned.json", [])]
    settings = tuned_params.settings(other.id, other.entry.params, tuned, concepts)
    other.function(run, other.parse(settings))


def candidates(run: Run[TextToImage], most: int) -> list[str]:
    """Prompts that ask for what is to be forgotten, of those that a model is judged by; drawn where there are more."""
    prompts = list(dict.fromkeys(shot.prompt for shot in run.task.asking.suite if shot.role == "forget"))
    places = np.sort(np.random.default_rng(run.seed).permutation(len(prompts))[:most])
    return [prompts[at] for at in places]


def drawn(run: Run[TextToImage], prompts: list[str], count: int) -> Searched:
    """A random set of so many, without a search."""
    weights = torch.from_numpy(np.random.default_rng([run.seed, 1]).permutation(len(prompts)) < count).float()
    return Searched(prompts, weights[None].numpy(), np.zeros((0, len(prompts)), np.float32), chosen(weights, count))


def search(run: Run[TextToImage], prompts: list[str], count: int, params: WorstCasePrompts) -> Searched:
    """The bi-level search for the set of so many that is hardest to erase, or easiest."""
    pictures = pool(
        run,
        "drawing the candidates",
        prompts,
        params.pictures * len(prompts),
        params.pool_steps,
        run.task.drawing["guidance"],
    )
    words = encode_prompts(run, run.original, prompts)
    trainable_parameters(run.model, "cross-attention", LAYERS)
    sign = 1.0 if params.mode == "worst" else -1.0
    weights = [torch.full((len(prompts),), count / len(prompts))]
    losses: list[Tensor] = []
    ask = judged if params.loss == "judge" and run.task.judged else moved
    for number in range(1, params.rounds + 1):
        name = ROUND.format(number, params.rounds)
        run.cached(f"reset, {name}", lambda: reset(run))
        for _ in run.steps(name, params.steps):
            x, t, conditional, unconditional, which = weighted(pictures, weights[-1], params.batch_size)
            target = unconditional - params.strength * (conditional - unconditional)
            loss = prediction_loss(
                run.task.pipe, run.task.pipe.predict(run.model, x, t, words[which]), target, t, "as predicted"
            )
            run.model.zero_grad()
            loss.backward()
            sign_step(run.model, params.learning_rate)
            run.log(loss=loss.detach())
        losses.append(run.cached(f"measure, {name}", partial(ask, run, prompts, pictures, words)))
        deviations = losses[-1] / losses[-1].std(correction=0).clamp(min=torch.finfo(losses[-1].dtype).tiny)
        step = params.weight_rate * (sign * deviations + 2 * params.gamma * weights[-1])
        weights.append(project(weights[-1] - step, count))
    return Searched(prompts, torch.stack(weights).numpy(), torch.stack(losses).numpy(), chosen(weights[-1], count))


def reset(run: Run[TextToImage]) -> None:
    """Restore the original weights."""
    run.model.load_state_dict(run.original.state_dict())


def weighted(pictures: Pool, weights: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """As `Pool.sample`, prompts in proportion to their weights [n], at even distances from a drawn start, so that few are passed over."""
    places = (torch.rand(()) + torch.arange(count)) / count * weights.sum()
    prompt = torch.searchsorted(weights.cumsum(0), places).clamp(max=len(weights) - 1).to(pictures.which.device)
    of_prompt = (pictures.which[None] == prompt[:, None]).float()
    row = torch.multinomial(of_prompt.cpu(), 1)[:, 0].to(prompt.device)
    stop = torch.randint(len(pictures.t), (count,)).to(prompt.device)
    return (
        pictures.x[stop, row],
        pictures.t[stop],
        pictures.conditional[stop, row],
        pictures.unconditional[stop, row],
        prompt,
    )


@torch.no_grad()
def moved(run: Run[TextToImage], prompts: list[str], pictures: Pool, words: Words) -> Tensor:
    """How far the prediction of each prompt is from the original's [n], the mean over its pictures and their stops, on the CPU."""
    pipe, total = run.task.pipe, torch.zeros(len(prompts))
    for stop, t in enumerate(pictures.t):
        run.report("measuring how far each moved", stop, len(pictures.t))
        now = pipe.predict(run.model, pictures.x[stop], t.expand(len(pictures.which)), words[pictures.which])
        far = distance(now, pictures.conditional[stop])
        total.index_add_(0, pictures.which.cpu(), far.to(total))
    return total / (len(pictures.t) * torch.bincount(pictures.which.cpu(), minlength=len(prompts)))


def judged(run: Run[TextToImage], prompts: list[str], pictures: Pool, words: Words) -> Tensor:
    """1 less how sure the judge is that pictures of each prompt show what is to be forgotten [n]; as many as the pool has, the same noise each time."""
    task, each = run.task, len(pictures.which) // len(prompts)
    shown = {shot.prompt: shot for shot in reversed(task.asking.suite)}
    shots = [replace(shown[prompt], seed=seed) for prompt in prompts for seed in range(each)]
    steps = int(task.drawing["watch_steps"])
    latents = task.draw_latents(
        run.model,
        [shot.prompt for shot in shots],
        [shot.seed for shot in shots],
        steps=steps,
        on_step=lambda number, *_: run.report("drawing for the judge", number, steps),
    )
    assert task.judge is not None
    said = task.judge.look(task.pipe.pixels(latents), [shot.prompt for shot in shots])
    sure = torch.tensor([task.sure(said, row, shot) for row, shot in enumerate(shots)]).nan_to_num(0.0)
    return 1 - sure.view(len(prompts), each).mean(1)


def erase_only(run: Run[TextToImage], prompts: list[str]) -> None:
    """Let the method that follows erase these prompts alone."""
    asking = run.task.asking
    anchors = dict(zip(asking.forget_prompts, asking.anchor_prompts, strict=True))
    asking.forget_prompts, asking.anchor_prompts = prompts, [anchors[prompt] for prompt in prompts]
