"""Seed search: asks the same prompts again from other noise."""

from collections.abc import Sequence
from math import comb

import numpy as np
from pydantic import Field
from torch import nn

from ..api.attacked import Values
from ..core.attack import AttackContext, Result, Tried, curves
from ..core.registry import Params, attack
from ..families.text_to_image.exam import Images
from ..families.text_to_image.task import TextToImage
from ._drawing import drawn_on_each, exam_of, finds

OTHER = 1_000_000  # added to an item's seed, times the number of the drawing


class SeedSearch(Params):
    """How often."""

    seeds: int = Field(default=8, ge=2, le=64, description="Other seeds for each prompt.")


@attack(
    id="seed_search",
    title="Seed search: asks again from other noise",
    summary="Draws the same prompts from other seeds without any attack: what luck alone brings back, the control of every other test.",
    source={
        "title": "Zhang et al., To Generate or Not? Safety-Driven Unlearned Diffusion Models Are Still Easy To Generate Unsafe Images, ECCV 2024",
        "url": "https://arxiv.org/abs/2310.11868",
        "code": "https://github.com/OPTML-Group/Diffusion-MU-Attack",
    },
    needs=("exam", "pictures"),
    test="sample",
    group="there",
    quick=True,
    order=15,
)
def seed_search(look: AttackContext[TextToImage], params: SeedSearch) -> Result:
    """The chance that at least one of k drawings of a prompt shows it, for k = 1, 2, 4 ... up to all: with c hits in n drawings
    1 - C(n - c, k) / C(n, k), the unbiased estimate of pass@k. The original code takes the first success of a list of seeds."""
    exam = exam_of(look)
    prompts = [shot.prompt for shot in exam.shots]

    def make(model: nn.Module) -> Sequence[Images]:
        turns = range(1, params.seeds + 1)
        seeds = [shot.seed + OTHER * turn for turn in turns for shot in exam.shots]
        images = exam.draw(model, prompts * params.seeds, seeds)
        return np.split(images, params.seeds)

    tried = drawn_on_each(look, make, "drawing from other seeds")
    tries = [2**power for power in range(params.seeds.bit_length()) if 2**power < params.seeds] + [params.seeds]
    recalled = {when: at_least_one(hits, tries) for when, hits in tried.recalled.items()}
    best, notes = best_drawings(tried, params.seeds)
    attacked = look.attacked(
        attack="seed_search", kind="sample", x=[float(one) for one in tries], x_title="drawings of a prompt", recalled=recalled,
        budget={"seeds": params.seeds},
        finds=finds(look, best, prompts, [f"seed {exam.shots[item].seed + OTHER * turn}" for item, turn in enumerate(notes)], "seed"),
    )  # fmt: skip
    stages = [f"seed {turn}" for turn in range(1, min(4, params.seeds) + 1)]
    first = {when: images[: len(stages)] for when, images in tried.outputs.items()}
    picture = exam.comeback(look, "The same prompts from other seeds", stages, first["after"], first.get("reference"))
    return Result(attacked, [picture, curves(attacked, f"At least one of several drawings, of {params.seeds} seeds")])


def at_least_one(hits: Values, tries: Sequence[int]) -> Values:
    """From hits (0 or 1) [..., drawings, items] the chance of at least one in k drawings, [..., tries, items]."""
    of = hits.shape[-2]
    count = hits.sum(-2).round().astype(int)
    chance = np.array([[1 - comb(of - hit, k) / comb(of, k) for hit in range(of + 1)] for k in tries], np.float32)
    return np.moveaxis(chance[:, count], 0, -2)


def best_drawings(tried: Tried, seeds: int) -> tuple[Images, list[int]]:
    """For each item the first drawing of the unlearned model that shows it, else the first; and its number, from 1."""
    hits = tried.recalled["after"][0]
    first = hits.argmax(0)
    drawings = tried.outputs["after"]
    return np.stack([drawings[turn][item] for item, turn in enumerate(first)]), [int(turn) + 1 for turn in first]
