"""Ring-A-Bell: searches a prompt that reads like the forgotten one, by the text encoder alone."""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from ..api.errors import BadInput
from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image.exam import DrawingExam
from ..families.text_to_image.pipeline import Pipeline
from ..families.text_to_image.prompts import EvalPrompt
from ..families.text_to_image.task import TextToImage
from ._drawing import exam_of, up_to_here
from ._words import Progress, never, silent, to_search, tried_prompts, word_finds

STAGES = 3  # how often it is drawn with
CROSSED, MUTATED = 0.5, 0.25  # chances of a child to have two parents, and another word
AT_ONCE = 256  # prompts read in one pass
Ids = NDArray[np.int64]


class RingABell(Params):
    """How much is searched."""

    length: int = Field(default=5, ge=1, le=75, description="Words of the prompt; the paper has 16, 38 and 77 tokens.")
    population: int = Field(default=64, ge=4, le=1000, description="Prompts in a generation; the paper has 200.")
    generations: int = Field(default=60, ge=STAGES, le=5000, description="Generations; the paper has 3,000.")
    strength: float = Field(default=3.0, ge=0, le=10, description="How much of the concept's vector is added.")
    encoder: Literal["own", "original"] = Field(
        default="own",
        description="Whose text encoder is read: each model's own, or the original's for all, which explains and is not weighed.",
    )
    seed: int = Field(default=0, ge=0, description="Of the search.")


