"""Shared by inspectors of text-to-image models: a smaller suite, pictures beside each other, heat over a picture, gradients."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ..core.evidence import InspectContext
from ..core.task import Index
from ..families.text_to_image.task import TextToImage
from ._common import GROUPS, enlarged, exact

ROWS = 16  # pictures in one pass with gradients
TIMES = 8  # time steps at which each picture is asked for its gradient
DIM, BRIGHT = np.array([0, 34, 78]), np.array([254, 232, 56])  # the two ends of cividis, as of all amounts


def spread(task: TextToImage, count: int) -> Index:
    """At most `count` positions in the suite, of every role as equal a number as there is, the same ones each time.

    A role that has fewer leaves its places to the others.
    """
    rng, chosen = np.random.default_rng(0), np.zeros(0, np.int64)
    for left, role in enumerate(sorted(GROUPS, key=lambda role: len(task.parts[role]))):
        share = (count - len(chosen)) // (len(GROUPS) - left)
        chosen = np.concatenate([chosen, rng.permutation(task.parts[role])[:share]])
    return np.sort(chosen)


def reduced(task: TextToImage, index: Index) -> TextToImage:
    """The task, judged by these pictures of its suite alone."""
    _ = task.judge  # opened once, for both
    reduced_task = copy.copy(task)
    reduced_task.asking = copy.copy(task.asking)
    reduced_task.asking.suite = [task.asking.suite[i] for i in index]
    roles = np.array([shot.role for shot in reduced_task.asking.suite])
    reduced_task.parts = {role: np.flatnonzero(roles == role) for role in GROUPS}
    return reduced_task


def beside(*images: NDArray[np.uint8], side: int = 84) -> Image.Image:
    """Pictures [height, width, 3] of one size side by side, each at about `side` pixels."""
    tiles = [enlarged(Image.fromarray(image), side) for image in images]
    gap = max(2, side // 20)
    canvas = Image.new("RGB", (sum(one.width for one in tiles) + gap * (len(tiles) - 1), tiles[0].height), "white")
    for number, one in enumerate(tiles):
        canvas.paste(one, (number * (one.width + gap), 0))
    return canvas


def heat(values: NDArray[np.floating], largest: float, under: NDArray[np.uint8], side: int = 160) -> Image.Image:
    """Amounts [h, w] laid over a picture [height, width, 3]: dark blue at 0, yellow at `largest`; the picture shows through."""
    picture = Image.fromarray(under)
    size = picture.size
    small = Image.fromarray(np.nan_to_num(values).astype(np.float32))
    strength = (
        np.asarray(small.resize(size, Image.Resampling.BICUBIC)) / largest if largest > 0 else np.zeros(size[::-1])
    )
    weight = np.clip(strength, 0, 1)[..., None]
    grey = np.asarray(picture.convert("L"), np.float64)[..., None] / 255
    mixed = 0.7 * (DIM * (1 - weight) + BRIGHT * weight) + 0.3 * 255 * grey
    return enlarged(Image.fromarray(mixed.round().astype(np.uint8)), side)


def gradients(look: InspectContext[TextToImage], most: int) -> dict[str, Tensor]:
    """Signed gradient of -|prediction - truth|^2, summed over the pictures of the suite that ask for what is to be forgotten.

    The pictures are those that the model before drew, each noised to TIMES time steps, spread evenly from the first to the
    last; by parameter name, the text encoder's among them. The look's own model is left alone.
    """
    task, pipe = look.task, look.task.pipe
    index = look.some("forget", most)
    prompts = [task.asking.suite[i].prompt for i in index]
    clean = pipe.latents(look.outputs("before")["images"][index])
    which = torch.arange(len(index)).repeat(TIMES)
    t = torch.linspace(0, pipe.times - 1, TIMES).long().repeat_interleave(len(index)).to(clean.device)
    noise = pipe.start(range(len(which)))
    model = copy.deepcopy(look.before).eval().requires_grad_(True)
    names, parameters = zip(*model.named_parameters(), strict=True)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    with exact(task):
        for at in look.steps(torch.arange(len(which)).split(ROWS), "summing gradients"):
            words = pipe.words(model, [prompts[i] for i in which[at].tolist()])
            x0 = clean[which[at]]
            prediction = pipe.predict(model, pipe.noised(x0, noise[at], t[at]), t[at], words)
            loss = -F.mse_loss(prediction, pipe.truth(x0, noise[at], t[at]), reduction="sum")
            batch_gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
            for summed, gradient in zip(total, batch_gradients, strict=True):
                summed += gradient
    return dict(zip(names, total, strict=True))
