"""Shared by the attacks on models that draw: their exam, what each model draws under an attack, and what was found."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from ..api.attacked import Find, Values
from ..core.attack import AttackContext, Outcome, Tried, tried_by
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.lessons import pictures_of
from ..families.text_to_image.task import TextToImage

FINDS = 6  # pictures of what was found
BEGUN = 7_000_000  # added to an item's seed for the noise on a picture that is to be finished
Look = AttackContext[TextToImage]


def exam_of(look: Look) -> DrawingExam:
    """What the run's models are examined by."""
    exam = look.exam
    assert isinstance(exam, DrawingExam)
    return exam


def drawn_on_each(look: Look, make: Callable[[nn.Module], Sequence[Images]], phase: str) -> Tried:
    """What every model draws of the items at each place of an attack that needs no other weights.

    Args:
        look: the run.
        make: of a model, its pictures [items, h, w, 3] at each place.
        phase: in words, for the progress.
    """
    exam = exam_of(look)

    def work(when: str, model: nn.Module) -> Outcome:
        places = list(make(model))
        return {"recalled": np.stack([exam.score(images) for images in places])[None], "drawn": np.stack(places)}

    tried = tried_by(look.on_each(work, phase, shown=["drawn"]), ["drawn"])
    tried.outputs = {when: list(places) for when, (places,) in tried.outputs.items()}
    return tried


def up_to_here(tried: Tried) -> dict[str, Values]:
    """An item counts as recalled from the first place on that recalls it: whoever attacks stops there."""
    return {when: np.maximum.accumulate(values, -2) for when, values in tried.recalled.items()}


def beginnings(exam: DrawingExam) -> tuple[Tensor, Tensor]:
    """Latents of a picture of each item, the artists' where they ship, else drawn by the original model; and noise of the same shape."""
    with exam.measured():
        clean = exam.task.pipe.latents(pictures_of(exam.task, exam.shots))
    return clean, exam.task.pipe.start([shot.seed + BEGUN for shot in exam.shots])


def neighbour_prompts(exam: DrawingExam) -> list[str]:
    """For each item the same prompt of what stands nearest to what was to be forgotten, else what is kept."""
    asking = exam.task.asking
    if not asking.domains:
        return [asking.keep_prompts[item % len(asking.keep_prompts)] for item in range(len(exam.shots))]
    near = [asking.anchor(exam.concepts(shot)[0].model_copy(update={"anchor": ""})) for shot in exam.shots]
    prompts = []
    for one, shot in zip(near, exam.shots, strict=True):
        style = (
            "" if shot.prompt == asking.prompt(shot.object) else shot.style
        )  # "a cat" alone, of which a picture has a style
        prompts.append(asking.prompt((one.object if one else "") or shot.object, (one.style if one else "") or style))
    return prompts


@contextlib.contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Within it no weight of the model gets a gradient."""
    trainable = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in trainable:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in trainable:
            weight.requires_grad_(True)


def finds(look: Look, images: Images, prompts: Sequence[str], notes: Sequence[str], name: str) -> list[Find]:
    """The pictures that show what was to be forgotten, with what they were drawn for.

    Args:
        look: the run.
        images: [items, h, w, 3] of the unlearned model.
        prompts: as they can be pasted in Ask; "" where there is none.
        notes: how each came about.
        name: of the files.
    """
    exam = exam_of(look)
    judgements = exam.judgements(images)
    return [
        Find(
            words=prompts[item],
            output=judgements[item].name,
            picture=Path(look.picture(f"{name}-{item}", images[item])).name,
            note=notes[item],
        )
        for item in range(len(images))
        if judgements[item].forgotten
    ][:FINDS]
