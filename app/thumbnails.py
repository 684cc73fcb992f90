"""Thumbnails: pictures from files as data: addresses, no larger than a page shows them."""

import io
from base64 import b64encode
from functools import lru_cache
from pathlib import Path

from PIL import Image


def small(path: Path, most: int) -> str:
    """A picture with no side longer than `most` pixels as a data address: as it is where it is small already, else as WebP.

    Empty where the file is missing or no picture.
    """
    try:
        return _small(path, path.stat().st_mtime_ns, most)
    except (OSError, ValueError):
        return ""


def of_run(folder: Path, path: str, most: int) -> str:
    """A picture of a run folder as such a data address; empty where it lies outside the folder."""
    where = (folder / path).resolve() if path and "\0" not in path else folder
    return small(where, most) if where.is_relative_to(folder.resolve()) else ""


@lru_cache(maxsize=1024)
def _small(path: Path, changed: int, most: int) -> str:
    """The cached thumbnail of a file; `changed` keeps apart what the same file held at different times."""
    content, kind = path.read_bytes(), "png"
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        if max(image.size) > most:
            resized, out = image.convert("RGB"), io.BytesIO()
            resized.thumbnail((most, most), Image.Resampling.LANCZOS)
            resized.save(out, "WEBP", quality=85)
            content, kind = out.getvalue(), "webp"
    return f"data:image/{kind};base64,{b64encode(content).decode()}"
