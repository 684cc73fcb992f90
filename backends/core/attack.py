"""What an attack sees of a run: its models, what they are examined by, and how the same is tried on each of them."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from ..api import families
from ..api.attacked import WHENS, Attacked, Values
from ..api.panels import AnyPanel, Lines, Series
from .evidence import InspectContext
from .exam import Exam, Inside
from .task import Task

T_co = TypeVar("T_co", bound=Task, covariant=True)
NAMES = {"before": "original model", "after": "unlearned model", "reference": "retrained reference"}
Way = Callable[[nn.Module, int], Iterator[nn.Module]]
Outcome = Mapping[str, Any]  # what an attack does to one model: arrays, lists of texts and numbers by name


@dataclass
class Tried:
    """What every model made of the items at each place of an attack.

    Attributes:
        recalled, kept: as in `Attacked`.
        outputs: of the unlearned model and the first reference, what `Exam.make` gave at each place with the first seed.
        broken: by when, the share of broken answers at the last place.
        readings: by when, what was read inside each model at each place with the first seed, [models][places]; of a run where that was
            wanted.
    """

    recalled: dict[str, Values] = field(default_factory=dict)
    kept: dict[str, Values] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)
    broken: dict[str, float] = field(default_factory=dict)
    readings: dict[str, list[list[Inside]]] = field(default_factory=dict)


class Shelf(Protocol):
    """Where the outcomes of one attack on models that no run changes are stored, so that they need not be made again."""

    def read(self, model: nn.Module, phase: str) -> Outcome | None:
        """The outcome of a model with these weights in a phase of the attack; None where there is none."""
        ...

    def write(self, model: nn.Module, phase: str, outcome: Outcome) -> None:
        """Store it."""
        ...


INSIDE = "inside-"  # begins the names of what is read inside a model: "inside-3-routed" at the fourth place


class AttackContext(InspectContext[T_co]):
    """One finished run, as an attack sees it. `references`: every retrained reference there is; may be none."""

    load_references: Callable[[], Sequence[nn.Module]] = staticmethod(lambda: ())
    guarded: bool = False  # a guard stands in front of the original weights
    shelf: Shelf | None = None
    now: str = ""  # which model is attacked: "before", "after", "reference"
    _turn: tuple[str, int, int] = "", 0, 1  # (phase, models done, of how many)

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

    def on_each(
        self, work: Callable[[str, nn.Module], Outcome], phase: str, *, shown: Sequence[str] = (), reuse: bool = True
    ) -> dict[str, list[Outcome]]:
        """What an attack does to every model, by when. That of the original and of the references is the same in every run on the same
        forget set, so it is taken from the shelf where it is there.

        Args:
            work: takes when and the model, and gives arrays and lists of texts by name; the random numbers of torch begin anew for each model.
            phase: in words, for the progress; another for each use within an attack.
            shown: names that are wanted of the unlearned model and of the first reference alone, to be shown; `work` may leave
                them out of the others.
            reuse: false where what is asked is not the same in every run.
        """
        models, shelf = self.models(), self.shelf if reuse else None
        first = next((place for place, (when, _) in enumerate(models) if when == "reference"), -1)
        outcomes: list[Outcome | None] = [
            shelf.read(model, phase) if shelf and when != "after" else None for when, model in models
        ]
        if first >= 0 and not set(shown) <= set(outcomes[first] or ()):
            outcomes[first] = None
        waiting = [place for place, outcome in enumerate(outcomes) if outcome is None]
        for done, place in enumerate(waiting):
            when, model = models[place]
            self.now, self._turn = when, (f"{phase}, {NAMES[when]}", done, len(waiting))
            self.progress(0, 1)
            torch.manual_seed(0)
            outcome = dict(work(when, model))
            if when == "before" or (when == "reference" and place != first):
                outcome = {name: value for name, value in outcome.items() if name not in shown}
            outcomes[place] = outcome
            if shelf and when != "after":
                shelf.write(model, phase, outcome)
        self.tell(phase, 1, 1)
        by_when: dict[str, list[Outcome]] = {}
        for (when, _), each in zip(models, outcomes, strict=True):
            by_when.setdefault(when, []).append(each or {})
        return by_when

    def attacked(self, *, chosen: Iterable[int] | None = None, **parts: Any) -> Attacked:
        """What was brought back of the exam's own items, or of some of them, counted from 0; `parts` are the other attributes of
        `Attacked`."""
        exam = self.exam
        places = range(len(exam.items)) if chosen is None else list(chosen)
        items, groups = [exam.items[at] for at in places], [exam.groups[at] for at in places]
        return Attacked(items=items, groups=groups, noun=exam.noun, goal=exam.goal, **parts)

    def progress(self, done: int, of: int) -> None:
        """Tell how far `work` is with the model it has."""
        phase, models, all_models = self._turn
        self.tell(phase, models * of + done, all_models * of)

    def try_on_each(
        self,
        way: Way,
        places: int,
        phase: str,
        *,
        seeds: Sequence[int] = (0,),
        kept: bool = True,
        copies: bool = True,
        reuse: bool = True,
        inside: Callable[[nn.Module], Inside] | None = None,
    ) -> Tried:
        """Examine every model in each state that an attack brings it into.

        Args:
            way: takes a model and a seed and comes back `places` times with the model to examine. It may change the model it is given.
            places: how often.
            phase: in words, for the progress.
            seeds: of what is random in it; each is tried.
            kept: whether the kept items are asked too.
            copies: whether `way` gets a copy of the model; false where it changes nothing.
            reuse: as of `on_each`.
            inside: what is read besides inside each state of a model, with the first seed; the phase then has a name of its own.
        """
        names = [f"outputs-{place}" for place in range(places)]

        def work(when: str, model: nn.Module) -> Outcome:
            recalled, others, outcome = [], [], dict[str, Any]()
            for turn, seed in enumerate(seeds):
                rows, kept_rows = [], []
                torch.manual_seed(seed)
                for place, state in enumerate(way(copy.deepcopy(model) if copies else model, seed)):
                    self.progress(turn * places + place, len(seeds) * places)
                    outputs = self.exam.make(state)
                    rows.append(np.asarray(self.exam.score(outputs), np.float32))
                    if not turn:
                        outcome[names[place]] = outputs
                        reading = inside(state) if inside else {}
                        outcome |= {f"{INSIDE}{place}-{name}": values for name, values in reading.items()}
                    if kept:
                        right, outcome["broken"] = self.exam.kept(state)
                        kept_rows.append(np.asarray(right, np.float32))
                recalled.append(np.stack(rows))
                others += [np.stack(kept_rows)] if kept else []
            return outcome | {"recalled": np.stack(recalled)} | ({"kept": np.stack(others)} if kept else {})

        return tried_by(self.on_each(work, phase, shown=names, reuse=reuse), names)


def tried_by(outcomes: Mapping[str, Sequence[Outcome]], shown: Sequence[str]) -> Tried:
    """The outcomes of `on_each` as one: `recalled` and, where it is there, `kept` [seeds, x, items], `broken`, and `shown`, the outputs of
    each place."""
    tried = Tried()
    for when, each in outcomes.items():
        for part, into in (("recalled", tried.recalled), ("kept", tried.kept)):
            if part in each[0]:
                values = np.stack([np.asarray(one[part], np.float32) for one in each])
                into[when] = values if when == "reference" else values[0]
        if "broken" in each[0]:
            tried.broken[when] = max(float(one["broken"]) for one in each)
        if set(shown) <= set(each[0]):
            tried.outputs[when] = [each[0][name] for name in shown]
        if any(name.startswith(INSIDE) for name in each[0]):
            tried.readings[when] = [_readings(one) for one in each]
    return tried


def _readings(outcome: Outcome) -> list[Inside]:
    """What was read inside a model at each place."""
    places: dict[int, dict[str, Any]] = {}
    for name, values in outcome.items():
        if name.startswith(INSIDE):
            place, _, own = name.removeprefix(INSIDE).partition("-")
            places.setdefault(int(place), {})[own] = np.asarray(values)
    return [places[place] for place in sorted(places)]


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
