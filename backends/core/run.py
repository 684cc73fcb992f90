"""What a method sees: the model to change, a frozen copy, batches, and nothing of how jobs are kept alive.

Everything random is drawn from (seed, phase, step), so a job that goes on from its checkpoint draws what it would have
drawn. For that a method keeps one rule: **what changes the model stands inside `epochs` or `cached`.** Code outside them
runs again when a job is resumed.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..api import families
from ..models import low_rank
from . import fitting
from .pack import changed
from .task import Batch, ClassifierTask, Index, Task

T_co = TypeVar("T_co", bound=Task, covariant=True)


@dataclass(frozen=True)
class Step:
    """One of `of` steps, numbered from 0."""

    step: int
    of: int


class Stateful(Protocol):
    """An optimiser, a scheduler: what has to be saved to go on."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> Any: ...


class Cancelled(Exception):
    """The person asked for the job to stop, or a newer attempt took the run over."""


class Keeper(Protocol):
    """The engine's side of a run: it decides when to save, and raises `Cancelled`."""

    def report(self, phase: str, step: int, of: int, values: dict[str, float]) -> None:
        """Called at each step: writes events, looks for the cancel flag."""
        ...

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        ...

    def checkpoint(self, state: dict[str, Any]) -> None: ...

    def sample(self, phase: int, step: int, of: int, name: str, model: nn.Module) -> None:
        """Show what the model makes now. Phases are numbered from 1 in the order they come; 0 is the model before."""
        ...

    def record_forget_set(self, ids: Index) -> None: ...

    def record_made(self, name: str, arrays: Mapping[str, Any]) -> None: ...


