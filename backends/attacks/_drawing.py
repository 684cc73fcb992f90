"""Shared by the attacks on models that draw: their exam, what each model draws under an attack, and what was found."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from ..api.attacked import Find
from ..core.attack import AttackContext, Outcome, Tried, tried_by
from ..families.text_to_image.exam import DrawingExam, Images
from ..families.text_to_image.task import TextToImage

FINDS = 6  # pictures of what was found
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
