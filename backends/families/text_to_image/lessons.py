"""What a text-to-image model is asked to draw, and the pictures to teach it with: the artists' own, or drawings of the original model.

Where a model's card lists objects and styles, what was to be forgotten is a number of pairs of them: a cat in each of eight styles.
Up to `ASKED` of the pairs are asked and others learned from, so that no attack has seen a picture of what it is asked for. Of few pairs
most are asked, for six different prompts are the fewest that can tell hidden from still there: of a cat two styles are learned from, the
six others are asked, and the cat without a style. One object in one style is a single pair: there, as for any phrase, other drawings of
the same prompts are asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...api.concepts import Concept
from ...api.home import ASSETS
from ...core.exam import Lesson
from ...data._images import open_image
from .prompts import EvalPrompt, Role
from .task import TextToImage

PAIRS, ASKED, KEPT = 8, 8, 12  # learned from, asked, asked as kept
ENOUGH = 6  # different prompts, of which each is drawn once
AGAIN = 100_000  # added to a seed for another drawing of the same prompt
LEARNED = 500_000  # and for drawings to learn from
FRAME = 0.87  # of the side: emoji-sd was trained on drawings at 82 to 92 % of the frame, on white


@dataclass(frozen=True)
class Shown:
    """Pictures [n, height, width, 3] with a prompt each."""

    images: NDArray[np.uint8]
    prompts: list[str]


def divided(task: TextToImage) -> tuple[list[EvalPrompt], list[EvalPrompt]]:
    """(drawings to ask for, what is learned from) of what is to be forgotten; see the head of this file."""
    order = _shuffled(task, "forget")
    kinds = {one.kind for one in task.asking.forget}
    if kinds == {"pair"}:
        pairs = [(shot, Concept(kind="pair", object=shot.object, style=shot.style)) for shot in order]
        order = [replace(shot, prompt=form) for shot, pair in pairs for form in task.asking.forms(pair)]
    if kinds <= {"pair", "phrase"}:
        learned = [replace(shot, seed=shot.seed + LEARNED) for shot in _repeated(order, PAIRS)]
        return _repeated(order, ASKED), learned
    count = min(PAIRS, max(1, len(order) // 4, len(order) - ASKED))
    asked = order[count : count + ASKED]
    if (
        kinds == {"object"} and len(asked) < ASKED
    ):  # a picture of one of those learned from stands for it where an attack needs one
        plain = {shot.object: replace(shot, prompt=task.asking.prompt(shot.object)) for shot in order[:count]}
        asked = [*asked, *plain.values()][:ASKED]
    return (asked if len(asked) >= ENOUGH else _repeated(asked, ASKED)), order[:count]


def kept_and_taught(task: TextToImage) -> tuple[list[EvalPrompt], dict[Lesson, list[EvalPrompt]]]:
    """(what is asked as kept, half of it neighbours; what the other two lessons show, which is none of it)."""
    retained: list[EvalPrompt] = []
    taught: dict[Lesson, list[EvalPrompt]] = {}
    roles: tuple[tuple[Lesson, Role], ...] = (("form", "neighbour"), ("other", "unrelated"))
    for lesson, role in roles:
        order = _shuffled(task, role)
        count = min(KEPT // 2, len(order) // 2)
        retained += order[:count]
        taught[lesson] = order[count : count + PAIRS]
    some = taught["form"] or taught["other"]
    return retained, {lesson: shots or some for lesson, shots in taught.items()}


def _shuffled(task: TextToImage, role: Role) -> list[EvalPrompt]:
    """The suite's pictures of a role, in an order that is the same for every run on these targets."""
    shots = [shot for shot in task.asking.suite if shot.role == role]
    return [shots[at] for at in np.random.default_rng(0).permutation(len(shots))]


def _repeated(shots: Sequence[EvalPrompt], count: int) -> list[EvalPrompt]:
    """`count` drawings of as many different prompts as there are, the same prompt with another seed each time."""
    turns = ((shots[at % len(shots)], at // len(shots)) for at in range(count))
    return [replace(shot, seed=shot.seed + AGAIN * turn) for shot, turn in turns]


def ships(task: TextToImage, shots: Sequence[EvalPrompt]) -> bool:
    """Whether the artists' pictures of all that some prompts ask for ship."""
    paths = [picture_of(task, shot) for shot in shots]
    return bool(paths) and all(path is not None and path.is_file() for path in paths)


def real(task: TextToImage, shots: Sequence[EvalPrompt]) -> Shown:
    """The artists' pictures of what some prompts ask for; of fewer than `PAIRS` each mirrored too, as in training.

    Args:
        task: whose model was trained on assets/data/<data of its card>/<style>/<object>.png.
        shots: prompts with their object and style, whose pictures ship (`ships`).
    """
    distinct = list({(shot.object, shot.style, shot.prompt): shot for shot in shots}.values())
    images, prompts = pictures_of(task, distinct), [shot.prompt for shot in distinct]
    if len(distinct) < PAIRS:
        images, prompts = np.concatenate([images, images[:, :, ::-1]]), prompts * 2
    return Shown(images, prompts)


def pictures_of(task: TextToImage, shots: Sequence[EvalPrompt]) -> NDArray[np.uint8]:
    """A picture [n, height, width, 3] of what each prompt asks for: the artists' where all of them ship, else as the original model
    draws it from its seed."""
    if not ships(task, shots):
        return task.draw(task.load(), [shot.prompt for shot in shots], [shot.seed for shot in shots])
    height, width = (cells * task.pipe.scale_factor for cells in task.pipe.cells)
    paths = [picture_of(task, shot) for shot in shots]
    return np.stack([np.asarray(framed(open_image(path), height, width)) for path in paths if path is not None])


def picture_of(task: TextToImage, shot: EvalPrompt) -> Path | None:
    """Where the artists' picture of an object in a style lies, if the model's data ship."""
    data = task.card.get("data", "")
    return ASSETS / "data" / data / shot.style / f"{shot.object}.png" if data and shot.object and shot.style else None


def framed(picture: Image.Image, height: int, width: int) -> Image.Image:
    """A picture in the middle of white ground, as large as the model's pictures are."""
    ground = Image.new("RGB", (width, height), "white")
    inner = picture.convert("RGB").resize((round(FRAME * width), round(FRAME * height)), Image.Resampling.LANCZOS)
    ground.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return ground


def pictures(task: TextToImage, shots: Sequence[EvalPrompt]) -> Shown:
    """What to learn some prompts from: the artists' pictures where they ship, else what the original model draws."""
    return real(task, shots) if ships(task, shots) else Shown(pictures_of(task, shots), [shot.prompt for shot in shots])
