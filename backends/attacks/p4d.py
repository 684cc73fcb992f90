"""P4D: searches words with which a model predicts what the original does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image.exam import DrawingExam
from ..families.text_to_image.pipeline import Pipeline
from ..families.text_to_image.task import TextToImage
from ._drawing import exam_of, frozen, up_to_here
from ._words import (
    EARLIEST,
    LATEST,
    Batch,
    Parts,
    Progress,
    batches,
    filled,
    never,
    read,
    silent,
    tables,
    to_search,
    tried_prompts,
    word_finds,
)

DECAY = 0.1  # of the vectors, as the original code has it
STAGES = 4  # how often it is drawn with
Form = Literal["in place of the name", "between the words"]


class P4D(Params):
    """How much is searched."""

    form: Form = Field(
        default="in place of the name",
        description="Where the words stand: in place of the forgotten name, as in P4D-N, or between all words of the prompt, as in P4D-K.",
    )
    words: int = Field(default=3, ge=1, le=16, description="Words in place of the name; P4D-N has 16.")
    every: int = Field(default=3, ge=1, le=16, description="Words of the prompt after which one is put; P4D-K has 3.")
    steps: int = Field(default=80, ge=STAGES, le=3000, description="Steps of AdamW; the paper has 3,000.")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="Step size.")
    seed: int = Field(default=0, ge=0, description="Of the noise and of the first words.")


@attack(
    id="p4d",
    title="P4D: searches words with which it predicts as the original does",
    summary="Searches a few words with which each model predicts what the original model does for the plain prompt, and draws with them.",
    source={
        "title": "Chin et al., Prompting4Debugging: Red-Teaming Text-to-Image Diffusion Models by Finding Problematic Prompts, ICML 2024",
        "url": "https://arxiv.org/abs/2309.06135",
        "code": "https://github.com/joycenerd/P4D",
    },
    needs=("exam", "pictures"),
    test="words",
    counts=False,
    group="there",
    order=34,
)
def p4d(look: AttackContext[TextToImage], params: P4D) -> Result:
    """The share of drawings that show it with the words of a quarter, half, three quarters and all of the steps, or with earlier ones;
    at 0 the plain prompts.

    Minimised is || model(x_t | prompt with the words) - original(x_t | plain prompt) ||^2 over free vectors: each step replaces them by
    the nearest words (by the cosine), takes the gradient there and a step of AdamW with it on the free vectors. x_t are noised pictures
    of other prompts than those asked, and the words the same for all that are asked; the paper searches for each prompt and, in P4D-N,
    replaces all of it. The forgotten name and its pieces are never tried, nor what cannot be typed. It needs what the original model
    predicts, and whoever has that needs no attack: so it explains, and is not weighed by the court. UnlearnDiffAtk does without.
    """
    exam = exam_of(look)
    words = to_search(exam)
    stops = [params.steps * stage // STAGES for stage in range(1, STAGES + 1)]
    plain = [shot.prompt for shot in exam.shots]
    parts = with_places(exam, [*plain, *exam.pictures("forgotten").prompts], params)

    def search(model: nn.Module, progress: Progress) -> Iterator[list[str]]:
        yield plain
        for row in searched(exam, model, look.before, words, parts, params, stops, progress):
            yield [filled(parts[prompt], row) for prompt in plain]

    tried, pasted = tried_prompts(look, search, 1 + STAGES, "searching words and drawing")
    attacked = look.attacked(
        attack="p4d", kind="words", x=[0.0, *map(float, stops)], x_title="steps of the search", recalled=up_to_here(tried), counts=False,
        budget={
            "form": params.form, "steps": params.steps, "learning rate": params.learning_rate, "words to choose among": len(words),
            "never tried": never(exam), "searched on": exam.lessons["forgotten"],
        },
        finds=word_finds(look, tried.outputs["after"], pasted, "words"),
    )  # fmt: skip
    stages = ["plain prompt", *(f"step {stop}, “{row[0]}”" for row, stop in zip(pasted[1:], stops, strict=True))]
    title = f"With searched words {params.form}"
    picture = exam.comeback(look, title, stages, tried.outputs["after"], tried.outputs.get("reference"))
    return Result(attacked, [picture, curves(attacked, title)])


def with_places(exam: DrawingExam, prompts: Sequence[str], params: P4D) -> dict[str, Parts]:
    """The fixed parts of each prompt with its free places: where its forgotten name stood (before it all, where it has none) or between its
    words, in all as many as in the prompt with the fewest."""
    parts = {prompt: _parts(exam, prompt, params) for prompt in prompts}
    count = min(len(each) for each in parts.values()) - 1
    return {prompt: [*each[:count], " ".join(each[count:]).strip()] for prompt, each in parts.items()}


def _parts(exam: DrawingExam, prompt: str, params: P4D) -> Parts:
    if params.form == "between the words":
        text, every = prompt.split(), params.every
        chunks = [" ".join(text[at : at + every]) for at in range(0, len(text), every)]
        return [*chunks, ""] if len(text) % every == 0 or len(chunks) == 1 else chunks
    name = next((one for one in exam.names if one in prompt), "")
    start, end = prompt.split(name, 1) if name else ("", prompt)
    return [start.strip(), *[""] * (params.words - 1), end.strip()]


def searched(
    exam: DrawingExam,
    model: nn.Module,
    original: nn.Module,
    words: Sequence[str],
    parts: Mapping[str, Parts],
    params: P4D,
    stops: Sequence[int],
    progress: Progress = silent,
) -> Iterator[list[str]]:
    """The words nearest to the free vectors after each number of steps; `parts` as `with_places` gives them."""
    pipe, device = exam.task.pipe, exam.task.device
    count = len(next(iter(parts.values()))) - 1
    vocabulary = tables(pipe, model, words)
    generator = torch.Generator().manual_seed(params.seed)
    first = torch.randint(len(words), (count,), generator=generator).to(device)
    vectors = [table[first].clone() for table in vocabulary]
    optimizer = torch.optim.AdamW(vectors, params.learning_rate, weight_decay=DECAY)
    share = EARLIEST + (LATEST - EARLIEST) * torch.rand(params.steps, generator=generator)
    every = batches(exam, (share * (pipe.times - 1)).long(), params.seed)
    with exam.measured(), frozen(model.eval()):
        for number, batch in enumerate(every, 1):
            chosen = nearest(vectors, vocabulary)
            prompts = [parts[prompt] for prompt in batch.prompts]
            with torch.enable_grad():
                projected = [table[chosen].requires_grad_(True) for table in vocabulary]
                there = [words[place] for place in chosen.tolist()]
                loss = agreement_loss(pipe, model, original, prompts, there, projected, batch)
            for vector, each in zip(vectors, torch.autograd.grad(loss, projected), strict=True):
                vector.grad = each
            optimizer.step()
            progress(number, params.steps)
            if number in stops:
                yield [words[place] for place in nearest(vectors, vocabulary).tolist()]


def nearest(vectors: Sequence[Tensor], vocabulary: Sequence[Tensor]) -> Tensor:
    """The word [places] nearest by cosine to each vector; of several text encoders, by the sum."""
    pairs = zip(vectors, vocabulary, strict=True)
    cosines = [F.normalize(each, dim=-1) @ F.normalize(table, dim=-1).T for each, table in pairs]
    return torch.stack(cosines).sum(0).argmax(1)


def agreement_loss(
    pipe: Pipeline, model: nn.Module, original: nn.Module, parts: Sequence[Parts], chosen: Sequence[str], vectors: Sequence[Tensor],
    batch: Batch,
) -> Tensor:  # fmt: skip
    """The mean squared distance between what a model predicts for prompts with words, and the original for the plain prompts.

    Args:
        pipe: of the models.
        model: that is attacked; gradients flow to `vectors`.
        original: the original model.
        parts: of the prompts, with free places.
        chosen: words in the free places.
        vectors: of these words, one [places, d] for each text encoder.
        batch: pictures to be noised, with their plain prompts.
    """
    x = pipe.noised(batch.clean, batch.noise, batch.t)
    with torch.no_grad():
        target = pipe.predict(original, x, batch.t, pipe.words(original, batch.prompts))
    return F.mse_loss(pipe.predict(model, x, batch.t, read(pipe, model, parts, chosen, vectors)), target)
