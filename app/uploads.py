"""The folder of uploads: a file goes soon after it was read, one that nobody read within the hour, and all have one limit."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI

from backends.api.home import home
from backends.api.languages import tr
from backends.api.limits import limits

Values = dict[str, Any]
Answer = Callable[[Values], dict[str, Any]]

HOUR: Final = 3600.0
# Two who upload the same file share one copy, so a file that was read stays until whoever came last must have read it too.
SETTLED: Final = 60.0  # seconds
EVERY: Final = 60.0  # seconds between two sweeps

_lock = threading.Lock()
_read: set[Path] = set()


def folder() -> Path:
    """The folder of uploads, which is not the folder that all programs of the machine share."""
    return home() / "cache" / "uploads"


def claim() -> None:
    """Have Gradio put its files there. To be called before any of its components is made."""
    os.environ["GRADIO_TEMP_DIR"] = str(folder().resolve())


def read_once(name: str, answer: Answer) -> Answer:
    """The answer to an upload, after which the file is not needed: it goes from the page at once and from the disk soon.

    Args:
        name: the part of the page that holds the file.
        answer: what is made of it.
    """

    def read(values: Values) -> dict[str, Any]:
        if not values[name]:
            return answer(values)
        try:
            return answer(values) | {name: None}
        finally:
            done_with(Path(values[name]))

    return read


def done_with(path: Path) -> None:
    """An upload was read. A file that is no upload stays."""
    path = path.resolve()
    if path.is_relative_to(folder().resolve()):
        with _lock:
            _read.add(path)


def sweep(now: float | None = None) -> None:
    """Remove what was read, and whatever lies there for an hour."""
    now = time.time() if now is None else now
    with _lock:
        for path, age in _ages(now):
            if age > HOUR or (path in _read and age > SETTLED):
                path.unlink(missing_ok=True)
                _read.discard(path)
        for path in [path for path in _read if not path.exists()]:
            _read.discard(path)
    for path in folder().glob("*/"):
        _remove_empty(path, now)


def make_room(needed: int) -> str:
    """Room for so many bytes: the oldest uploads go where it is short.

    Returns:
        the sentence that says why there is none, empty where there is.
    """
    sweep()
    most = limits().uploads_bytes
    oldest_first = sorted(_ages(time.time()), key=lambda pair: -pair[1])
    total = sum(_size(path) for path, _ in oldest_first)
    for path, age in oldest_first:
        if total + needed <= most:
            break
        if age > SETTLED:
            total -= _size(path)
            path.unlink(missing_ok=True)
    if total + needed <= most:
        return ""
    return tr(
        "The studio holds {total} of uploads now and may hold {most}; try again in a minute.",
        total=size(total),
        most=size(most),
    )


def size(count: int) -> str:
    """Bytes in words."""
    return f"{count / 2**20:.0f} MB" if count >= 2**20 else f"{count / 1024:.0f} KB"


def tidy(app: FastAPI) -> None:
    """Sweep the folder again and again while the application runs."""
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with before(app) as state:
            task = asyncio.create_task(_sweep_forever())
            try:
                yield state
            finally:
                task.cancel()

    app.router.lifespan_context = lifespan


async def _sweep_forever() -> None:
    while True:
        await asyncio.to_thread(sweep)
        await asyncio.sleep(EVERY)


def _ages(now: float) -> list[tuple[Path, float]]:
    """Every file of the folder with the seconds since it was written."""
    ages = []
    for path in folder().resolve().rglob("*"):
        try:
            if path.is_file() or path.is_symlink():
                ages.append((path, now - path.lstat().st_mtime))
        except FileNotFoundError:
            continue
    return ages


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _remove_empty(path: Path, now: float) -> None:
    try:
        if now - path.lstat().st_mtime > HOUR:
            path.rmdir()
    except OSError:  # it is not empty, or gone
        return
