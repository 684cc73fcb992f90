"""Reading a run folder that anybody may have written: this version, another one, or a disk that lost a piece of it.

What cannot be read is `Unreadable`, never another error, and never the path of a file. What is missing is None. A link that
leads out of the folder that holds the runs is not followed.
"""

import json
import os
import stat
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from . import files
from .errors import Unreadable
from .results import Measured, Result
from .spec import JobSpec, Status

T = TypeVar("T")
Stamp = tuple[int, int, int] | None  # of a file: which one it is, when it changed, its bytes; None where there is none


class Moment(BaseModel):
    """One entry of a run's history: the status it came to, when (seconds since 1970), and why."""

    model_config = ConfigDict(extra="allow")

    status: Status
    at: float
    note: str = ""


class State(BaseModel):
    """Where a run stands. `attempt` is the lease: a process that finds a newer number stops without writing. `imported`: it was made
    elsewhere and taken in (`backends.api.importing`).

    Fields that a newer version wrote are kept, and written again with the others.
    """

    model_config = ConfigDict(extra="allow")

    status: Status = "queued"
    attempt: int = 0
    message: str = ""
    detail: str = ""
    owner: str = ""
    imported: bool = False
    history: list[Moment] = Field(default_factory=list)


MISSING = object()
_METRICS = TypeAdapter(dict[str, Measured])


def stamp(path: Path) -> Stamp:
    """What changes when a file is written again."""
    try:
        file_stat = path.stat()
    except (OSError, ValueError):
        return None
    return file_stat.st_ino, file_stat.st_mtime_ns, file_stat.st_size


def regular(path: Path, root: Path) -> bool:
    """Whether there is a file of that name; `root` is the folder of the runs.

    Raises:
        Unreadable: it is something else than a file, or a link that leads out of `root`.
    """
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            if not path.resolve().is_relative_to(root.resolve()):
                raise Unreadable(f"{path.name} is a link that leads out of the folder of the runs")
            mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    except (OSError, RuntimeError) as error:
        raise Unreadable(
            f"{path.name} cannot be opened ({getattr(error, 'strerror', '') or 'a link to itself'})"
        ) from None
    if not stat.S_ISREG(mode):
        raise Unreadable(f"{path.name} is no file")
    return True


def document(path: Path, root: Path, missing: Any = None) -> Any:
    """The JSON that a file holds; `missing` where there is no such file.

    Raises:
        Unreadable: it is no file, leads out of `root`, or holds no JSON.
    """
    if not regular(path, root):
        return missing
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return missing
    except (ValueError, RecursionError):
        raise Unreadable(f"{path.name} is no whole JSON document") from None
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be opened ({error.strerror})") from None


def _mapping(path: Path, root: Path) -> dict[str, Any] | None:
    """The object that a file holds; None where there is no file."""
    content = document(path, root, missing=MISSING)
    if content is MISSING:
        return None
    if not isinstance(content, dict):
        raise Unreadable(f"{path.name} holds no object")
    return content


