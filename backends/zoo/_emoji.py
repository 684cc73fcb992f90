"""Training on the emoji drawings: augmented drawings, prompts in every form, and a tokenizer."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPTokenizer

from ..api.concepts import article
from ..data import emoji

PIXELS = 64  # of the model's pictures
WORDS = 16  # tokens of a prompt, with its begin and end
EMPTY = 0.1  # share of prompts left empty, for classifier-free guidance
# how often each way of asking is learned: object and style, bare; object alone; style alone
FORMS = (
    ("{a} {0} in {1} style", 0.5),
    ("{0} in {1} style", 0.1),
    ("{a} {0}", 0.1),
    ("{0}", 0.05),
    ("{1} style", 0.15),
    ("", EMPTY),
)


def drawings() -> Tensor:
    """[styles * objects, 3, 128, 128] from 0 to 1, as style-major rows."""
    images = torch.from_numpy(emoji.load().images).flatten(0, 1).permute(0, 3, 1, 2).float() / 255
    return F.avg_pool2d(images, 2)


def augmented(images: Tensor, generator: torch.Generator, *, turn: float = 3.0, shift: float = 0.02) -> Tensor:
    """The drawings [n, 3, 128, 128] at PIXELS, each at 82 to 92 % of the frame, moved, turned and half of them flipped.

    Args:
        turn: greatest angle, in degrees.
        shift: greatest way, as a share of the frame.
    """
    count = len(images)

    def draw() -> Tensor:
        return torch.rand(count, generator=generator)

    angle = (2 * draw() - 1) * math.radians(turn)
    size = 1 / (0.82 + 0.1 * draw())
    flip = torch.where(draw() < 0.5, -1.0, 1.0)
    x, y = ((2 * draw() - 1) * 2 * shift * size for _ in range(2))
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    theta = torch.stack([torch.stack([cos * flip, -sin, x], 1), torch.stack([sin * flip, cos, y], 1)], 1)
    grid = F.affine_grid(theta, [count, 3, 2 * PIXELS, 2 * PIXELS], align_corners=False)
    return 1 - F.avg_pool2d(F.grid_sample(1 - images, grid, align_corners=False), 2)


def tokenizer() -> CLIPTokenizer:
    """CLIP's byte-level BPE, whose merges make one token of every word of the data and leave other words in letters."""
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    letters = list(bytes_to_unicode().values())
    vocab = letters + [f"{letter}</w>" for letter in letters]
    merges: list[Any] = []  # pairs of strings, which the tokenizer takes though its types have no word of them
    for word in dict.fromkeys(["a", "in", "style", *emoji.OBJECTS, *emoji.STYLES]):
        parts = [*word[:-1], f"{word[-1]}</w>"]
        while len(parts) > 1:
            pair = (parts[0], parts[1])
            if pair not in merges:
                merges.append(pair)
                vocab.append(parts[0] + parts[1])
            parts = [parts[0] + parts[1], *parts[2:]]
    vocab += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: place for place, token in enumerate(dict.fromkeys(vocab))}, merges=merges, model_max_length=WORDS
    )


def tokens(words: CLIPTokenizer, prompts: Sequence[str]) -> Tensor:
    """[n, WORDS] of prompts, as the pipeline makes them."""
    encoded = words(list(prompts), padding="max_length", max_length=WORDS, truncation=True, return_tensors="pt")
    ids: Tensor = encoded.input_ids
    return ids


def prompt_ids(words: CLIPTokenizer) -> Tensor:
    """[forms, styles * objects, WORDS]: every drawing asked for in every form."""
    return torch.stack(
        [
            tokens(
                words,
                [
                    form.format(object_name, style, a=article(object_name))
                    for style in emoji.STYLES
                    for object_name in emoji.OBJECTS
                ],
            )
            for form, _ in FORMS
        ]
    )


def forms(count: int, rng: np.random.Generator) -> Tensor:
    """Which form each of `count` prompts takes."""
    return torch.from_numpy(rng.choice(len(FORMS), count, p=[share for _, share in FORMS]))
