"""What the answering process can be asked: one small function an operation, plain JSON in and out.

Those for models that draw stand in `operations_pictures`, those for language models in `operations_answers`, those that show
models a picture in `operations_shown`.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..api import families
from ..api.errors import BadInput
from ..core.registry import entries
from ..models import source
from . import (
    operations_answers,
    operations_pictures,
    operations_red_team,
    operations_shown,
    operations_tested,
    operations_topic,
    operations_vectors,
    operations_watched,
)
from .export import write_model
from .looking import findings_of
from .recorder import data_url
from .session import Desk

OPERATIONS: dict[str, Callable[..., Any]] = {}


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let the function answer requests of its name; the first argument is the desk."""
    OPERATIONS[function.__name__] = function
    return function


@operation
def ping(desk: Desk) -> str:
    """Says that the process is there and has imported what it needs."""
    return "here"


@operation
def describe(desk: Desk, model: str, data: str = "") -> dict[str, Any]:
    """What a form has to know of a model; see `describe` of its family's task."""
    task = desk.task(model, data)
    description: dict[str, Any] = task.describe(desk.model(model, data))
    return description | {"commit": source.commit(model, task.folder)}


@operation
def images(desk: Desk, model: str, items: list[str], data: str = "") -> list[str]:
    """Pictures of items ("train-17", "test-3") as data addresses of PNGs."""
    task = desk.task(model, data)
    return [
        data_url(picture) for picture in (task if hasattr(task, "pictures") else _classifying(task)).pictures(items)
    ]


@operation
def neighbours(desk: Desk, model: str, forget: list[str], data: str = "") -> list[str]:
    """Names of the classes or concepts nearest to what is to be forgotten, nearest first."""
    names: list[str] = desk.resolved(model, tuple(forget), (), data).neighbour_names
    return names


@operation
def resolve(
    desk: Desk,
    model: str,
    forget: list[str],
    keep: Sequence[str] = (),
    data: str = "",
    start: int = 0,
    after: str = "",
) -> dict[str, Any]:
    """How much is to be forgotten and kept, and what is to be forgotten, from `start` on; see `named_sets` of its family's task. `after`: of
    the model as that run left it."""
    task = desk.resolved(model, tuple(forget), tuple(keep), data, after)
    sets: dict[str, Any] = task.named_sets(max(0, int(start)))
    return sets


@operation
def alike(desk: Desk, model: str, item: int | str, count: int, data: str = "") -> list[int]:
    """Ids of the training images most alike to one of them, itself among them."""
    ids: list[int] = _classifying(desk.task(model, data)).alike(item, count)
    return ids


@operation
def ask(desk: Desk, run_or_model: str, question: str, data: str = "", reference: bool = False) -> dict[str, Any]:
    """What models say to a question in a line of text, in the way of their family: `before` and, for a run, `after`, each with
    `said`; with `reference` also the retrained reference, where there is one. See `ask` of its family's task.

    Raises:
        BadInput: the question is not one of the family's, or its models are asked in another way.
    """
    task, models = desk.models(run_or_model, data, reference=bool(reference))
    if not hasattr(task, "ask"):
        raise BadInput(f"{task.id[:80]} is not asked by a line of text.")
    begun = time.monotonic()
    answers: dict[str, Any] = {str(when): task.ask(model, question) for when, model in models.items()}
    return {"question": question, **answers, "seconds": round(time.monotonic() - begun, 3)}


@operation
def inspect(
    desk: Desk, run: str, inspector: str, params: dict[str, Any] | None = None, joins: bool | None = None
) -> dict[str, Any]:
    """What an inspector finds in a finished run, computed once for the same parameters. While it looks, the desk's `tell` hears
    how far it is: {"phase": what is done, "done": steps, "of": of how many (0: not counted)}.

    `joins`: whether it becomes part of the run; left out, as `visits.joins` says of one who is not known.
    """
    return findings_of(desk, run, "inspectors", "inspect", inspector, params or {}, joins)


@operation
def lacking(desk: Desk, run: str) -> dict[str, str]:
    """The inspectors that can say nothing of a finished run though they know models of its family: why not, by id. No model is
    opened. Why an attack does not fit a run is said by `test`."""
    opened = desk.run(run)
    reasons = {
        name: one.lacks(opened.look("inspect", name))
        for name, one in entries("inspectors").items()
        if one.entry.works_with.get(opened.task.family) is True
    }
    return {name: reason for name, reason in reasons.items() if reason}


@operation
def attack(
    desk: Desk, run: str, attack: str, params: dict[str, Any] | None = None, joins: bool | None = None
) -> dict[str, Any]:
    """What an attack on a finished run brings back, computed once for the same parameters; `joins` as in `inspect`."""
    return findings_of(desk, run, "attacks", "attack", attack, params or {}, joins)


@operation
def export(desk: Desk, run: str, to: str) -> dict[str, Any]:
    """Write the model after as a folder that `AutoModelForImageClassification.from_pretrained` loads."""
    written = write_model(desk.run(run), Path(to))
    return {"to": str(written), "files": sorted(path.name for path in written.iterdir())}


for _function in (
    operations_shown.predict,
    operations_shown.as_input,
    operations_shown.protect,
    operations_pictures.draw,
    operations_pictures.suite,
    operations_pictures.drawn,
    operations_answers.answer,
    operations_answers.expert_off,
    operations_vectors.vectors,
    operations_watched.watched,
    operations_topic.write_questions,
    operations_tested.test,
    operations_red_team.red_team,
):
    operation(_function)


def _classifying(task: Any) -> Any:
    """The task itself, where it gives images classes.

    Raises:
        BadInput: it does not.
    """
    families.require(task.family, "classes", task.id)
    return task