def _unreadable_field(path: Path, error: ValidationError) -> Unreadable:
    """What does not fit, in words: the first field, and what it holds."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))[:60]
    if first["type"] == "missing":
        return Unreadable(f"{path.name} lacks {where}")
    received = repr(first["input"])
    return Unreadable(f"{where} of {path.name} is {received if len(received) <= 40 else received[:40] + '…'}")


def _reader(name: str, read: Callable[[dict[str, Any]], T], most: int) -> Callable[[Path], T | None]:
    """What reads one file of a run folder; of the `most` read last nothing is read again until it changes.

    It gives None where there is no such file, and raises Unreadable where it cannot be read.
    """

    @lru_cache(maxsize=most)
    def parsed(path: Path, root: Path, changed: Stamp) -> T | Unreadable | None:
        try:
            fields = _mapping(path, root)
            return None if fields is None else read(fields)
        except ValidationError as error:
            return _unreadable_field(path, error)
        except Unreadable as error:
            return error

    def read_folder(folder: Path) -> T | None:
        path = folder / name
        outcome = parsed(path, folder.parent, stamp(path))
        if isinstance(outcome, Unreadable):
            raise Unreadable(*outcome.args)
        return outcome

    return read_folder


def _result(fields: dict[str, Any]) -> dict[str, Any]:
    Result.model_validate(fields)
    return fields


def _metrics(fields: dict[str, Any]) -> dict[str, Any]:
    _METRICS.validate_python(fields)
    return fields


spec = _reader("spec.json", lambda fields: JobSpec.model_validate(fields, extra="ignore"), 2048)
state = _reader("state.json", State.model_validate, 4096)
result = _reader("result.json", _result, 256)
metrics = _reader("metrics.json", _metrics, 256)


def unknown_fields(folder: Path) -> list[str]:
    """What spec.json asks for that this version does not know."""
    return sorted((_mapping(folder / "spec.json", folder.parent) or {}).keys() - JobSpec.model_fields.keys())


def found_set(folder: Path) -> list[int] | None:
    """The ids of found.json."""
    record = _mapping(folder / "found.json", folder.parent)
    if record is None:
        return None
    ids = record.get("ids")
    if not isinstance(ids, list) or not all(isinstance(item, int) for item in ids):
        raise Unreadable("found.json lacks the ids")
    return ids


NAMES = ("spec.json", "state.json", "result.json", "metrics.json")


def trouble(folder: Path) -> str:
    """Why a run folder cannot be read, in words that follow "Run X cannot be read: "; empty where it can."""
    return _trouble(folder, stamp(folder), *(stamp(folder / name) for name in NAMES))


@lru_cache(maxsize=8192)
def _trouble(folder: Path, changed: Stamp, *stamps: Stamp) -> str:
    try:
        if folder.is_symlink() and not folder.resolve().is_relative_to(folder.parent.resolve()):
            raise Unreadable("its folder is a link that leads out of the folder of the runs")
        _no_links_out(folder)
        if spec(folder) is None:
            raise Unreadable("spec.json is missing")
        if result(folder) is None and state(folder) is None:  # a result is written last, so the job has finished
            raise Unreadable("state.json is missing")
        state(folder)
        metrics(folder)
    except Unreadable as error:
        return str(error)
    except RuntimeError:
        return "its folder is a link to itself"
    return ""


def _no_links_out(folder: Path) -> None:
    root = folder.parent.resolve()
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(where, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise Unreadable(f"{path.relative_to(folder)} is a link that leads out of the folder of the runs")


def _is_number(value: Any) -> bool:
    """Whether a value is a number, or the word that stands for one that is not finite."""
    if isinstance(value, str):
        return value in ("NaN", "Infinity", "-Infinity")
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def events(folder: Path) -> Iterator[dict[str, Any]]:
    """Every event of events.jsonl that is one; other lines are left out."""
    path = folder / "events.jsonl"
    try:
        lines = files.read_lines(path) if regular(path, folder.parent) else ()
        yield from (line for line in lines if _is_event(line))
    except (Unreadable, OSError, RecursionError):
        return


def _is_event(line: Any) -> bool:
    return (
        isinstance(line, dict)
        and isinstance(line.get("phase", ""), str)
        and _is_number(line.get("seconds"))
        and _is_count(line.get("step"))
        and _is_count(line.get("of"))
        and isinstance(line.get("values", {}), dict)
        and all(map(_is_number, line.get("values", {}).values()))
    )


def samples(folder: Path) -> list[dict[str, Any]]:
    """Every sample that can be read, oldest first, with the items that are some."""
    readable = []
    for path in sorted((folder / "samples").glob("*.json")):
        try:
            sample = document(path, folder.parent)
        except Unreadable:
            continue
        if isinstance(sample, dict) and isinstance(sample.get("items"), list) and _is_step(sample):
            readable.append(sample | {"items": [item for item in sample["items"] if _is_item(item)]})
    return readable


def _is_step(sample: dict[str, Any]) -> bool:
    return isinstance(sample.get("phase", ""), str) and _is_count(sample.get("step")) and _is_count(sample.get("of"))


def _is_item(item: Any) -> bool:
    """Whether it is an image with its probabilities, or a prompt or a question with how sure the model or its judge is."""
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("id", "role")):
        return False
    words = ("prompt", "picture", *(("question", "said", "truth") if "question" in item else ()))
    if not all(isinstance(item.get(name, "" if name in words[:2] else None), str) for name in words):
        return False
    if "share" in item:
        return item["share"] is None or _is_number(item["share"])
    label, sure = item.get("label"), item.get("probabilities")
    return (
        isinstance(label, int)
        and isinstance(sure, list)
        and all(map(_is_number, sure))
        and -len(sure) <= label < len(sure)
    )
