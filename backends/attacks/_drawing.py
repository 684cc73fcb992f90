"""Shared by the attacks on models that draw: their exam, what each model draws under an attack, and what was found."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from ..api.attacked import Find, Values
from ..core.attack import NAMES, AttackContext, Tried
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
    tried, exam, models = Tried(), exam_of(look), look.models()
    references = []
    for done, (when, model) in enumerate(models):
        look.tell(f"{phase}, {NAMES[when]}", done, len(models))
        places = list(make(model))
        tried.outputs.setdefault(when, places)
        scores = np.stack([exam.score(images) for images in places])[None]
        if when == "reference":
            references.append(scores)
        else:
            tried.recalled[when] = scores
    if references:
        tried.recalled["reference"] = np.stack(references)
    look.tell(phase, len(models), len(models))
    return tried


def on_each(look: Look, work: Callable[[str, nn.Module], Mapping[str, Any]], phase: str) -> list[tuple[str, Mapping[str, Any]]]:
    models = look.models()
    parts = []
    for done, (when, model) in enumerate(models):
        look.tell(f"{phase}, {NAMES[when]}", done, len(models))
        parts.append((when, work(when, model)))
    return parts


def tried_of(exam: DrawingExam, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> Tried:
    """What each model recalls in its `images` [places, items, h, w, 3], by (when, what it contributed)."""
    tried, references = Tried(), []
    for when, part in parts:
        places = list(part["images"])
        tried.outputs.setdefault(when, places)
        scores = np.stack([exam.score(images) for images in places])[None]
        if when == "reference":
            references.append(scores)
        else:
            tried.recalled[when] = scores
    if references:
        tried.recalled["reference"] = np.stack(references)
    return tried


def up_to_here(tried: Tried) -> dict[str, Values]:
    """An item counts as recalled from the first place on that recalls it: whoever attacks stops there."""
    return {when: np.maximum.accumulate(values, -2) for when, values in tried.recalled.items()}


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
            picture=look.picture(f"{name}-{item}", images[item]),
            note=notes[item],
        )
        for item in range(len(images))
        if judgements[item].forgotten
    ][:FINDS]
