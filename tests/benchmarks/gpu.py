"""Step time and peak memory of every method on models of practical size: `python -m tests.benchmarks.gpu [--tiny] [--shape NAME] [--to FILE]`.

The models have random weights (tests/benchmarks/shapes.py), so nothing is said of how well anything is forgotten. Each method works as in a
job: in the precision that was measured faster, with what `backends.engine.fitting` does to fit. Beside it a bare step of its family:
loss and gradient of all weights in float32, without an optimiser, on the family's own trial batch. The table goes to docs/results/gpu.md with the card's name,
where there is a GPU; elsewhere, and with --tiny, it is printed. Folders of the models lie in --place and are used again.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import nn

from backends.api.home import ASSETS
from backends.core.registry import Registered, entries
from backends.core.run import Run
from backends.engine import fitting, hardware
from backends.models.low_rank import low_rank_layers
from backends.zoo._train import Quiet

from .shapes import SHAPES, Shape

STEPS, PLAIN = 6, 4
SHORT = {
    "steps": STEPS,
    "epochs": 1,
    "pool": 8,
    "pool_steps": 4,
    "rounds": 2,
    "probes": 20,
}  # of methods, to measure a step
RESULTS = ASSETS.parent / "docs" / "results" / "gpu.md"
HEADS = ("model", "method", "ms a step", "peak, GB", "to fit", "bare float32 step, ms", "peak, GB")
Row = tuple[str, ...]


class Stopwatch(Quiet):
    """Writes down when each step began."""

    def __init__(self) -> None:
        super().__init__()
        self.began: list[tuple[str, float]] = []

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        """A step of a loop begins."""
        if of:
            _settle()
            self.began.append((phase, time.perf_counter()))

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None:
        """Shows nothing."""

    def step_seconds(self) -> float:
        """Seconds of a step of the last phase, the median without the first; NaN of a method that has none."""
        last = [at for phase, at in self.began if phase == self.began[-1][0]]
        each = [after - before for before, after in itertools.pairwise(last)]
        return median(each[1:] or each) if each else float("nan")


def rows(shape: Shape, folder: Path, device: torch.device, tiny: bool, only: str = "") -> Iterator[Row]:
    """A row a method that works with the family of a shape."""
    task = shape.task(folder, device, tiny)
    task.precision = hardware.PRECISIONS[hardware.precision(task)]
    plain = _measured(lambda: _plain(task), device)
    for method in entries("methods").values():
        if method.entry.works_with.get(task.family) is True and only in ("", method.id):
            yield (shape.name, method.id, *_row(task, method, plain))


def _row(task: Any, method: Registered, plain: tuple[float, float]) -> Row:
    assert method.params is not None
    params = method.parse({name: value for name, value in SHORT.items() if name in method.params.model_fields})
    try:
        seconds, peak, how = _forgotten(task, method, params)
    except Exception as error:  # the other rows are measured all the same
        return ("-", "-", f"failed: {type(error).__name__}: {error}".splitlines()[0][:160], *_numbers(plain))
    finally:
        task.resolve(*_targets(task))
    return (*_numbers((seconds, peak)), how, *_numbers(plain))


def _targets(task: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    shape = next(shape for shape in SHAPES.values() if shape.name == task.folder.name)
    return shape.forget, shape.keep


def _forgotten(task: Any, method: Registered, params: Any) -> tuple[float, float, str]:
    """(seconds of a step, GB at most, what was done to fit) of a method."""
    watch = Stopwatch()
    memory = hardware.Memory(task.device)
    first = Run(task, watch, 0)

    def again(state: dict[str, Any] | None, fit: Any) -> Run[Any]:
        return Run(task, watch, 0, state, first.original)

    run, fit = fitting.fitted(lambda now: method.function(now, params), first, again, fitting.first_fit(task.device))
    learned = "low-rank layers" if low_rank_layers(run.model) else ""
    words = [*fitting.record(fit).words(), *([learned] if learned else [])]
    return watch.step_seconds(), memory.peak() / 1e9, "; ".join(words) or "nothing"


def _plain(task: Any) -> float:
    """Seconds of loss and gradient of all weights in float32."""
    was, task.precision = task.precision, torch.float32
    try:
        step, each = task.trial(), []
        for _ in range(PLAIN):
            begun = time.perf_counter()
            step()
            _settle()
            each.append(time.perf_counter() - begun)
        return median(each[1:])
    finally:
        task.precision = was


def _measured(work: Any, device: torch.device) -> tuple[float, float]:
    """(what work gives, GB at most meanwhile); a full device is no number."""
    memory = hardware.Memory(device)
    try:
        return work(), memory.peak() / 1e9
    except torch.OutOfMemoryError:
        return float("nan"), float("nan")


def _settle() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _numbers(pair: tuple[float, float]) -> tuple[str, str]:
    return tuple(
        "-" if value != value else f"{scale * value:.{digits}f}"
        for value, scale, digits in zip(pair, (1000, 1), (0, 1), strict=True)
    )  # type: ignore[return-value]


def page(lines: list[Row], device: str, precision: str) -> str:
    """The table as Markdown, under what it was measured with."""
    about = (
        "# Step time and memory at practical size\n\n"
        f"Measured on {device}, {precision}, torch {torch.__version__}, random weights: `python -m tests.benchmarks.gpu`. "
        "The bare step is loss and gradient of all weights in float32 on the family's trial batch, without an optimiser.\n\n"
    )
    table = [HEADS, ("---",) * len(HEADS), *lines]
    return about + "\n".join("| " + " | ".join(line) + " |" for line in table) + "\n"


def main(words: list[str] | None = None) -> int:
    """Measure the shapes that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="small shapes, to try the measuring")
    parser.add_argument("--shape", action="append", choices=[*SHAPES], help="only this; may be given again")
    parser.add_argument("--method", default="", help="only this method")
    parser.add_argument("--place", type=Path, default=None, help="folder for the models")
    parser.add_argument("--to", type=Path, default=None, help="file for the table")
    chosen = parser.parse_args(words)
    device, lines = hardware.device(), []
    hardware.prepare(torch.get_num_threads())
    with tempfile.TemporaryDirectory() as scratch:
        for name in chosen.shape or SHAPES:
            for line in rows(SHAPES[name], (chosen.place or Path(scratch)) / name, device, chosen.tiny, chosen.method):
                print("  ".join(line), file=sys.stderr, flush=True)
                lines.append(line)
    text = page(lines, hardware.name(device), "bfloat16 where that was measured faster")
    to = chosen.to or (RESULTS if device.type == "cuda" and not chosen.tiny else None)
    print(text) if to is None else to.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
