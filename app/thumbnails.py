"""Thumbnails: pictures from files no larger than a page shows them, and a run in two of them: an item of it before and after."""

import io
from base64 import b64encode
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from PIL import Image

from app import run_results
from app.figures.watching import is_chat
from backends.api import runs
from backends.api.errors import LetheError
from backends.api.files import number
from backends.api.languages import tr
from backends.api.runs import RunFolder

SIDES: Final = ("before", "after")
PIXELS: Final = 96  # longest side of a run's thumbnail


class Side(NamedTuple):
    """One of two thumbnails.

    Attributes:
        picture: the address of a picture, relative to the studio's root; empty where the model writes.
        text: its answer, where it writes.
        label: words below.
        share: how sure the model or its judge is of the right answer, from 0 to 1; NaN where that is not known.
        fades: whether the picture is an item that the model is asked about, and fades as it is less sure.
    """

    picture: str
    text: str
    label: str
    share: float
    fades: bool


class Pair(NamedTuple):
    """An item of the forget set before and after; `item` names it."""

    item: str
    before: Side
    after: Side


def small(path: Path, most: int) -> str:
    """A picture with no side longer than `most` pixels as a data address: as it is where it is small already, else as WebP.

    Empty where the file is missing or no picture.
    """
    try:
        content, kind = _small(path, path.stat().st_mtime_ns, most)
    except (OSError, ValueError):
        return ""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def of_run(folder: Path, path: str, most: int) -> str:
    """A picture of a run folder as such a data address; empty where it lies outside the folder."""
    where = (folder / path).resolve() if path and "\0" not in path else folder
    return small(where, most) if where.is_relative_to(folder.resolve()) else ""


@lru_cache(maxsize=1024)
def _small(path: Path, changed: int, most: int) -> tuple[bytes, str]:
    """The thumbnail of a file and its media type; `changed` keeps apart what the same file held at different times."""
    content, kind = path.read_bytes(), "image/png"
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        if max(image.size) > most:
            resized, out = image.convert("RGB"), io.BytesIO()
            resized.thumbnail((most, most), Image.Resampling.LANCZOS)
            resized.save(out, "WEBP", quality=85)
            content, kind = out.getvalue(), "image/webp"
    return content, kind


def pair(run: RunFolder) -> Pair | None:
    """A run in two thumbnails; None before it has made anything, or where it cannot be read."""
    try:
        watched = _watched(run.id, _changed(run))
        names = run_results.class_names(run) if watched and "probabilities" in watched[0] else []
    except (LetheError, OSError):
        return None
    if watched is None:
        return None
    before, after = (_side(run, item, side, names) for item, side in zip(watched, SIDES, strict=True))
    return Pair(str(watched[0].get("question") or watched[0].get("prompt") or before.label), before, after)


def picture(run: RunFolder, side: str) -> tuple[bytes, str] | None:
    """The bytes of a run's thumbnail and their media type; None where it has no picture.

    Args:
        run: the run.
        side: one of `SIDES`.
    """
    if side not in SIDES:
        return None
    try:
        watched = _watched(run.id, _changed(run))
        path = _picture_path(watched[SIDES.index(side)]) if watched else ""
        where = (run.path / path).resolve()
        if not path or not where.is_relative_to(run.path.resolve()):
            return None
        return _small(where, where.stat().st_mtime_ns, PIXELS)
    except (LetheError, OSError, ValueError):
        return None


def _changed(run: RunFolder) -> tuple[int, ...]:
    """What is different once a run has made a new sample."""
    return tuple((run.path / name).stat().st_mtime_ns for name in ("samples",) if (run.path / name).is_dir())


@lru_cache(maxsize=1024)
def _watched(run_id: str, changed: tuple[int, ...]) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The first item of the forget set as the run's first and last sample have it."""
    samples = runs.find(run_id).samples()
    if not samples:
        return None
    last = {item["id"]: item for item in samples[-1]["items"]}
    both = ((item, last[item["id"]]) for item in samples[0]["items"] if item["role"] == "forget" and item["id"] in last)
    return next(both, None)


def _picture_path(item: dict[str, Any]) -> str:
    """The picture of an item, relative to the run's folder: what was drawn, or what the model looks at; empty without one."""
    drawn = str(item.get("picture") or "")
    name = str(item["id"])
    return drawn or (f"samples/items/{name}.png" if "probabilities" in item and "/" not in name else "")


def _side(run: RunFolder, item: dict[str, Any], side: str, names: list[str]) -> Side:
    label = ""
    if "probabilities" in item:
        guess = max(range(len(item["probabilities"])), key=item["probabilities"].__getitem__)
        label = names[guess] if guess < len(names) else tr("class {guess}", guess=guess)
    has_picture = bool(_picture_path(item)) and "\0" not in _picture_path(item)
    return Side(
        picture=f"thumbnail/{quote(run.id)}/{side}?{_changed(run)[0] % 10**9}" if has_picture else "",
        text=(str(item.get("said", "")) or tr("(no answer)")) if is_chat(item) else "",
        label=label,
        share=float(item["probabilities"][item["label"]]) if "probabilities" in item else number(item.get("share")),
        fades="probabilities" in item,
    )
