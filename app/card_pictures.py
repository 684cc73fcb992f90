"""Pictures for the cards of models: from the data that they were trained on, or drawn; as data addresses, made once."""

import base64
import io
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from markupsafe import Markup
from PIL import Image

from app.templating import render
from backends.api import files
from backends.api.home import ASSETS

# One colour an expert; the number beside it tells them apart as well.
EXPERTS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB", "#EE8866")


@lru_cache(maxsize=64)
def of_class(data: str, label: int, count: int) -> tuple[str, ...]:
    """The first training images of a class of an embedded data set, or of the one whose images it shares; none where it has none."""
    shared = files.read_json(ASSETS / "data" / data / "card.json", {})
    if "images_of" in shared:
        return of_class(shared["images_of"], shared["labels"][label], count)
    path = ASSETS / "data" / data / "train.npz"
    if not path.is_file():
        return ()
    with np.load(path, allow_pickle=False) as arrays:
        at = np.flatnonzero(arrays["labels"] == label)[:count]
        images = arrays["images"][at]
    return tuple(_png(image) for image in images)


def question(words: str, answer: str) -> str:
    """A question with its answer, as a picture."""
    return _svg(render("cards.question", _lines(words, 21), _lines(answer, 19)))


def discs(count: int) -> str:
    """A team of experts, as a picture of numbered discs."""
    return _svg(render("cards.discs", list(enumerate(EXPERTS[:count], 1))))


def _lines(words: str, most: int) -> list[str]:
    """Words in at most two lines of so many characters."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines if len(lines) <= 2 else [lines[0], lines[1] + "…"]


def _png(image: np.ndarray) -> str:
    out = io.BytesIO()
    Image.fromarray(image).save(out, format="PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _svg(drawing: Markup) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(str(drawing).encode()).decode()


def variables(pictures: Sequence[Sequence[str]]) -> Markup:
    """A style that gives the n-th card of the models its pictures: up to three side by side, or one that fills the place."""
    rules = [
        f"#model label:nth-of-type({number})::before{{background-image:"
        + ",".join(f"url({picture})" for picture in row)
        + (";background-size:116px 42px}" if len(row) == 1 else "}")
        for number, row in enumerate(pictures, start=1)
        if row
    ]
    return Markup("<style>{}</style>").format(Markup("".join(rules)))
