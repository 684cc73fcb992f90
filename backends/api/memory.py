"""How much memory a process holds, and may hold. Read without torch, so that every process may ask."""

import os
import re
from pathlib import Path

import psutil

from .errors import BadInput

SHARE = 0.8  # of the memory, when no limit was set
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
CGROUP = Path("/sys/fs/cgroup")


def memory_limit() -> int:
    """Bytes that a job, or a warm process, may hold: $LETHE_MEMORY_LIMIT (as 6GB or 6GiB), else 80 % of what this machine or
    container has.

    Raises:
        BadInput: LETHE_MEMORY_LIMIT is no amount.
    """
    setting = os.environ.get("LETHE_MEMORY_LIMIT", "")
    if setting:
        amount = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([kmgt]?i?)b?", setting.strip().lower())
        if not amount or amount[2] not in UNITS or not float(amount[1]):
            raise BadInput(f"LETHE_MEMORY_LIMIT is {setting[:40]!r}; give an amount like 6GB or 6GiB.")
        return int(float(amount[1]) * UNITS[amount[2]])
    total = psutil.virtual_memory().total
    contained = read_line(CGROUP / "memory.max") or read_line(CGROUP / "memory" / "memory.limit_in_bytes")
    return int(SHARE * min(total, int(contained) if contained.isdigit() else total))


def resident(pid: int, *, children: bool = True) -> int:
    """Bytes that a process, and its children if not told otherwise, hold now; 0 when it is gone."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *(process.children(recursive=True) if children else ())):
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def read_line(path: Path) -> str:
    """The text of a small file of the system; empty where it is not there."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""
