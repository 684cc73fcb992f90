"""Where a job computes and how: the device, as many threads as help, and float32 or bfloat16, whichever was measured faster."""

import contextlib
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from ..api import files
from ..api.errors import BadInput
from ..api.home import home
from ..core.task import Task
from . import machine

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
FASTER = 0.8  # bfloat16 is taken where its steps need less than this share of float32's time
ROUNDS = 4
GAIN = 1.15  # twice the threads are taken where a step is this many times as fast with them
TURNS = 3  # steps with each number of threads; the fastest counts
QUIET = 0.5  # cores that other processes may use while steps are measured, so that the measurement is worth keeping
GLANCE = 0.1  # seconds that a look at what other processes use takes
CLEAR = 1.5  # bfloat16's first step needs this many times float32's, which also warmed up: no second is needed


def device() -> torch.device:
    """CUDA where there is one, else the processor; $LETHE_DEVICE (cpu or cuda) decides otherwise.

    Raises:
        BadInput: LETHE_DEVICE names something else, or a CUDA that this machine lacks.
    """
    setting = os.environ.get("LETHE_DEVICE", "")
    if setting not in ("", "cpu", "cuda"):
        raise BadInput(f"LETHE_DEVICE is {setting[:40]!r}; it can be cpu or cuda.")
    if setting == "cuda" and not torch.cuda.is_available():
        raise BadInput("LETHE_DEVICE is cuda, but torch finds no CUDA device here; leave it empty or write cpu.")
    return torch.device("cpu" if setting == "cpu" or not torch.cuda.is_available() else "cuda")


def name(where: torch.device) -> str:
    """The device in words: a GPU's name, or the processor's."""
    if where.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(where)})"
    return f"cpu ({_processor()})"


def prepare(threads: int) -> None:
    """Set the threads, and what makes the same job give the same numbers on a GPU."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts; makes cuBLAS repeatable
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def threads(task: Task, *, measure: bool = True) -> int:
    """How many threads a job of this model computes with on this processor, as measured once, less what others use now.

    A small model gains little by a second thread, and loses several times what it gained as soon as another process wants
    that core: every thread waits for the last. So steps are timed with 1, 2, 4 ... threads, up to the first doubling that
    does not pay. It is kept in LETHE_HOME/cache/threads.json by machine, torch and architecture, unless other processes
    were busy meanwhile. $LETHE_THREADS decides otherwise.

    Args:
        task: with its device.
        measure: False: what is known, else every core, and at once; for those whom somebody waits for.
    """
    most = machine.cores()
    if task.device.type != "cpu" or most == 1 or os.environ.get("LETHE_THREADS"):
        return most
    path, key = (
        home() / "cache" / "threads.json",
        f"{name(task.device)}, {most} cores, torch {torch.__version__}, {task.architecture}",
    )
    best = files.read_json(path, {}).get(key)
    if not measure:
        return best or most
    if best is None:
        load = _Others()
        best = _most_useful(most, lambda count: _fastest(task, count))
        if load.cores() <= QUIET:
            files.write_json(path, files.read_json(path, {}) | {key: best})
    elif best > 1:
        load = _Others()
        time.sleep(GLANCE)
        best = min(best, max(1, most - round(load.cores())))
    return int(best)


def _most_useful(most: int, seconds: Callable[[int], float]) -> int:
    """The last number of threads, doubling from 1, that made a step faster by `GAIN`."""
    count, took = 1, seconds(1)
    while count < most:
        more = min(2 * count, most)
        faster = seconds(more)
        if took < GAIN * faster:
            break
        count, took = more, faster
    return count


def _fastest(task: Task, count: int) -> float:
    """Seconds of the fastest of a few training steps in float32 with this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        step, best = task.trial(), float("inf")
        for _ in range(TURNS):
            begun = time.perf_counter()
            step()
            best = min(best, time.perf_counter() - begun)
        return best
    finally:
        torch.set_num_threads(before)


class _Others:
    """What other processes of this machine compute from its making on."""

    def __init__(self) -> None:
        self._begun, self._busy = time.monotonic(), self._seconds()

    def cores(self) -> float:
        """How many cores they used on average."""
        return max(0.0, self._seconds() - self._busy) / max(1e-3, time.monotonic() - self._begun)

    @staticmethod
    def _seconds() -> float:
        """Processor seconds of all processes but this one; niced ones, which give way, count too."""
        all_of_them, own = psutil.cpu_times(), os.times()
        return float(all_of_them.user + all_of_them.system + getattr(all_of_them, "nice", 0.0) - own.user - own.system)


def precision(task: Task) -> str:
    """float32 or bfloat16, by a short measurement of training steps of this model on this machine, made once.

    It is kept in LETHE_HOME/cache/precision.json by machine, torch and architecture. $LETHE_PRECISION decides otherwise.

    Raises:
        BadInput: LETHE_PRECISION names something else.
    """
    setting = os.environ.get("LETHE_PRECISION", "")
    if setting and setting not in PRECISIONS:
        raise BadInput(f"LETHE_PRECISION is {setting[:40]!r}; it can be {' or '.join(PRECISIONS)}.")
    if setting:
        return setting
    path, key = home() / "cache" / "precision.json", f"{machine_key(task.device)}, {task.architecture}"
    measured: dict[str, Any] = files.read_json(path, {})
    if key not in measured:
        seconds = _measure(task)
        fast = seconds["bfloat16"] < FASTER * seconds["float32"]
        measured = files.read_json(path, {}) | {
            key: {"chosen": "bfloat16" if fast else "float32"}
            | {f"{kind}_milliseconds": round(1000 * value, 2) for kind, value in seconds.items()}
        }
        files.write_json(path, measured)
    return str(measured[key]["chosen"])


def _measure(task: Task) -> dict[str, float]:
    """Seconds of the fastest of a few training steps in each precision, taken in turns so that other load hits both.

    One of each is enough where bfloat16 is far behind, as on every processor that has no unit for it.
    """
    was = task.precision
    best = dict.fromkeys(PRECISIONS, float("inf"))
    try:
        step = task.trial()
        for _ in range(ROUNDS):
            for kind, dtype in PRECISIONS.items():
                task.precision = dtype
                begun = time.perf_counter()
                step()
                if task.device.type == "cuda":
                    torch.cuda.synchronize(task.device)
                best[kind] = min(best[kind], time.perf_counter() - begun)
            if best["bfloat16"] > CLEAR * best["float32"]:
                break
    finally:
        task.precision = was
    return best


def machine_key(where: torch.device) -> str:
    """What a measured speed depends on, apart from the model."""
    return f"{name(where)}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class Memory:
    """The most memory the job holds, from `start` on: of the GPU's allocator, or of this process."""

    def __init__(self, where: torch.device) -> None:
        self._where = where
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
        else:
            with contextlib.suppress(OSError):  # no Linux: the peak of the whole process is told
                Path("/proc/self/clear_refs").write_text("5")  # the kernel forgets the peak so far

    def peak(self) -> int:
        """Bytes."""
        if self._where.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._where))
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
        except (OSError, StopIteration):
            import resource
            import sys

            size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return size if sys.platform == "darwin" else size * 1024
