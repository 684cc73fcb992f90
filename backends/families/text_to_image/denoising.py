"""Parts of a model's own training and drawing, on latents that are given: noise, the loss of denoising, and DDIM from any time step on."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .one_step import ONE_STEP
from .pipeline import Pipeline, Words, join


def random_times(pipe: Pipeline, model: nn.Module, count: int, generator: torch.Generator) -> Tensor:
    """Time steps [count] to learn at: any, evenly; of a model that draws in one step, the one at which it does."""
    if hasattr(model, ONE_STEP):
        return torch.full((count,), int(model.get_buffer(ONE_STEP)), device=pipe.device)
    return torch.randint(pipe.times, (count,), generator=generator).to(pipe.device)


def noise_like(clean: Tensor, generator: torch.Generator) -> Tensor:
    """Normal noise of the shape of `clean`, the same on every device."""
    return torch.randn(clean.shape, generator=generator).to(clean.device)


def losses(pipe: Pipeline, model: nn.Module, clean: Tensor, noise: Tensor, t: Tensor, words: Words) -> Tensor:
    """The loss that such models are trained by, of each picture, [n]: the mean squared error of the prediction at
    x_t = alpha * clean + sigma * noise against noise, or of a model that predicts v against alpha * noise - sigma * clean.

    Args:
        pipe: of the model.
        model: whose U-Net predicts; gradients flow where they are on.
        clean: latents [n, c, h, w].
        noise: as many.
        t: time steps [n].
        words: one prompt a picture.
    """
    prediction = pipe.predict(model, pipe.noised(clean, noise, t), t, words)
    return F.mse_loss(prediction, pipe.truth(clean, noise, t), reduction="none").flatten(1).mean(1)


def times_from(pipe: Pipeline, share: float, steps: int) -> list[int]:
    """`steps` time steps from `share` of the way to pure noise down to the last before the clean picture, evenly; none from 0."""
    first = round(share * pipe.times) - 1
    return [first - round(first * step / steps) for step in range(steps)] if first >= 0 else []


@dataclass(frozen=True)
class Around:
    """What is there of pictures that are finished: latents and noise on them [n, c, h, w], and where they are [1, 1, h, w]."""

    clean: Tensor
    noise: Tensor
    where: Tensor


@torch.no_grad()
def finish(
    pipe: Pipeline,
    model: nn.Module,
    words: Words,
    x: Tensor,
    times: Sequence[int],
    guidance: float,
    empty: Words,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
    around: Around | None = None,
) -> Tensor:
    """Latents drawn by DDIM from x_t, t the first of `times`, over the others; `x` itself where there are none.

    As `Pipeline.draw` does where the time steps are those of its `timeline`; here they may begin anywhere.

    Args:
        pipe: of the model.
        model: whose U-Net draws.
        words: one prompt a row.
        x: [n, c, h, w], noised to the first time step.
        times: descending.
        guidance: weight of classifier-free guidance; 1 asks without the empty prompt.
        empty: the empty prompt, [1, ...].
        eta: new noise in each step, as a multiple of what a diffusion model adds (DDPM). Above 1 there may be more than belongs to the
            next time step; then nothing is left of the noise that the U-Net sees.
        generator: of the new noise.
        around: what is not drawn, since it is there.
    """
    bars: Tensor = pipe.scheduler.alphas_cumprod
    for place, time in enumerate(times):
        t = torch.full((len(x),), time, device=x.device)
        if around is not None:
            x = torch.where(around.where, pipe.noised(around.clean, around.noise, t), x)
        prediction = predicted(pipe, model, x, t, words, guidance, empty)
        clean, noise = pipe.as_clean(prediction, x, t), pipe.as_noise(prediction, x, t)
        bar = float(bars[time])
        left = float(bars[times[place + 1]] if place + 1 < len(times) else pipe.scheduler.final_alpha_cumprod)
        new = eta * ((1 - left) / (1 - bar) * (1 - bar / left)) ** 0.5
        x = left**0.5 * clean + max(1 - left - new**2, 0.0) ** 0.5 * noise
        if new:
            assert generator is not None
            x = x + new * noise_like(x, generator)
    return x if around is None else torch.where(around.where, around.clean, x)


def predicted(
    pipe: Pipeline, model: nn.Module, x: Tensor, t: Tensor, words: Words, guidance: float, empty: Words
) -> Tensor:
    """The guided prediction at x_t [n, c, h, w], a few rows in a pass."""
    parts = []
    for rows in torch.arange(len(x), device=x.device).split(pipe.rows):
        if guidance == 1:
            parts.append(pipe.predict(model, x[rows], t[rows], words[rows]))
            continue
        both = join([words[rows], empty[[0] * len(rows)]])
        conditional, free = pipe.predict(
            model, torch.cat([x[rows], x[rows]]), torch.cat([t[rows], t[rows]]), both
        ).chunk(2)
        parts.append(free + guidance * (conditional - free))
    return torch.cat(parts)