@attack(
    id="ring_a_bell",
    title="Ring-A-Bell: searches a prompt that reads like the forgotten one",
    summary="Asks no picture: only by the text encoder, it searches prompts of other words that stand where the forgotten concept does, and draws with them.",
    source={
        "title": "Tsai et al., Ring-A-Bell! How Reliable are Concept Removal Methods For Diffusion Models?, ICLR 2024",
        "url": "https://arxiv.org/abs/2310.10012",
        "code": "https://github.com/chiayi-hsu/Ring-A-Bell",
    },
    needs=("exam", "pictures"),
    test="words",
    group="there",
    order=36,
)
def ring_a_bell(look: AttackContext[TextToImage], params: RingABell) -> Result:
    """The share of drawings that show it with the prompts found after a third, two thirds and all of the generations, or with earlier
    ones; at 0 the plain prompts.

    The concept's vector is the mean difference of what the text encoder makes of prompts with and without it: those that are learned
    from, and the same of everything else of its kind. The search wants a prompt whose embeddings, at all tokens, are nearest to those of the plain
    prompt plus `strength` times the vector, by squared distance: the better half of a generation stays, and children of it have one parent or
    two, and sometimes another word. As the paper's, it never asks the model to draw. The paper reads the public text encoder that the attacked
    model was made from. Here it is each model's own by default, also where unlearning changed it, so that it works with a reference, whose
    encoder is another; `original` is the paper's. The forgotten name and its pieces are never tried, nor what cannot be typed.
    """
    exam = exam_of(look)
    room = exam.task.pipe.tokens - 2
    if params.length > room:
        raise BadInput(f"A prompt of {params.length} words does not fit: {exam.task.id} reads {room}.")
    words = to_search(exam)
    stops = [params.generations * stage // STAGES for stage in range(1, STAGES + 1)]
    plain = [shot.prompt for shot in exam.shots]

    def search(model: nn.Module, progress: Progress) -> Iterator[list[str]]:
        yield plain
        reader = look.before if params.encoder == "original" else model
        yield from searched(exam, reader, words, params, stops, progress)

    tried, pasted = tried_prompts(look, search, 1 + STAGES, "searching prompts and drawing")
    weighed = params.encoder == "own"
    attacked = look.attacked(
        attack="ring_a_bell", kind="words", x=[0.0, *map(float, stops)], x_title="generations", recalled=up_to_here(tried), counts=weighed,
        budget={
            "words": params.length, "population": params.population, "generations": params.generations, "strength": params.strength,
            "text encoder": f"{params.encoder} one", "words to choose among": len(words), "never tried": never(exam),
        },
        finds=word_finds(look, tried.outputs["after"], pasted, "prompt"),
    )  # fmt: skip
    stages = ["plain prompt", *(f"generation {stop}, “{row[0]}”" for row, stop in zip(pasted[1:], stops, strict=True))]
    title = f"With prompts of {params.length} other words"
    picture = exam.comeback(look, title, stages, tried.outputs["after"], tried.outputs.get("reference"))
    return Result(attacked, [picture, curves(attacked, title)])


def without(exam: DrawingExam, shot: EvalPrompt) -> list[str]:
    """The same prompt of everything else of the concept's kind that is kept; of a phrase, without its name."""
    asking, kind = exam.task.asking, exam.task.domain
    if not asking.domains or not shot.object:
        name = next((one for one in exam.names if one in shot.prompt), shot.prompt)
        return [" ".join(shot.prompt.replace(name, " ").split())]
    others = [one for one in asking.domains[kind] if one not in exam.names]
    if kind == "style":
        return [asking.prompt(shot.object, one) for one in others]
    return [asking.prompt(one, shot.style) for one in others]


@torch.no_grad()
def concept(exam: DrawingExam, model: nn.Module) -> Tensor:
    """The concept's vector [tokens, d]: the mean, over the prompts that are learned from, of their embeddings less the mean of those of
    `without`."""
    pipe = exam.task.pipe
    differences = [
        pipe.words(model, [shot.prompt]).hidden[0] - pipe.words(model, without(exam, shot)).hidden.mean(0)
        for shot in exam.learned
    ]
    return torch.stack(differences).mean(0)


@torch.no_grad()
def aims(exam: DrawingExam, model: nn.Module, prompts: Sequence[str], strength: float) -> Tensor:
    """What the embeddings of a found prompt should be, [prompts, tokens, d]: those of the prompt plus `strength` times the concept."""
    return exam.task.pipe.words(model, prompts).hidden + strength * concept(exam, model)


def searched(
    exam: DrawingExam,
    model: nn.Module,
    words: Sequence[str],
    params: RingABell,
    stops: Sequence[int],
    progress: Progress = silent,
) -> Iterator[list[str]]:
    """The best prompt for each item after each number of generations."""
    pipe, rng = exam.task.pipe, np.random.default_rng(params.seed)
    plain = [shot.prompt for shot in exam.shots]
    distinct = list(dict.fromkeys(plain))
    with exam.measured():
        targets = aims(exam, model.eval(), distinct, params.strength)
        crowds = [rng.integers(len(words), size=(params.population, params.length)) for _ in distinct]
        fits = [fitness(pipe, model, crowd, words, aim) for crowd, aim in zip(crowds, targets, strict=True)]
        for generation in range(1, stops[-1] + 1):
            for at, aim in enumerate(targets):
                better = crowds[at][fits[at].argsort(kind="stable")[: params.population // 2]]
                born = children(better, params.population - len(better), len(words), rng)
                crowds[at] = np.concatenate([better, born])
                fits[at] = np.concatenate([np.sort(fits[at])[: len(better)], fitness(pipe, model, born, words, aim)])
            progress(generation, stops[-1])
            if generation in stops:
                best = [_text(crowd[fit.argmin()], words) for crowd, fit in zip(crowds, fits, strict=True)]
                yield [best[distinct.index(prompt)] for prompt in plain]


def children(parents: Ids, count: int, words: int, rng: np.random.Generator) -> Ids:
    """`count` prompts [count, length] from parents: a copy, or the start of one and the end of another; some with one other word."""
    length = parents.shape[1]
    one, two = rng.integers(len(parents), size=(2, count))
    cut = np.where(rng.random(count) < CROSSED, rng.integers(length, size=count), length)
    born: Ids = np.where(np.arange(length) < cut[:, None], parents[one], parents[two])
    changed = np.flatnonzero(rng.random(count) < MUTATED)
    born[changed, rng.integers(length, size=len(changed))] = rng.integers(words, size=len(changed))
    return born


@torch.no_grad()
def fitness(pipe: Pipeline, model: nn.Module, crowd: Ids, words: Sequence[str], aim: Tensor) -> NDArray[np.float32]:
    """The squared distance [prompts] of each prompt's embeddings from the aim [tokens, d], summed; less is better."""
    texts = [_text(row, words) for row in crowd]
    parts = [
        (pipe.words(model, texts[at : at + AT_ONCE]).hidden - aim).square().sum((1, 2))
        for at in range(0, len(texts), AT_ONCE)
    ]
    distances: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return distances


def _text(row: Ids, words: Sequence[str]) -> str:
    return " ".join(words[place] for place in row)
