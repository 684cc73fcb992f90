"""What this machine gives to a job: cores, memory, GPUs. Read without torch, so that every process may ask."""

import os
import re
from pathlib import Path

from ..api.errors import BadInput
from ..api.memory import CGROUP, memory_limit, read_line, resident

__all__ = ["cores", "gpus", "memory_limit", "resident"]


def cores() -> int:
    """How many threads a job computes with: $LETHE_THREADS, else the cores this process may use.

    Raises:
        BadInput: LETHE_THREADS is no whole number from 1.
    """
    setting = os.environ.get("LETHE_THREADS", "")
    if setting:
        if not re.fullmatch(r"[1-9][0-9]{0,3}", setting):
            raise BadInput(f"LETHE_THREADS is {setting[:40]!r}; give a whole number from 1.")
        return int(setting)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = read_line(CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def gpus() -> list[str]:
    """The CUDA devices that jobs may use, as CUDA_VISIBLE_DEVICES names them; one slot each. Empty: the processor is the one slot."""
    setting = os.environ.get("CUDA_VISIBLE_DEVICES")
    if os.environ.get("LETHE_DEVICE") == "cpu":
        return []
    if setting is not None:
        return [name.strip() for name in setting.split(",") if name.strip() not in ("", "-1")]
    folder = Path("/proc/driver/nvidia/gpus")
    return [str(number) for number, _ in enumerate(folder.iterdir())] if folder.is_dir() else []
