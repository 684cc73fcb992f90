"""The picture that a link to a run shows where it is posted: what it forgets, and what its model made of it before and after."""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont, ImageOps

from app import run_card
from app.figures.training import sure
from app.figures.watching import is_chat, is_drawing
from app.scenes import IMAGES, most_changed
from app.target_choice import targets_in_words
from backends.api import runs, stage_words
from backends.api.languages import tr
from backends.api.runs import RunFolder

SIZE: Final = (1200, 630)
PAPER, RAISED, INK, QUIET = "#ffffff", "#f1f2f5", "#15171c", "#4b515e"
SIDE: Final = 300  # pixels of what stands on each side of the arrow
LEFT, RIGHT, TOP = 170, 730, 220


def of_run(run_id: str) -> bytes:
    """The picture as PNG, 1200 x 630 pixels.

    Raises:
        BadInput: there is no such run.
        Unreadable: it cannot be read.
    """
    run = runs.find(run_id)
    newest = max((path.stat().st_mtime_ns for path in (run.path / "samples").glob("*.json")), default=0)
    return _picture(run.id, run.path, newest)


@lru_cache(maxsize=64)
def _picture(run_id: str, path: Path, changed: int) -> bytes:
    """The cached picture; `changed` keeps apart what a run that works looked like at different times."""
    run = runs.find(run_id)
    image = Image.new("RGB", SIZE, PAPER)
    draw = ImageDraw.Draw(image)
    title = tr(stage_words.of_run(run).short, target=targets_in_words(run.spec.forget, run.spec.family))
    _line(draw, 50, title, 54, INK)
    _line(draw, 124, run_card.title_of("models", run.spec.model), 34, QUIET)
    items = most_changed(run.samples())
    if items:
        last = {item["id"]: item for item in items}
        first = {item["id"]: item for item in run.samples()[0]["items"] if item["id"] in last}
        for left, moments, words in ((LEFT, first, tr("original model")), (RIGHT, last, tr("unlearned model"))):
            _side(image, run, left, [moments[item["id"]] for item in items], words)
        _arrow(draw)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _side(image: Image.Image, run: RunFolder, left: int, items: list[dict[str, Any]], words: str) -> None:
    """What the model made at one moment, with the name of the model below."""
    draw = ImageDraw.Draw(image)
    if is_drawing(items[0]):
        image.paste(_file(run, str(items[0]["picture"])).resize((SIDE, SIDE), Image.Resampling.LANCZOS), (left, TOP))
    elif is_chat(items[0]):
        draw.rounded_rectangle((left - 60, TOP, left + SIDE + 60, TOP + SIDE), 24, RAISED)
        _block(draw, left + SIDE // 2, str(items[0]["said"]))
    else:
        half = SIDE // 2 - 6
        for at, item in enumerate(items[:IMAGES]):
            picture = _file(run, f"samples/items/{item['id']}.png").resize((half, half), Image.Resampling.NEAREST)
            faded = Image.blend(Image.new("RGB", picture.size, RAISED), picture, 0.06 + 0.94 * sure(item))
            image.paste(faded, (left + at % 2 * (half + 12), TOP + at // 2 * (half + 12)))
    draw.text((left + SIDE // 2, TOP + SIDE + 38), words, QUIET, _font(30), anchor="mm")


def _file(run: RunFolder, name: str) -> Image.Image:
    """A picture of the run folder, in colour; nothing outside it."""
    path = (run.path / name).resolve()
    if not path.is_relative_to(run.path.resolve()):
        raise ValueError("a picture of a run lies in its folder")
    with Image.open(path, formats=("PNG",)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _line(draw: ImageDraw.ImageDraw, top: int, words: str, size: int, fill: str) -> None:
    """One line in the middle, cut where it is too wide."""
    font, text = _font(size), " ".join(words.split())
    while len(text) > 1 and draw.textlength(text, font) > SIZE[0] - 80:
        text = text[:-2].rstrip("…") + "…"
    draw.text((SIZE[0] // 2, top), text, fill, font, anchor="ma")


def _block(draw: ImageDraw.ImageDraw, middle: int, words: str) -> None:
    """An answer in several lines, as many as there is room for."""
    font, lines = _font(32), [""]
    for word in words.split() or ["…"]:
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and draw.textlength(longer, font) > SIDE + 80:
            lines.append(word)
        else:
            lines[-1] = longer
    draw.multiline_text(
        (middle, TOP + SIDE // 2), "\n".join(lines[:6]), INK, font, anchor="mm", align="center", spacing=10
    )


def _arrow(draw: ImageDraw.ImageDraw) -> None:
    middle = TOP + SIDE // 2
    draw.line((572, middle, 626, middle), QUIET, 6)
    draw.line((608, middle - 20, 628, middle, 608, middle + 20), QUIET, 6, joint="curve")
