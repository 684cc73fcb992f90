"""Finished runs kept in another folder as well, which outlives this machine's disk: LETHE_KEEP, as a mounted bucket of a Space.

Behind such a folder may lie an object store, which promises no rename, no lock and no append. So files are written as they are, and last
kept.json, which lists them: a copy without it, or that is not as it says, counts for nothing.
"""

import hashlib
import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from . import files, reading
from .errors import BadInput
from .home import home, ready_home
from .spec import Status

log = logging.getLogger("lethe.kept")

MARK: Final = "kept.json"
EVERY: Final = 10.0  # seconds between two looks at what has finished or changed
LEFT_OUT: Final = {"checkpoint", "cancel"}  # of nothing but a run that works
DONE: Final[Status] = "done"


class Damaged(Exception):
    """A copy that is not as its list says; the message goes into the log."""


def folder() -> Path | None:
    """The folder where finished runs are kept; None where LETHE_KEEP is not set.

    Raises:
        BadInput: it is no folder, or lies within the home.
    """
    setting = os.environ.get("LETHE_KEEP", "")
    if not setting:
        return None
    where = Path(setting).expanduser()
    if not where.is_dir() or where.resolve().is_relative_to(home().resolve()):
        raise BadInput(f"LETHE_KEEP is {setting[:200]!r}; name a folder that exists and lies outside of LETHE_HOME.")
    return where / "runs"


def keep(run: Path) -> bool:
    """Copy a finished run, where what is kept of it is not the same. Returns whether anything was written."""
    where = folder()
    state = reading.state(run)
    if where is None or state is None or state.status != DONE:
        return False
    to, digests = where / run.name, _files(run)
    if _read(to) == digests:
        return False
    to.mkdir(parents=True, exist_ok=True)
    (to / MARK).unlink(missing_ok=True)
    for name in digests:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, to / name)
    (to / MARK).write_text(files.dumps(digests, 1) + "\n", "utf-8")
    if not run.is_dir():  # deleted meanwhile
        forget(run.name)
    return True


def forget(run_id: str) -> None:
    """Delete what is kept of a run; the list goes first."""
    try:
        where = folder()
        if where is not None and (where / run_id).is_dir():
            (where / run_id / MARK).unlink(missing_ok=True)
            shutil.rmtree(where / run_id)
    except (OSError, BadInput) as error:
        log.warning(
            "What is kept of run %s could not be deleted (%s), so it comes back at the next start.", run_id, error
        )


def keep_all() -> None:
    """Copy every finished run of this home that is not kept as it is."""
    root = home() / "runs"
    for run in sorted(root.iterdir()) if root.is_dir() else []:
        if not run.name.startswith(".") and (run / "result.json").is_file():
            try:
                keep(run)
            except Exception as error:  # of one run, or the folder is away: the next look tries again
                log.warning("Run %s could not be kept (%s).", run.name, error)


def load() -> list[str]:
    """Bring back the runs that are kept and not in this home. Returns their ids; what is damaged is passed over, and the log says so."""
    where, loaded = folder(), []
    for copy in sorted(where.iterdir()) if where is not None and where.is_dir() else []:
        if (home() / "runs" / copy.name).exists() or not (copy / MARK).exists():
            continue
        try:
            _bring_back(copy)
            loaded.append(copy.name)
        except (OSError, ValueError, Damaged) as error:
            log.warning("What is kept of run %s was passed over: %s.", copy.name, error)
    return loaded


def watch(over: threading.Event) -> None:
    """Bring back what is kept, then keep what finishes or changes, until `over` is set."""
    load()
    while not over.is_set():
        keep_all()
        over.wait(EVERY)


def _bring_back(copy: Path) -> None:
    listed = _read(copy)
    if not isinstance(listed, dict) or "spec.json" not in listed:
        raise Damaged(f"{MARK} cannot be read")
    making = ready_home() / "runs" / f".making-{copy.name}"
    shutil.rmtree(making, ignore_errors=True)
    try:
        for name, digest in listed.items():
            if not _plain(name):
                raise Damaged(f"{MARK} names {name[:80]!r}, which is no file of a run")
            (making / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(copy / name, making / name)
            if _digest(making / name) != digest:
                raise Damaged(f"{name} is not as it was")
        if (trouble := reading.trouble(making)) or getattr(reading.state(making), "status", "") != DONE:
            raise Damaged(trouble or "it is no finished run")
        making.rename(home() / "runs" / copy.name)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _plain(name: Any) -> bool:
    """Whether a name leads to a file within its folder."""
    parts = PurePosixPath(str(name)).parts
    return bool(parts) and not {"..", "/"} & set(parts) and "\\" not in str(name) and not parts[0].startswith(".")


def _files(run: Path) -> dict[str, str]:
    """The files of a run by their names within it, each with what tells it from another."""
    return {name: _digest(run / name) for name in _names(run)}


def _names(run: Path) -> Iterator[str]:
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run)
        plain = path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in name.parts)
        if plain and name.parts[0] not in LEFT_OUT:
            yield name.as_posix()


def _read(copy: Path) -> Any:
    """The list of a copy; None where there is none, or it cannot be read."""
    try:
        return json.loads((copy / MARK).read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


_digests: dict[
    tuple[str, int, int], str
] = {}  # of files by their place, size and time: what did not change is not read again


def _digest(path: Path) -> str:
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]
