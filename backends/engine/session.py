"""The models and finished runs that the answering process holds open, the most recently asked ones."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from cachetools import LRUCache
from torch import nn

from ..api import learned, run_outputs, runs
from ..api.errors import BadInput
from ..api.home import home
from ..api.runs import RunFolder
from ..core import changes, evidence
from ..core.attack import AttackContext
from ..core.evidence import InspectContext, Tell, When
from ..core.exam import Exam
from ..core.registry import get
from ..core.task import Task
from ..models import reference
from ..models.source import is_model
from . import hardware, outputs, start_from, untouched
from .loading import open_task
from .untouched import Untouched

MODELS, RUNS, DRAWN = 4, 6, 32  # how many are held
T = TypeVar("T")


def silent(piece: Any) -> None:
    """Nobody wants to hear an answer before it is whole."""


def cached(cache: LRUCache[Any, T], key: Any, make: Callable[[], T]) -> T:
    """The value of a key in a cache, made where it is not held."""
    if key not in cache:
        cache[key] = make()
    return cache[key]


class OpenRun:
    """A finished run: its task with its parts, and its models, loaded when they are first asked for."""

    def __init__(self, folder: RunFolder, task: Any) -> None:
        self.folder, self.task = folder, task
        self.result = folder.result or {}
        self._models: dict[When, nn.Module | None] = {}
        self.dosed: nn.Module | None = None  # held for whoever asks for a share of the change

    def model(self, when: When) -> nn.Module | None:
        """The model before, after, or the retrained reference, in eval mode; None where there is no reference."""
        if self._models.get(when) is None:  # a reference may have been trained since
            self._models[when] = self._load(when)
        return self._models[when]

    def _load(self, when: When) -> nn.Module | None:
        if when == "before":
            model: nn.Module = self.task.load()
            return model.eval()
        if when == "after":
            return changes.apply(self.task.load(), start_from.later_changes(self.folder)).eval()
        if learned.own(self.folder.path) is not None:
            return None
        first = start_from.untouched(self.task, self.folder)
        if first is not None:
            untouched_model: nn.Module = first.eval()
            return untouched_model
        owner = self.folder.state.owner
        path = reference.find(self.result["model"], self._reference_key, self.folder.spec.data, owner)
        return None if path is None else changes.apply(self.task.load(), reference.parts(path)).eval()

    @property
    def _reference_key(self) -> str:
        return str(self.result.get("reference_key") or self.result["forget_key"])

    def outputs(self, when: When, tell: Tell = evidence.silent) -> outputs.Outputs:
        """What one of the models says about every item: from the run's folder or the cache, where it is known."""
        stored = outputs.read(self.folder.path / run_outputs.OUTPUTS / f"{when}.npz") if self.task.keeps else None
        if stored is not None:
            return stored
        model = self.model(when)
        if model is None:
            raise BadInput(f"Run {self.folder.id} has no retrained reference; run one for the same forget set first.")
        return outputs.of(self.task, model, lambda done, of: tell(f"asking the model {when}", done, of))

    def place(self, kind: str, name: str) -> tuple[Path, Path]:
        """(root, folder) of what an inspector or attack finds: within the run, or, for a run that came with Lethe,
        under LETHE_HOME. Pictures are named relative to root."""
        if self.folder.shipped:
            root = home() / kind / self.folder.id
            return root, root / name
        return self.folder.path, self.folder.path / kind / name

    def look(
        self, kind: str, name: str, tell: Tell = evidence.silent, place: tuple[Path, Path] | None = None
    ) -> InspectContext[Any]:
        """The run as an inspector or attack sees it; `tell` hears how far that is. `place`, where what it finds is no part of
        the run: (root, folder) as `place` gives them."""
        root, out = place or self.place(kind, name)
        kinds = {"inspect": InspectContext, "attack": AttackContext}
        look: InspectContext[Any] = kinds[kind](
            self.task, self.model, lambda when: self.outputs(when, tell), self.folder.path, out, root=root, tell=tell
        )
        if isinstance(look, AttackContext):
            look.load_references = self.references
            look.guarded = get("methods", self.folder.spec.method).entry.guard
        return look

    def shelf(self, attack: str, params: Mapping[str, Any], exam: Exam) -> Untouched:
        """Where the outcomes of an attack on the original and the references of this run are kept."""
        spec = self.folder.spec
        about = untouched.about(self.task, params, exam.items, spec.keep, spec.data)
        return Untouched(spec.model, attack, about)

    def references(self) -> list[nn.Module]:
        """Every retrained reference for the run's forget set, in eval mode; none where there is none."""
        owner = self.folder.state.owner
        if learned.of_run(self.folder) is not None:
            before_it = self.model("reference")
            return [] if before_it is None else [before_it]
        paths = reference.find_all(self.result["model"], self._reference_key, self.folder.spec.data, owner)
        first = self.model("reference")
        others = [changes.apply(self.task.load(), reference.parts(path)).eval() for path in paths[1:]]
        return [] if first is None else [first, *others]


