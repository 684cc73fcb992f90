"""The engine's side of a run: what is written while a method works, and when it has to stop.

Every file is written with the run held and the attempt compared, so an attempt that was given up can overwrite nothing.
"""

import base64
import io
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import nn

from ..api import files
from ..api.errors import LetheError
from ..api.run_outputs import made_file
from ..api.runs import RunFolder
from ..core import pack
from ..core.run import Cancelled
from ..core.task import Index, Task

EVENTS = 0.2  # seconds between two events of a phase, its first and last apart
FIRST, EVERY = 1.0, 5.0  # seconds to the first checkpoint, and between two
COST = 0.05  # checkpoints may take this share of the time
RESERVE = 65536  # bytes held back, so that a full disk leaves room to say that it is full


class Overtaken(Cancelled):
    """A newer attempt took the run over: nothing more may be written."""


class Paused(Cancelled):
    """What held the job is over, and its checkpoint is written: the run goes on from there."""


class Diverged(LetheError):
    """The numbers of the model or its loss are no longer numbers."""


class FolderKeeper:
    """Keeps one attempt at a run in its folder.

    Attributes:
        task: set once it is open; samples need it.
        setting: device, precision and threads, kept with the checkpoint.
    """

    task: Task

    def __init__(self, run: RunFolder, attempt: int) -> None:
        self.run, self.attempt = run, attempt
        self.setting: dict[str, Any] = {}
        self.parts: dict[str, Index] = {}
        self._state_file = run.path / "state.json"
        self._events = run.path / "events.jsonl"
        self._checkpoint = run.path / "checkpoint" / "state.safetensors"
        self._last_stamp: tuple[int, int] = (0, 0)
        self._begun = time.monotonic()
        self._carried = 0.0  # seconds of earlier attempts, up to the checkpoint
        self._method_begun: float | None = None
        self._method_carried = 0.0
        self._aside = 0.0  # seconds of this attempt that samples and checkpoints took
        self._peak = 0
        self._phase, self._ended, self._last_event = "load", True, -math.inf
        every = float(os.environ.get("LETHE_CHECKPOINT_SECONDS", EVERY))
        self._every, self._next = every, self._begun + min(FIRST, every)

    # --- before and after the method

    def open(self) -> dict[str, Any]:
        """Check the lease and return what an earlier attempt left to go on from, or {}. Later events are cut off."""
        self.look()
        self.write(".reserve", bytes(RESERVE))
        try:
            saved: dict[str, Any] = pack.load_state(self._checkpoint) if self._checkpoint.is_file() else {}
        except (SafetensorError, KeyError, ValueError):
            saved = {}  # a damaged disk: the run starts again, to the same result
        self._carried, self._method_carried = saved.get("seconds", 0.0), saved.get("method_seconds", 0.0)
        self._peak = saved.get("peak", 0)
        if self._events.exists():
            os.truncate(self._events, min(saved.get("events", 0), self._events.stat().st_size))
        return saved

    def last_saved(self) -> dict[str, Any] | None:
        """The state of the run in the last checkpoint, whose later events are cut off; None where there is none."""
        if not self._checkpoint.is_file():
            return None
        saved: dict[str, Any] = pack.load_state(self._checkpoint)
        os.truncate(self._events, min(saved["events"], self._events.stat().st_size))
        state: dict[str, Any] = saved["run"]
        return state

    def start_method(self) -> None:
        """The method's own clock runs from here."""
        self._method_begun, self._aside = time.monotonic(), 0.0

    def method_seconds(self) -> float:
        """Seconds the method has worked, over all attempts, without samples and checkpoints."""
        if self._method_begun is None:
            return self._method_carried
        return self._method_carried + time.monotonic() - self._method_begun - self._aside

    def end_method(self, state: dict[str, Any], peak: int) -> tuple[float, int]:
        """Save the finished model, so that a kill while measuring costs only the measuring. Seconds and peak of the method."""
        seconds = self.method_seconds()
        self._peak = max(self._peak, peak)
        self._method_carried, self._method_begun = seconds, None
        self._save({"run": state, "finished": True})
        return seconds, self._peak

    def clear(self) -> None:
        """Remove what only a later attempt would need."""
        shutil.rmtree(self._checkpoint.parent, ignore_errors=True)
        self.free()

    def free(self) -> None:
        """Give back the space held in reserve."""
        (self.run.path / ".reserve").unlink(missing_ok=True)

    # --- what the method calls

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        """Tell where the job stands, at most five times a second, and look whether it is to stop.

        Raises:
            Cancelled: the person asked for it.
            Overtaken: a newer attempt has the run.
            Diverged: a value is no longer a number.
        """
        self.look()
        phase_name = phase or ("prepare" if self._ended else self._phase)
        begins, self._phase = phase_name != self._phase, phase_name
        now = time.monotonic()
        last = bool(of) and step == of
        wrong = [name for name, value in values.items() if not math.isfinite(value)]
        if begins or (phase and step == 0) or last or wrong or now - self._last_event >= EVENTS:
            self._last_event = now
            seconds = round(self._carried + now - self._begun, 3)
            event = {"seconds": seconds, "phase": self._phase, "step": step, "of": of, "values": values}
            with self._leased():
                files.append_line(self._events, event)
        self._ended = last
        if wrong:
            raise Diverged(
                f"The {wrong[0]} stopped being a number at step {step} of {of} ({self._phase}); {self._advice()}"
            )

    def due(self) -> bool:
        """Whether it is time for a checkpoint: after the first second, then every five."""
        return time.monotonic() >= self._next

    def checkpoint(self, state: dict[str, Any]) -> None:
        """Save what a later attempt needs.

        Raises:
            Diverged: the model holds values that are no numbers; the checkpoint before is kept.
        """
        with self._off_the_clock():
            begun = time.monotonic()
            self.check_finite(state["model"])
            self._save({"run": state, "finished": False})
            now = time.monotonic()
            self._next = now + max(self._every, (now - begun) / COST if self._every >= 1 else 0)

    def check_finite(self, tensors: dict[str, torch.Tensor]) -> None:
        """Check that weights are numbers.

        Raises:
            Diverged: a tensor holds NaN or infinity.
        """
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise Diverged(f"The weights {name} stopped being numbers; {self._advice()}")

    def _advice(self) -> str:
        kept_note = "; the last good checkpoint was kept" if self._checkpoint.is_file() else ""
        return f"choose a smaller learning rate or fewer epochs{kept_note}."

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None:
        """Show what the model makes of the watched items; the model's layers keep the modes they had."""
        with self._off_the_clock():
            modes = [(module, module.training) for module in model.modules()]
            items = self.task.sample(model)
            trace = getattr(self.task, "trace", None)
            traced = {"vectors": trace.sample(model.eval())} if trace else {}
            for module, training in modes:
                module.training = training
            for item in items:
                self._picture(item, f"{phase:02d}-{step:06d}")
            seconds = round(self._carried + time.monotonic() - self._begun, 3)
            record = {"phase": name, "step": step, "of": of, "seconds": seconds, "items": items} | traced
            self.write(f"samples/{phase:02d}-{step:06d}.json", (files.dumps(record) + "\n").encode())

    def record_forget_set(self, ids: Index) -> None:
        """Write down the forget set that a method found."""
        share = len(ids) / max(1, len(self.task.parts["train"]))
        record = {"ids": [int(item) for item in ids], "share": share}
        self.write("found.json", (files.dumps(record) + "\n").encode())

    # --- writing

    def record_made(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Write down what a method made besides the model."""
        file = io.BytesIO()
        np.savez_compressed(file, allow_pickle=False, **arrays)
        self.write(made_file(name), file.getvalue())

    def look(self) -> None:
        """Stop here if the person, or a newer attempt, says so."""
        stat = self._state_file.stat()
        stamp = (stat.st_ino, stat.st_mtime_ns)
        if stamp != self._last_stamp:
            self._check_lease()
            self._last_stamp = stamp
        if (self.run.path / "cancel").exists():
            raise Cancelled

    def write(self, name: str, content: bytes) -> None:
        """Write a file of the run as a whole, if the run is still this attempt's.

        Raises:
            Overtaken: it is not.
        """
        with self._leased():
            files.write_bytes(self.run.path / name, content)

    @contextmanager
    def _leased(self) -> Iterator[None]:
        with self.run.locked():
            self._check_lease()
            yield

    def _check_lease(self) -> None:
        try:
            current = files.read_json(self._state_file, {})
        except ValueError:
            current = {}
        lease = (current.get("attempt"), current.get("status")) if isinstance(current, dict) else (None, None)
        if lease not in ((self.attempt, "running"), (self.attempt, "cancelling")):
            raise Overtaken

    @contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self._aside += time.monotonic() - begun

    def _save(self, state: dict[str, Any]) -> None:
        parts = {
            name: ids
            for name, ids in self.task.parts.items()
            if name not in self.parts or not np.array_equal(ids, self.parts[name])
        }
        about = {
            "setting": self.setting,
            "seconds": self._carried + time.monotonic() - self._begun,
            "method_seconds": self.method_seconds(),
            "peak": self._peak,
            "events": self._events.stat().st_size if self._events.exists() else 0,
            "parts": parts,
        }
        self.write("checkpoint/state.safetensors", pack.to_bytes(state | about))

    def _picture(self, item: dict[str, Any], when: str) -> None:
        """Write the picture of a sample: what the model drew at this step, else the item it was asked about, once."""
        if "image" in item:
            item["picture"] = f"samples/{when}/{item['id']}.png"
            self.write(item["picture"], png(item.pop("image")))
            return
        path = self.run.path / "samples" / "items" / f"{item['id']}.png"
        if hasattr(self.task, "show") and not path.exists():
            split, _, position = item["id"].partition("-")
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_bytes(path, png(self.task.show(int(position), test=split == "test")))


def png(image: Any) -> bytes:
    """A picture as the bytes of a PNG."""
    import io

    out = io.BytesIO()
    image.save(out, format="PNG")
    return out.getvalue()


def data_url(image: Any) -> str:
    """A picture as the address of a PNG that holds itself."""
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()
