"""How long forgetting takes on the embedded model that draws, against the loop that the paper's authors describe."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from statistics import median

import torch

from backends.core.registry import get
from backends.core.run import Run
from backends.engine.loading import open_task
from backends.families.text_to_image.task import TextToImage
from backends.methods._drawing import adam, encode_prompts, prediction_loss, trainable_parameters
from backends.methods.esd import VARIANTS, Esd
from backends.zoo._train import Quiet

STEPS, PLAIN = 20, 6  # of ours, and of the plain loop, which takes longer
MODEL, FORGET = "emoji-sd", "cat"


def drawing() -> Iterator[str]:
    """ESD's step against a plain loop on the same batch, and what is gained by keeping what does not change."""
    task = open_task(MODEL, "", {"precision": "float32"})
    task.resolve([FORGET])
    params = Esd(steps=STEPS)
    whole = _timed(lambda: get("methods", "esd").function(Run(task, Silent(), 0), params))
    ours, plain = whole / STEPS, median(_plain_steps(task, params))
    yield f"a step of ESD, {params.batch_size} pictures, what is drawn before it shared out: {1000 * ours:.0f} ms"
    yield f"a step of a plain loop (draw part of the way, ask the frozen model twice, learn): {1000 * plain:.0f} ms, {plain / ours:.1f} times ours"
    model = task.load()
    prompts = task.asking.keep_prompts
    read = median(_timed(lambda: words_of(task, model, prompts)) for _ in range(5))
    yield f"reading {len(prompts)} prompts once instead of at every step saves {1000 * read:.0f} ms a step"
    suite = _timed(lambda: task.outputs(model))
    yield f"the pictures before, kept instead of drawn again: saves {suite:.1f} s of a job ({len(task.asking.suite)} pictures)"


class Silent(Quiet):
    """Says nothing."""

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None: ...


def _timed(function: Callable[[], object]) -> float:
    begun = time.perf_counter()
    function()
    return time.perf_counter() - begun


@torch.no_grad()
def words_of(task: TextToImage, model: torch.nn.Module, prompts: list[str]) -> object:
    """What the text encoder makes of prompts."""
    return task.pipe.words(model, prompts)


def _plain_steps(task: TextToImage, params: Esd) -> Iterator[float]:
    """Seconds of single steps as the card has them: nothing is kept from one step to the next."""
    run = Run(task, Silent(), 0)
    pipe, prompts = task.pipe, task.asking.forget_prompts
    optimizer = adam(list(trainable_parameters(run.model, VARIANTS[params.variant]).values()), params.learning_rate)
    for step in range(PLAIN):
        torch.manual_seed(step)
        begun = time.perf_counter()
        which = torch.randint(len(prompts), (params.batch_size,))
        asked = encode_prompts(run, run.original, [prompts[i] for i in which])
        empty = encode_prompts(run, run.original, [""] * len(which))
        stop = 1 + step * params.pool_steps // PLAIN  # evenly over the way, so that few steps tell the mean
        x, t = _part_of_the_way(run, asked, params, stop)
        with torch.no_grad():
            said, free = (pipe.predict(run.original, x, t, which_words) for which_words in (asked, empty))
        loss = prediction_loss(pipe, pipe.predict(run.model, x, t, asked), free - (said - free), t, params.space)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield time.perf_counter() - begun


def _part_of_the_way(run: Run, asked: object, params: Esd, stop: int) -> tuple[torch.Tensor, torch.Tensor]:
    """x_t after `stop` of the DDIM steps, and t."""
    pipe, seen = run.task.pipe, []

    class Enough(Exception):
        pass

    def look(number: int, x: torch.Tensor, *_: object) -> None:
        seen.append(x)
        if number == stop - 1:
            raise Enough

    with suppress(Enough):
        pipe.draw(
            run.original,
            asked,
            pipe.start(range(params.batch_size)),
            params.pool_steps,
            params.start_guidance,
            on_step=look,
        )
    return seen[-1], pipe.timeline(params.pool_steps)[stop - 1].expand(params.batch_size)
