"""What this machine gives to a job: cores, memory, GPUs. Read without torch, so that every process may ask."""

import os
import re
from pathlib import Path

import psutil

from ..api.errors import BadInput

SHARE = 0.8  # of the memory, when no limit was set
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """How many threads a job computes with: $LETHE_THREADS, else the cores this process may use.

    Raises:
        BadInput: LETHE_THREADS is no whole number from 1.
    """
    said = os.environ.get("LETHE_THREADS", "")
    if said:
        if not re.fullmatch(r"[1-9][0-9]{0,3}", said):
            raise BadInput(f"LETHE_THREADS is {said[:40]!r}; give a whole number from 1.")
        return int(said)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def memory_limit() -> int:
    """Bytes that a job may hold: $LETHE_MEMORY_LIMIT (as 6GB or 6GiB), else 80 % of what this machine or container has.

    Raises:
        BadInput: LETHE_MEMORY_LIMIT is no amount.
    """
    said = os.environ.get("LETHE_MEMORY_LIMIT", "")
    if said:
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([kmgt]?i?)b?", said.strip().lower())
        if not found or found[2] not in UNITS or not float(found[1]):
            raise BadInput(f"LETHE_MEMORY_LIMIT is {said[:40]!r}; give an amount like 6GB or 6GiB.")
        return int(float(found[1]) * UNITS[found[2]])
    total = psutil.virtual_memory().total
    contained = _read(CGROUP / "memory.max") or _read(CGROUP / "memory" / "memory.limit_in_bytes")
    return int(SHARE * min(total, int(contained) if contained.isdigit() else total))


def gpus() -> list[str]:
    """The CUDA devices that jobs may use, as CUDA_VISIBLE_DEVICES names them; one slot each. Empty: the processor is the one slot."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if os.environ.get("LETHE_DEVICE") == "cpu":
        return []
    if said is not None:
        return [name.strip() for name in said.split(",") if name.strip() not in ("", "-1")]
    found = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number, _ in enumerate(found.iterdir())] if found.is_dir() else []


def resident(pid: int) -> int:
    """Bytes that a process and its children hold now; 0 when it is gone."""
    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.Error:
        pass
    return total


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
