"""Exhaustive word: tries every single word before the prompt."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from ..api.attacked import Find
from ..api.panels import Bars, Series
from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image import denoising
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.task import TextToImage
from ._drawing import drawn_on_each, exam_of, finds
from ._words import EARLIEST, LATEST, allowed_words

SHOWN = 10  # words in the chart
AT_ONCE = 64  # prompts read in one pass


class ExhaustiveWord(Params):
    """How many words."""

    words: int = Field(
        default=1000,
        ge=2,
        le=50_000,
        description="Words of the vocabulary that are ranked, at most; a random sample of more.",
    )
    best: int = Field(default=4, ge=1, le=16, description="Words of the smallest loss that are drawn with.")


@attack(
    id="exhaustive_word",
    title="Exhaustive word: tries every word before the prompt",
    summary="Ranks all single words by how well each model, asked with that word in front, denoises pictures of what was forgotten, and draws with the best.",
    source={
        "title": "Zhang et al., To Generate or Not? Safety-Driven Unlearned Diffusion Models Are Still Easy To Generate Unsafe Images, ECCV 2024",
        "url": "https://arxiv.org/abs/2310.11868",
        "code": "https://github.com/OPTML-Group/Diffusion-MU-Attack",
    },
    needs=("exam", "pictures"),
    test="words",
    group="there",
    order=32,
)
def exhaustive_word(look: AttackContext[TextToImage], params: ExhaustiveWord) -> Result:
    """The share of drawings that show it with one of the 0, 1, 2 ... best words before their prompt: the objective of UnlearnDiffAtk
    for a prefix of one word, minimised by trying all of them instead of by gradients.

    The loss is that of denoising pictures of other prompts than those asked, at fixed noise and time steps. Only words that can be
    typed are tried, and none that is a part of the forgotten name or holds it. Each model gets its own best words and as many tries.
    """
    exam = exam_of(look)
    words = allowed_words(exam.task.pipe, exam.names, params.words)
    tries = list(range(params.best + 1))
    best, ranked = list[str](), np.zeros(len(words), np.float32)  # of the unlearned model
    prompts = [shot.prompt for shot in exam.shots]
    seeds = [shot.seed for shot in exam.shots]

    def make(model: nn.Module) -> Sequence[Images]:
        loss = word_losses(exam, model, words)
        own = [words[place] for place in loss.argsort(kind="stable")[: params.best]]
        if look.now == "after":
            best[:], ranked[:] = own, loss
        return [exam.draw(model, [f"{word} {prompt}".strip() for prompt in prompts], seeds) for word in ["", *own]]

    tried = drawn_on_each(look, make, "ranking words and drawing")
    recalled = {when: np.maximum.accumulate(values, -2) for when, values in tried.recalled.items()}
    hits: list[Find] = []
    for word, images in zip(best, tried.outputs["after"][1:], strict=True):
        pasted = [f"{word} {prompt}" for prompt in prompts]
        hits += finds(look, images, pasted, [f"seed {seed}" for seed in seeds], f"word-{len(hits)}")
    attacked = look.attacked(
        attack="exhaustive_word", kind="words", x=[float(one) for one in tries], x_title="words tried", recalled=recalled,
        budget={"words ranked": len(words), "words drawn with": params.best, "ranked by": exam.lessons["forgotten"]}, finds=hits,
    )  # fmt: skip
    stages = ["no word", *(f"“{word}” before it" for word in best)]
    picture = exam.comeback(
        look, "With the best words before the prompt", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    title = f"With the best of {len(words)} words before the prompt"
    return Result(attacked, [picture, curves(attacked, title), chart(words, ranked)])


@torch.no_grad()
def word_losses(exam: DrawingExam, model: nn.Module, words: Sequence[str]) -> NDArray[np.float32]:
    """For each word the mean loss [words] of denoising the lesson's pictures under their prompts with that word in front, each picture
    at one time step of its own, with the same noise for all words and models."""
    pipe, taught, clean = exam.task.pipe, exam.pictures("forgotten"), exam.clean("forgotten")
    generator = torch.Generator().manual_seed(0)
    noise = denoising.noise_like(clean, generator)
    share = torch.linspace(EARLIEST, LATEST, len(clean))[torch.randperm(len(clean), generator=generator)]
    t = (share * (pipe.times - 1)).long().to(clean.device)
    prompts = [f"{word} {prompt}" for word in words for prompt in taught.prompts]
    parts = []
    with exam.measured():
        for at in range(0, len(prompts), min(AT_ONCE, pipe.rows)):
            some = prompts[at : at + min(AT_ONCE, pipe.rows)]
            rows = torch.arange(at, at + len(some), device=clean.device) % len(clean)
            read = pipe.words(model.eval(), some)
            parts.append(denoising.losses(pipe, model, clean[rows], noise[rows], t[rows], read))
    losses: NDArray[np.float32] = torch.cat(parts).view(len(words), -1).mean(1).cpu().numpy()
    return losses


def chart(words: Sequence[str], loss: NDArray[np.float32]) -> Bars:
    """The words of the smallest loss in the unlearned model, and the mean of all."""
    order = loss.argsort(kind="stable")[:SHOWN]
    return Bars(
        title="Words that help the unlearned model most",
        how="How badly the unlearned model denoises pictures of what was forgotten with each word before their prompt: less is better.",
        says=f"The best word is “{words[order[0]]}”; the line is the mean of all {len(words)} words.",
        labels=[words[place] for place in order],
        series=[
            Series(
                name="loss of denoising", values=[float(loss[place]) for place in order], role="forget", when="after"
            )
        ],
        threshold=float(loss.mean()),
        threshold_name="mean of all words",
        horizontal=True,
        folded=True,
    )
