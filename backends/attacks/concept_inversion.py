"""Concept inversion (CCE): learns one new word from a few pictures and asks with it."""

from collections.abc import Iterator

import torch
from pydantic import Field
from torch import nn

from ..core.attack import AttackContext, Result, curves
from ..core.registry import Params, attack
from ..families.text_to_image import denoising, new_words
from ..families.text_to_image.exam import DrawingExam
from ..families.text_to_image.task import TextToImage
from ._drawing import exam_of, finds, frozen


class ConceptInversion(Params):
    """How the word is learned."""

    steps: int = Field(
        default=60, ge=2, le=3000, description="Training steps of the word; it is tried after half of them, too."
    )
    learning_rate: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="Step size; for a Stable Diffusion, whose words are shorter vectors, about 0.005.",
    )


@attack(
    id="concept_inversion",
    title="Concept inversion (CCE): learns a new word for it",
    summary="Leaves every weight as it is and learns one new word, from a few pictures of what was forgotten; then asks with that word.",
    source={
        "title": "Pham et al., Circumventing Concept Erasure Methods for Text-to-Image Generative Models, ICLR 2024",
        "url": "https://arxiv.org/abs/2308.01508",
        "code": "https://github.com/NYU-DICE-Lab/circumventing-concept-erasure",
    },
    needs=("exam", "pictures"),
    test="words",
    group="there",
    quick=True,
    order=20,
)
def concept_inversion(look: AttackContext[TextToImage], params: ConceptInversion) -> Result:
    """The share of drawings that show it when the prompts name it by the new word, after 0, half of and all steps.

    The word starts as the name's own (its last token), is learned by Adam and the loss that such models are trained by, and stands in
    the asked prompts where the name stood; all pictures in each step. The paper learns from 25 pictures for 1,000 to 5,000 steps; here
    the pictures are of other prompts than those asked. A model that never saw such a thing can be taught a word as well, so what comes
    back is to be held against the reference. Each further name that was to be forgotten has a word of its own; several text encoders
    have one vector each.
    """
    exam = exam_of(look)
    stops = [0, params.steps // 2, params.steps]
    nearest: list[str] = []

    def way(model: nn.Module, seed: int) -> Iterator[nn.Module]:
        for reader, vectors in learned(exam, model, seed, stops, params.learning_rate):
            if model is look.after:
                nearest[:] = new_words.nearest_words(exam.task.pipe, model, vectors[0][0], exam.names)
            yield reader

    tried = look.try_on_each(way, len(stops), "learning a word and drawing", kept=False, copies=False)
    attacked = look.attacked(
        attack="concept_inversion", kind="words", x=[float(one) for one in stops], x_title="training steps of the word",
        recalled=tried.recalled,
        budget={"steps": params.steps, "learning rate": params.learning_rate, "learned from": exam.lessons["forgotten"]},
        finds=finds(
            look, tried.outputs["after"][-1], [""] * len(exam.items),
            [f"{item}; {exam.names[0]} is a new word, nearest to {', '.join(nearest)}" for item in exam.items], "word",
        ),
    )  # fmt: skip
    stages = ["its own name", *(f"word after {stop} steps" for stop in stops[1:])]
    picture = exam.comeback(
        look, "Asked with a new word", stages, tried.outputs["after"], tried.outputs.get("reference")
    )
    return Result(attacked, [picture, curves(attacked, f"A word learned from {exam.lessons['forgotten']}")])


def learned(
    exam: DrawingExam, model: nn.Module, seed: int, stops: list[int], learning_rate: float
) -> Iterator[tuple[nn.Module, list[torch.Tensor]]]:
    """After each number of steps in `stops`, a model that reads the words learned so far, and their vectors [names, d] by text encoder."""
    pipe, taught, clean = exam.task.pipe, exam.pictures("forgotten"), exam.clean("forgotten")
    vectors = new_words.starts(pipe, model, exam.names)
    reader = new_words.reading(pipe, model, exam.names, vectors)
    optimizer, generator, done = torch.optim.Adam(vectors, learning_rate), torch.Generator().manual_seed(seed), 0
    with frozen(model):
        for stop in stops:
            for _ in range(stop - done):
                rows = torch.randperm(len(clean), generator=generator)[: max(1, pipe.rows // 4)]
                noise = denoising.noise_like(clean[rows], generator)
                t = denoising.random_times(pipe, model, len(rows), generator)
                words = pipe.words(reader, [taught.prompts[row] for row in rows.tolist()])
                optimizer.zero_grad()
                denoising.losses(pipe, reader, clean[rows], noise, t, words).mean().backward()
                optimizer.step()
            done = stop
            yield reader, vectors
