"""What an attack sees of a run: its models, what they are examined by, and how the same is tried on each of them."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from ..api import families
from ..api.attacked import WHENS, Attacked, Values
from ..api.panels import AnyPanel, Lines, Series
from .evidence import InspectContext
from .exam import Exam
from .task import Task

T_co = TypeVar("T_co", bound=Task, covariant=True)
NAMES = {"before": "original model", "after": "unlearned model", "reference": "retrained reference"}
Way = Callable[[nn.Module, int], Iterator[nn.Module]]


@dataclass
class Tried:
    """What every model made of the items at each place of an attack.

    Attributes:
        recalled, kept: as in `Attacked`.
        outputs: by when, what `Exam.make` gave at each place with the first seed (of the first reference).
        broken: by when, the share of broken answers at the last place.
    """

    recalled: dict[str, Values] = field(default_factory=dict)
    kept: dict[str, Values] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    broken: dict[str, float] = field(default_factory=dict)


class AttackContext(InspectContext[T_co]):
    """One finished run, as an attack sees it. `references`: every retrained reference there is; may be none."""

    load_references: Callable[[], Sequence[nn.Module]] = staticmethod(lambda: ())
    guarded: bool = False  # a guard stands in front of the original weights

    @cached_property
    def references(self) -> Sequence[nn.Module]:
        """Every retrained reference for this forget set."""
        self.tell("opening the retrained references", 0, 0)
        return self.load_references()

    @cached_property
    def exam(self) -> Exam:
        """What the run's models are examined by."""
        exam: Exam = families.load(families.get(self.task.family).exam)(self.task)
        return exam

    def models(self) -> list[tuple[str, nn.Module]]:
        """(when, model) of every model: original, unlearned, references. An attack changes copies of them only."""
        return [("before", self.before), ("after", self.after), *(("reference", one) for one in self.references)]

    def try_on_each(
        self, way: Way, places: int, phase: str, *, seeds: Sequence[int] = (0,), kept: bool = True, copies: bool = True
    ) -> Tried:
        """Examine every model in each state that an attack brings it into.

        Args:
            way: takes a model and a seed and comes back `places` times with the model to examine. It may change the model it is given.
            places: how often.
            phase: in words, for the progress.
            seeds: of what is random in it; each is tried.
            kept: whether the kept items are asked too.
            copies: whether `way` gets a copy of the model; false where it changes nothing.
        """
        tried = Tried()
        models = self.models()
        parts: dict[str, list[tuple[Values, Values | None]]] = {when: [] for when in WHENS}
        of, done = len(models) * len(seeds) * places, 0
        for when, model in models:
            every, others = [], []
            for seed in seeds:
                first = seed == seeds[0] and when not in tried.outputs
                rows, kept_rows, output_rows = [], [], []
                torch.manual_seed(seed)
                for state in way(copy.deepcopy(model) if copies else model, seed):
                    self.tell(f"{phase}, {NAMES[when]}", done, of)
                    outputs = self.exam.make(state)
                    rows.append(np.asarray(self.exam.score(outputs), np.float32))
                    if kept:
                        right, broken = self.exam.kept(state)
                        kept_rows.append(np.asarray(right, np.float32))
                        tried.broken.setdefault(when, broken)
                        tried.broken[when] = max(tried.broken[when], broken) if when == "reference" else broken
                    output_rows.append(outputs)
                    done += 1
                if first:
                    tried.outputs[when] = output_rows
                every.append(np.stack(rows))
                others += [np.stack(kept_rows)] if kept else []
            parts[when].append((np.stack(every), np.stack(others) if kept else None))
        self.tell(phase, of, of)
        for when, each in parts.items():
            if each:
                recalled = np.stack([one for one, _ in each])
                tried.recalled[when] = recalled if when == "reference" else recalled[0]
                if kept:
                    both = np.stack([two for _, two in each if two is not None])
                    tried.kept[when] = both if when == "reference" else both[0]
        return tried


@dataclass(frozen=True)
class Result:
    """What an attack gives back: what it brought back, and pictures of that, the comeback first."""

    attacked: Attacked
    panels: Sequence[AnyPanel] = ()


def curves(attacked: Attacked, title: str) -> Lines:
    """The three curves of an attack: original, unlearned, reference; of what is recalled, and of what is kept by the unlearned model."""
    series = [
        Series(
            name=NAMES[when],
            values=[100 * float(one) for one in attacked.curve(when)],
            role="reference" if when == "reference" else "forget",
            when="before" if when == "before" else "after" if when == "after" else "",
        )
        for when in WHENS
        if when in attacked.recalled
    ]
    if "after" in attacked.kept:
        values: list[float | None] = [100 * float(one) for one in attacked.curve("after", kept=True)]
        series.append(Series(name="unlearned, kept items", values=values, role="unrelated", when="after"))
    return Lines(
        title=title,
        how=f"How many of {len(attacked.items)} {attacked.noun} each model has, the further the attack goes. The attack learned from none of them. "
        "The retrained reference shows what a model that never saw them learns from the attack itself.",
        x=[f"{one:g}" for one in attacked.x],
        series=series,
        x_title=attacked.x_title,
        y_title=f"{attacked.noun}, %",
        compact=True,
    )
