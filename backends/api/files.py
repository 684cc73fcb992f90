"""Files that survive a kill: written to a temporary name, flushed, renamed. NaN is kept, as the string "NaN"."""

import json
import math
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def _plain(value: Any) -> Any:
    """JSON has no NaN or infinity: they become strings, which `number` turns back."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return _plain(value.tolist())
    return value


def number(value: Any) -> float:
    """What was measured, or NaN for "not measured" (None, missing, "NaN")."""
    return math.nan if value is None else float(value)


def dumps(value: Any, indent: int | None = None) -> str:
    """Strict JSON of plain Python and numpy values."""
    return json.dumps(_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


def write_bytes(path: Path, content: bytes) -> None:
    """Replace `path` as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by the JSON of `value`, as a whole or not at all."""
    write_bytes(path, (dumps(value, indent=1) + "\n").encode())


def read_json(path: Path, default: Any = None) -> Any:
    """What `write_json` wrote; `default` where there is no such file.

    Raises:
        ValueError: it is no JSON, or nested so deep that reading it would end the process.
        OSError: it cannot be read.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return default
    except RecursionError:
        raise ValueError(f"{path.name} is nested too deep to be read.") from None


def append_line(path: Path, value: Any) -> None:
    """One JSON document on one line at the end of `path`, in a single write."""
    with path.open("ab") as file:
        file.write((dumps(value) + "\n").encode())


def read_lines(path: Path) -> Iterator[Any]:
    """The documents `append_line` wrote; a last line cut short by a kill is left out."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            continue