class Desk:
    """Opens models and runs, and holds the last of them."""

    def __init__(self) -> None:
        self._tasks: LRUCache[Any, Task] = LRUCache(MODELS)
        self._runs: LRUCache[Any, OpenRun] = LRUCache(RUNS)
        self._models: LRUCache[Any, nn.Module] = LRUCache(MODELS)
        self.tell: Callable[[Any], None] = silent  # hears the answer that is being made, as far as it is known
        self.drawings: LRUCache[Any, list[str]] = LRUCache(DRAWN)  # pictures of models as they came, by what was asked

    def task(self, model: str, data: str = "") -> Any:
        """A model with its data, in float32.

        Raises:
            BadInput: there is no such model, or its data do not fit.
        """
        setting = {"precision": "float32"} | _device_setting()
        return cached(self._tasks, (model, data), lambda: open_task(model, data, setting, measure=False))

    def resolved(
        self, model: str, forget: tuple[str, ...], keep: tuple[str, ...] = (), data: str = "", after: str = ""
    ) -> Any:
        """A task of its own, with the parts of these targets; `after`: as a finished run left the model.

        Raises:
            BadInput: the targets fit neither model nor data.
        """
        task = self.task(model, data).again()
        if after:
            start_from.begin(task, runs.find(after))
        task.resolve(forget, keep)
        return task

    def model(self, model: str, data: str = "") -> nn.Module:
        """The loaded model itself."""
        return cached(self._models, (model, data), self.task(model, data).load)

    def models(
        self, run_or_model: str, data: str = "", *, reference: bool = False
    ) -> tuple[Any, dict[When, nn.Module]]:
        """The task and the model before and, of a finished run, the model after; with `reference` the retrained one too, where
        there is one.

        Raises:
            BadInput: there is neither such a run nor such a model.
        """
        if data or is_model(run_or_model):
            return self.task(run_or_model, data), {"before": self.model(run_or_model, data)}
        opened = self.run(run_or_model)
        whens: tuple[When, ...] = ("before", "after", "reference") if reference else ("before", "after")
        each = {when: opened.model(when) for when in whens}
        return opened.task, {when: model for when, model in each.items() if model is not None}

    def run(self, run_id: str) -> OpenRun:
        """A finished run.

        Raises:
            BadInput: there is no such run, or it has not finished.
        """
        folder = runs.find(run_id)
        if folder.result is None:
            raise BadInput(f"Run {folder.id} is {folder.state.status}; only a run that is done can be looked into.")
        return cached(self._runs, str(folder.path), lambda: self._open(folder))

    def _open(self, folder: RunFolder) -> OpenRun:
        spec, result = folder.spec, folder.result or {}
        task = self.task(spec.model, spec.data).again()
        start_from.resolve(task, folder)
        task.precision = hardware.PRECISIONS[result["precision"]]
        found_ids = folder.found_set
        if found_ids is not None and get("methods", spec.method).entry.finds:
            task.parts["forget"] = np.array(found_ids, dtype=np.int64)
        return OpenRun(folder, task)


def _device_setting() -> dict[str, Any]:
    return {"device": hardware.device().type}
