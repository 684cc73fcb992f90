"""UnlearnDiffAtk: searches words before the prompt by gradients."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..api.panels import Series
from ..core.attack import AttackContext, Result, curves
from ..core.exam import Scores
from ..core.registry import Params, attack
from ..families.text_to_image import denoising
from ..families.text_to_image.exam import DrawingExam
from ..families.text_to_image.pipeline import Pipeline
from ..families.text_to_image.task import TextToImage
from ._drawing import exam_of, frozen, up_to_here
from ._words import (
    EARLIEST,
    LATEST,
    Batch,
    Progress,
    batches,
    drawings,
    never,
    read,
    silent,
    tables,
    to_search,
    tried_prompts,
    word_finds,
)

DECAY = 0.1  # of the weights, as the original code has it


class UnlearnDiffAtk(Params):
    """How much is searched."""

    words: int = Field(default=3, ge=1, le=16, description="Words before the prompt; the paper has 3 and 5.")
    times: int = Field(
        default=8, ge=2, le=50, description="Time steps that are searched at one after the other; the paper has 50."
    )
    steps: int = Field(default=20, ge=1, le=100, description="Steps of Adam at each time step; the paper has 40.")
    learning_rate: float = Field(default=0.01, gt=0, le=1, description="Step size of Adam.")
    seed: int = Field(default=0, ge=0, description="Of the noise and of the words drawn.")


@attack(
    id="unlearn_diff_atk",
    title="UnlearnDiffAtk: searches words before the prompt",
    summary="Searches, by gradients, a few words that make each model denoise pictures of what was forgotten well, and draws with them before the prompt.",
    source={
        "title": "Zhang et al., To Generate or Not? Safety-Driven Unlearned Diffusion Models Are Still Easy To Generate Unsafe Images, ECCV 2024",
        "url": "https://arxiv.org/abs/2310.11868",
        "code": "https://github.com/OPTML-Group/Diffusion-MU-Attack",
    },
    needs=("exam", "pictures"),
    test="words",
    group="there",
    order=33,
)
def unlearn_diff_atk(look: AttackContext[TextToImage], params: UnlearnDiffAtk) -> Result:
    """The share of drawings that show it with the words that were best after 0, 1, 2 ... time steps before their prompt, or at an
    earlier one: at 0 what the plain prompts give (pre-ASR), at the end the attack success rate (ASR).

    Minimised is || v - v_model(x_t | words + prompt) ||^2 (of a model that predicts noise, the noise) over a matrix [words,
    vocabulary] whose rows are shares: each step draws a word a row, passes the gradient straight through and cut to 1, takes a step of
    Adam and projects the rows back to shares; then the largest share of each row is a word. The paper searches for each prompt on a
    picture of what that very prompt asks for. Here the words are searched on pictures of other prompts than those asked, and are the
    same for all that are asked. Time steps run from .2 to .9 of the way to noise, since at others no word changes much. The forgotten
    name and its pieces are never tried, nor what cannot be typed. The controls are the plain prompt, as many random prefixes, and the
    other seeds of the seed search.
    """
    exam = exam_of(look)
    words = to_search(exam)
    prompts = [shot.prompt for shot in exam.shots]

    def before_them(prefix: str) -> list[str]:
        return [f"{prefix} {prompt}".strip() for prompt in prompts]

    def search(model: nn.Module, progress: Progress) -> Iterator[list[str]]:
        yield prompts
        for row in searched(exam, model, words, params, progress):
            yield before_them(" ".join(row))

    tried, pasted = tried_prompts(look, search, params.times + 1, "searching words and drawing")
    drawn_by_luck = by_luck(look, [before_them(prefix) for prefix in random_prefixes(words, params)])
    attacked = look.attacked(
        attack="unlearn_diff_atk", kind="words", x=[float(at) for at in range(params.times + 1)], x_title="time steps searched",
        recalled=up_to_here(tried),
        budget={
            "words": params.words, "time steps": params.times, "steps at each": params.steps, "learning rate": params.learning_rate,
            "words to choose among": len(words), "never tried": never(exam), "searched on": exam.lessons["forgotten"],
        },
        finds=word_finds(look, tried.outputs["after"], pasted, "words"),
    )  # fmt: skip
    before_each = [row[0].removesuffix(prompts[0]).strip() for row in pasted]
    stages = ["plain prompt", *(f"“{prefix}” before it" for prefix in before_each[1:])]
    picture = exam.comeback(
        look, "With searched words before the prompt", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    lines = curves(attacked, f"With {params.words} searched words before the prompt")
    hits = np.stack([tried.recalled["after"][0, 0], *drawn_by_luck])
    shares = 100 * np.maximum.accumulate(hits, 0).mean(1)
    lines.series.append(
        Series(name="unlearned, random words", values=[float(one) for one in shares], role="amount", when="after")
    )
    return Result(attacked, [picture, lines])


def random_prefixes(words: Sequence[str], params: UnlearnDiffAtk) -> list[str]:
    """As many prefixes of as many words as are searched, drawn at random from the same words."""
    rng = np.random.default_rng(params.seed)
    return [" ".join(rng.choice(words, params.words)) for _ in range(params.times)]


def by_luck(look: AttackContext[TextToImage], prompts: Sequence[Sequence[str]]) -> list[Scores]:
    """What the unlearned model recalls of the items [items] with each row of prompts."""
    exam, scores = exam_of(look), list[Scores]()
    for images in drawings(exam, look.after, prompts):
        scores.append(exam.score(images))
        look.tell("drawing with random words", len(scores), len(prompts))
    return scores


def searched(
    exam: DrawingExam, model: nn.Module, words: Sequence[str], params: UnlearnDiffAtk, progress: Progress = silent
) -> Iterator[list[str]]:
    """The words of the largest shares after the search at each time step."""
    pipe, device = exam.task.pipe, exam.task.device
    generator = torch.Generator().manual_seed(params.seed)
    shares = torch.full((params.words, len(words)), 1 / len(words), device=device)
    optimizer = torch.optim.Adam([shares], params.learning_rate, weight_decay=DECAY)
    times = (torch.linspace(EARLIEST, LATEST, params.times) * (pipe.times - 1)).long()
    every = batches(exam, times.repeat_interleave(params.steps), params.seed)
    vocabulary = tables(pipe, model, words)
    with exam.measured(), frozen(model.eval()):
        for number, batch in enumerate(every, 1):
            chosen = torch.multinomial(shares.cpu(), 1, generator=generator).to(device)[:, 0]
            shares.grad = gradient(pipe, model, words, vocabulary, chosen, batch).clamp(-1, 1)
            optimizer.step()
            shares.copy_(to_simplex(shares))
            progress(number, params.times * params.steps)
            if number % params.steps == 0:
                yield [words[place] for place in shares.argmax(1).tolist()]


def gradient(
    pipe: Pipeline, model: nn.Module, words: Sequence[str], vocabulary: Sequence[Tensor], chosen: Tensor, batch: Batch
) -> Tensor:
    """The gradient [places, words] of the loss by which words stand where: now the `chosen` [places] do."""
    with torch.enable_grad():
        one_hot = F.one_hot(chosen, len(words)).float().requires_grad_(True)
        prefix = [words[place] for place in chosen.tolist()]
        loss = denoising_loss(pipe, model, prefix, [one_hot @ table for table in vocabulary], batch)
    return torch.autograd.grad(loss, one_hot)[0]


def denoising_loss(
    pipe: Pipeline, model: nn.Module, prefix: Sequence[str], vectors: Sequence[Tensor], batch: Batch
) -> Tensor:
    """The mean loss of denoising pictures under their prompts with words in front.

    Args:
        pipe: of the model.
        model: that denoises; gradients flow to `vectors`.
        prefix: the words.
        vectors: of these words, one [places, d] for each text encoder.
        batch: the pictures.
    """
    prompts = [[""] * len(prefix) + [prompt] for prompt in batch.prompts]
    embedded = read(pipe, model, prompts, prefix, vectors)
    return denoising.losses(pipe, model, batch.clean, batch.noise, batch.t, embedded).mean()


def to_simplex(rows: Tensor) -> Tensor:
    """The nearest point to each row [n, k] whose numbers are at least 0 and sum to 1."""
    falling = rows.sort(descending=True).values
    over = falling.cumsum(1) - 1
    count = torch.arange(1, rows.shape[1] + 1, device=rows.device)
    last = (falling * count > over).sum(1, keepdim=True)
    return (rows - over.gather(1, last - 1) / last).clamp(min=0)