class Run(Generic[T_co]):
    """One job, as a method sees it. A method says by `Run[...]` which kind of task it works on; the passes over items are for
    tasks that have items.

    Attributes:
        original: the model before, frozen (eval mode, no gradients).
        task: data, names and precision of the model's family.
        seed: seed of the job.
        begun: the state at the first step of the present phase, where the job may have to take it up again with less memory.
    """

    def __init__(
        self,
        task: T_co,
        keeper: Keeper,
        seed: int,
        resume: dict[str, Any] | None = None,
        original: nn.Module | None = None,
    ) -> None:
        """`resume`: what `state` gave, to go on from; `original`: the model before, where it is loaded already."""
        self.task, self.seed, self._keeper = task, seed, keeper
        self.original = original if original is not None else task.load().requires_grad_(False)
        self._idle: list[nn.Module] = []
        self._offload = fitting.Rest(task.device)
        self.begun: dict[str, Any] | None = None
        state = resume or {}
        self._changed: dict[str, Tensor] = state.get("model", {})
        self._cached: dict[str, Any] = dict(state.get("once", {}))
        self._done: list[str] = list(state.get("done", []))
        self._at: dict[str, Any] = state.get("at", {})
        self._values: dict[str, float] = {}
        self._inside = False  # between two steps of `epochs`

    @cached_property
    def model(self) -> nn.Module:
        """The model to change, on the device, in eval mode at the start."""
        if low_rank.thin(self._changed):
            return self._with_lora(self._changed)
        model = self.task.load()
        restore(model, self._changed)
        return model

    @property
    def trains_lora(self) -> bool | None:
        """Whether a resumed job trains low-rank layers; None where it has not begun to train."""
        return bool(low_rank.thin(self._changed)) if self._done or self._at else None

    def train_lora(self, shapes: Mapping[str, tuple[int, int]], rank: int) -> None:
        """Let nothing of `model` learn but two thin factors beside some layers: for models too large to be trained whole.

        To be called before `model` is used. It then shares its weights with `original`, and what is saved are the factors.

        Args:
            shapes: name of a layer -> (outputs, inputs), of `low_rank.thin_layers`.
            rank: width of the factors.
        """
        if not low_rank.thin(self._changed):  # a resumed job has them in its model
            torch.manual_seed(self._derived_seed("thin"))
            self.model = self._with_lora(low_rank.fresh_factors(shapes, rank))

    def _with_lora(self, tensors: dict[str, Tensor]) -> nn.Module:
        model: nn.Module = low_rank.beside(self.original, tensors)
        own = model.state_dict().keys()  # the factors, which it has already, are none of these names
        restore(model, {name: tensor for name, tensor in tensors.items() if name in own})
        return model

    @property
    def device(self) -> torch.device:
        return self.task.device

    def may_rest(self, *bodies: nn.Module) -> None:
        """Say what no step of the coming phases needs: where memory is short, it waits outside the device until it is called.

        Its weights must be nobody else's. What a method holds of them by itself, it holds detached.
        """
        self._idle += bodies

    def wake(self) -> None:
        """Bring back all that waits outside the device."""
        self._offload.end()

    def release(self) -> None:
        """Let go of everything but the model before: the job goes on with another run."""
        vars(self).pop("model", None)
        self._cached, self._changed, self._idle = {}, {}, []

    def size(self, part: str) -> int:
        """How many items a part holds."""
        return len(self.task.parts[part])

    def forward(self: "Run[ClassifierTask]", model: nn.Module, x: Tensor) -> Tensor:
        """Outputs, float32, in the precision of the job: of classes their logits [n, classes]."""
        return self.task.forward(model, x)

    def loss(self: "Run[ClassifierTask]", outputs: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of these outputs, as its family trains: of classes their cross-entropy."""
        return self.task.loss(outputs, labels)

    def fresh(self, salt: int = 0) -> nn.Module:
        """The same architecture with new random weights drawn from the seed."""
        return self.task.fresh(self._derived_seed("fresh", salt))

    def log(self, **values: float | Tensor) -> None:
        """Numbers to show beside the progress, as in run.log(loss=loss)."""
        self._values |= {name: float(value) for name, value in values.items()}

    def cached(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make()` returns (tensors, numbers, nested), made one time in the life of the job.

        `make` may change the model: a resumed job finds both its result and the change.
        """
        if name not in self._cached:
            torch.manual_seed(self._derived_seed("once", name))
            self._keeper.report(name, 0, 0, {})
            self._cached[name] = make()
            if not self._inside and self._keeper.due():
                self._keeper.checkpoint(self.state())
                self.begun = None
        return self._cached[name]

    def report(self, name: str, done: int, of: int) -> None:
        """A sign of life from within `cached`, where that takes long; raises when the job is to stop."""
        self._keeper.report(name, done, of, {})

    def epochs(
        self: "Run[ClassifierTask]",
        name: str,
        parts: Sequence[str],
        batch_size: int | Mapping[str, int],
        saved: Mapping[str, Stateful] | None = None,
        *,
        augment: bool = True,
    ) -> Iterator[Batch]:
        """Shuffled passes over parts of the data, one after the other; the loop a method trains in.

        Args:
            name: name of the phase, shown beside the progress; unique within the method.
            parts: one entry a pass, as in ["forget", "keep"] * epochs. `Batch.epoch` counts the passes of the same part.
            batch_size: largest number of items in a batch, for all parts or by their names; the items are split evenly, so
                none is much smaller.
            saved: optimisers and schedulers that live through the loop.
            augment: draw the training augmentation of the model's recipe.

        Raises:
            Cancelled: at a step, when the job is to stop.
        """
        saved = saved or {}
        if name in self._done:
            return
        first = self._first_step(name, saved)
        sizes = dict.fromkeys(parts, batch_size) if isinstance(batch_size, int) else batch_size
        plan = [(number, part, -(-self.size(part) // sizes[part])) for number, part in enumerate(parts)]
        of, step = sum(count for _, _, count in plan), 0
        for number, part, count in plan:
            if step + count <= first:
                step += count
                continue
            epoch = list(parts[:number]).count(part)
            order = np.random.default_rng(self._derived_seed(name, part, epoch)).permutation(self.task.parts[part])
            for index in np.array_split(order, count):
                if step >= first:
                    self._between_steps(name, step, of, saved)
                    torch.manual_seed(self._derived_seed(name, step))
                    batch = self.task.batch(index, augment=augment)
                    self._inside = True
                    yield replace(batch, part=part, epoch=epoch, step=step, of=of)
                    self._inside = False
                step += 1
        self._finish(name, of)

    def steps(self, name: str, count: int, saved: Mapping[str, Stateful] | None = None) -> Iterator[Step]:
        """`count` steps in which a method draws what it learns from by itself; torch's random state is set before each.

        Args:
            name: name of the phase, shown beside the progress; unique within the method.
            count: how many.
            saved: optimisers and schedulers, and modules beside the model, that live through the loop.

        Raises:
            Cancelled: at a step, when the job is to stop.
        """
        saved = saved or {}
        if name in self._done:
            return
        for step in range(self._first_step(name, saved), count):
            self._between_steps(name, step, count, saved)
            torch.manual_seed(self._derived_seed(name, step))
            self._inside = True
            yield Step(step, count)
            self._inside = False
        self._finish(name, count)

    def _first_step(self, name: str, saved: Mapping[str, Stateful]) -> int:
        """The step a phase begins at: where a resumed job stopped, with the state it had then."""
        first = 0
        if self._at.get("phase") == name:
            for key, stateful in saved.items():
                stateful.load_state_dict(self._at["saved"][key])
            first = int(self._at["step"])
        if fitting.watched():
            self.begun = None if first else self._copied_state(name, saved)
        self._send_to_rest()
        return first

    def _copied_state(self, name: str, saved: Mapping[str, Stateful]) -> dict[str, Any]:
        """The state at the first step of a phase, apart from what will change; it waits outside the device."""
        state = self.state(name, 0, saved)
        return {
            "model": _copied(state["model"]),
            "once": dict(self._cached),
            "done": [*self._done],
            "at": _copied(state["at"]),
        }

    def _send_to_rest(self) -> None:
        if fitting.rests():
            self._offload.send(
                [*self._idle, *(self.task.idle(self.original, self.model) if hasattr(self.task, "idle") else ())]
            )

    def _finish(self, name: str, of: int) -> None:
        self._done.append(name)
        self._at = {}
        self._keeper.report(name, of, of, self._values)
        self._keeper.sample(len(self._done), of, of, name, self.model)

    def batches(
        self: "Run[ClassifierTask]", part: str, batch_size: int, *, limit: int | None = None, shuffle: bool = False
    ) -> Iterator[Batch]:
        """One plain pass without augmentation, for scores, masks and gradients; not resumed in the middle."""
        order = self.task.parts[part]
        if shuffle or limit is not None:
            order = np.random.default_rng(self._derived_seed("batches", part)).permutation(order)[:limit]
        count = -(-len(order) // batch_size)
        for step, index in enumerate(np.array_split(order, count) if count else []):
            self._keeper.report("", step, count, {})
            yield replace(self.task.batch(index), part=part, step=step, of=count)

    def set_part(self: "Run[ClassifierTask]", part: str, ids: Index) -> None:
        """Replace a part by other training items and write them down as the set this job found.

        A new forget set sets the other parts too: what is no longer in it is retained (and kept, where no keep list was
        given), and no class counts as forgotten as a whole.
        """
        parts = self.task.parts
        if part == "forget":
            listed = len(parts["keep"]) < len(parts["retain"])
            parts["retain"] = np.setdiff1d(parts["train"], ids)
            parts["keep"] = np.setdiff1d(parts["keep"], ids) if listed else parts["retain"]
            parts["test"] = np.union1d(parts["test"], parts["test_forget"])
            parts["test_forget"] = parts["test_forget"][:0]
            self.task.forgotten_classes, self.task.corrects = [], None
            self.task.set_forget(ids)
        parts[part] = ids
        self._keeper.record_forget_set(ids)

    def keep_made(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Keep arrays that a method made besides the model in the run's folder, as made/<name>.npz."""
        self._keeper.record_made(name, arrays)

    def state(self, phase: str = "", step: int = 0, saved: Mapping[str, Stateful] | None = None) -> dict[str, Any]:
        """Everything a later attempt needs to go on from here; of the model, the tensors that are no longer as they were."""
        at = {
            "phase": phase,
            "step": step,
            "saved": {key: stateful.state_dict() for key, stateful in (saved or {}).items()},
        }
        touched = "model" in vars(self)  # else it is as it was found, and need not be loaded
        model = self.changed_tensors() if touched else self._changed
        return {"model": model, "once": self._cached, "done": self._done, "at": at if phase else {}}

    def changed_tensors(self) -> dict[str, Tensor]:
        """The tensors of the model that are no longer as they were, and of low-rank layers the factors, by their names in files."""
        return changed(low_rank.tensors_of(self.model), self.original.state_dict())

    def _between_steps(self, name: str, step: int, of: int, saved: Mapping[str, Stateful]) -> None:
        """Between two steps: tell, look for the flag, show, save."""
        self._keeper.report(name, step, of, self._values)
        if step == 0 or step * self.task.shots // of != (step - 1) * self.task.shots // of:
            self._keeper.sample(len(self._done) + 1, step, of, name, self.model)
            self._send_to_rest()
        if self._keeper.due():
            self._keeper.checkpoint(self.state(name, step, saved))
            self.begun = None  # the checkpoint is further

    def _derived_seed(self, *what: object) -> int:
        text = "|".join(map(str, (self.seed, *what)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def restore(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put changed tensors into a model; a guard or a drawing step that it lacks is attached first, low-rank factors are added
    to its weights."""
    for attach in dict.fromkeys(family.attaches for family in families.every().values() if family.attaches):
        families.load(attach)(model, tensors)
    unknown = model.load_state_dict(low_rank.take_in(model, tensors), strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"tensors that the model does not have: {', '.join(unknown[:3])}")


def _copied(value: Any) -> Any:
    """Nested state with its tensors copied into the machine's memory."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, (list, tuple)) else value


def set_dose(model: nn.Module, before: nn.Module, after: nn.Module, amount: float) -> None:
    """Bring `model` (built like `after`) to before + amount * (after - before), tensor by tensor.

    What `before` lacks is taken as 0 there; whole numbers cannot be mixed: up to 0.5 they are those of `before`, where it
    has them.
    """
    start, end = before.state_dict(), after.state_dict()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            tensor.copy_(_interpolated(name, start.get(name), end[name], amount))


def _interpolated(name: str, first: Tensor | None, last: Tensor, amount: float) -> Tensor:
    if not last.is_floating_point():
        return first if first is not None and amount < 0.5 else last
    first = torch.zeros_like(last) if first is None else first
    mixed = torch.lerp(first, last, amount)
    return mixed.clamp(min=0) if name.endswith("running_var") else mixed


def now() -> float:
    """Seconds of a clock that never goes back."""
    return time.monotonic()
