"""The open problems of unlearning for AI safety as a checklist on a run's card: which test or number looked at each, and which did not.

After Barez et al., Open Problems in Machine Unlearning for AI Safety, 2025 (arXiv 2501.04952). It gives no marks: what was looked at says in
its own place what was found, and a problem that nothing looked at stays open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from app import comeback, run_results
from backends.api import catalog, families
from backends.api.attacked import TestKind
from backends.api.languages import later, tr
from backends.api.results import Measured
from backends.api.runs import RunFolder

SOURCE: Final = (
    "Barez et al., Open Problems in Machine Unlearning for AI Safety, 2025",
    "https://arxiv.org/abs/2501.04952",
)


class Problem(NamedTuple):
    """One problem: its name, what is asked, which kinds of tests look at it, and which metrics do, of those that were measured."""

    id: str
    name: str
    asks: str
    kinds: tuple[TestKind, ...] = ()
    metrics: Callable[[RunFolder, dict[str, Measured]], list[str]] = lambda run, measured: []


def _neighbours(run: RunFolder, measured: dict[str, Measured]) -> list[str]:
    headlines = families.get(families.of_run(run)).headlines
    return [one.metric for one in headlines if one.role == "neighbour" and one.metric in measured]


def _keeping(run: RunFolder, measured: dict[str, Measured]) -> list[str]:
    entries = {entry.id: entry.measures for entry in catalog.load().metrics}
    near = _neighbours(run, measured)
    return [name for name in measured if entries.get(name) == "keeping" and name not in near]


PROBLEMS: Final = (
    Problem(
        "dual_use",
        later("Dual use"),
        later("What is close to the forget set is often useful: was it kept?"),
        metrics=_neighbours,
    ),
    Problem(
        "learned_again",
        later("Relearning"),
        later("Does a little training bring it back, sooner than in a model that never saw it?"),
        kinds=("relearn",),
    ),
    Problem(
        "context",
        later("Context"),
        later("Does it come back when asked otherwise, asked often, reminded, or with words that were searched for?"),
        kinds=("ask", "sample", "words"),
    ),
    Problem(
        "monitoring",
        later("Monitoring"),
        later("Is it still inside to be seen, and does it stay away once weights are rounded, pruned or disturbed?"),
        kinds=("inside", "weights", "guard"),
    ),
    Problem(
        "side_effects",
        later("Side effects"),
        later("What else did the model lose?"),
        metrics=_keeping,
    ),
    Problem(
        "safeguards",
        later("Earlier safeguards"),
        later("Did it lose what an earlier training had made safe? Nothing here looks at that."),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A problem with what looked at it.

    Attributes:
        problem: which.
        made: (id, title) of attacks that were made on the run.
        measured: (id, title) of metrics that were measured.
        missing: (id, title) of attacks that fit the run and were not made.
    """

    problem: Problem
    made: list[tuple[str, str]]
    measured: list[tuple[str, str]]
    missing: list[tuple[str, str]]

    @property
    def word(self) -> str:
        """How far it was looked at, in words."""
        if self.measured:
            return tr("measured")
        if not self.made:
            return tr("not looked at")
        return tr("{made} of {of} tests made", made=len(self.made), of=len(self.made) + len(self.missing))


def of_run(run: RunFolder) -> list[Checked]:
    """The checklist of a finished run."""
    measured = run_results.metrics_of(run)
    made = {one.entry.id for one in comeback.attacks_on(run)}
    fitting = [entry for entry in comeback.fitting(run) if entry.id in made or entry.id not in comeback.unfit(run)]
    checklist = []
    for problem in PROBLEMS:
        looks = [entry for entry in fitting if entry.test in problem.kinds]
        checklist.append(
            Checked(
                problem,
                [(entry.id, _name(entry.title)) for entry in looks if entry.id in made],
                [(name, measured[name].title or name) for name in problem.metrics(run, measured)],
                [(entry.id, _name(entry.title)) for entry in looks if entry.id not in made],
            )
        )
    return checklist


def _name(title: str) -> str:
    """What a title names, without what it does."""
    return tr(title).partition(": ")[0]


def document(run: RunFolder) -> list[dict[str, Any]]:
    """The checklist as JSON: ids of the attacks and metrics."""
    return [
        {
            "problem": one.problem.id,
            "tests_made": [name for name, _ in one.made],
            "tests_not_made": [name for name, _ in one.missing],
            "metrics": [name for name, _ in one.measured],
        }
        for one in of_run(run)
    ]
