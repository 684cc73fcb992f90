"""What the answering process can be asked: one small function an operation, plain JSON in and out.

Those for models that draw stand in `operations_pictures`, those for language models in `operations_answers`, those that show
models a picture in `operations_shown`.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ..api import families, files, visits
from ..api import findings as earlier
from ..api.errors import BadInput
from ..api.findings import Kind
from ..api.panels import WORDING, Found
from ..core.attack import Result
from ..core.registry import entries, get
from . import (
    operations_answers,
    operations_pictures,
    operations_shown,
    operations_topic,
    operations_vectors,
    operations_watched,
)
from .export import write_model
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
    description: dict[str, Any] = desk.task(model, data).describe(desk.model(model, data))
    return description


@operation
def images(desk: Desk, model: str, items: list[str], data: str = "") -> list[str]:
    """Pictures of items ("train-17", "test-3") as data addresses of PNGs."""
    return [data_url(picture) for picture in _classifying(desk.task(model, data)).pictures(items)]


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
) -> dict[str, Any]:
    """How much is to be forgotten and kept, and what is to be forgotten, from `start` on; see `named_sets` of its family's task."""
    sets: dict[str, Any] = desk.resolved(model, tuple(forget), tuple(keep), data).named_sets(max(0, int(start)))
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
    return _findings_of(desk, run, "inspectors", "inspect", inspector, params or {}, joins)


@operation
def lacking(desk: Desk, run: str) -> dict[str, str]:
    """The inspectors and attacks that can say nothing of a finished run though they know models of its family: why not, by id. No
    model is opened."""
    opened = desk.run(run)
    reasons = {}
    for kind, folder in (("inspectors", "inspect"), ("attacks", "attack")):
        for name, one in entries(kind).items():
            if one.entry.works_with.get(opened.task.family) is True:
                reasons[name] = one.lacks(opened.look(folder, name))
    return {name: reason for name, reason in reasons.items() if reason}


@operation
def attack(
    desk: Desk, run: str, attack: str, params: dict[str, Any] | None = None, joins: bool | None = None
) -> dict[str, Any]:
    """What an attack on a finished run brings back, computed once for the same parameters; `joins` as in `inspect`."""
    return _findings_of(desk, run, "attacks", "attack", attack, params or {}, joins)


@operation
def export(desk: Desk, run: str, to: str) -> dict[str, Any]:
    """Write the model after as a folder that `AutoModelForImageClassification.from_pretrained` loads."""
    written = write_model(desk.run(run), Path(to))
    return {"to": str(written), "files": sorted(path.name for path in written.iterdir())}


for _function in (
    operations_shown.predict,
    operations_shown.as_input,
    operations_pictures.draw,
    operations_pictures.suite,
    operations_pictures.drawn,
    operations_answers.answer,
    operations_answers.expert_off,
    operations_vectors.vectors,
    operations_watched.watched,
    operations_topic.write_questions,
):
    operation(_function)


def _findings_of(
    desk: Desk, run_id: str, kind: str, folder: Kind, name: str, raw_params: dict[str, Any], joins: bool | None
) -> dict[str, Any]:
    """found.json of an inspector or attack, made where it is missing or was made with other parameters.

    What does not join the run is kept apart from it, beside what others found with other parameters. The answer has one key more, `root`: the folder that its pictures are named relative to.
    """
    desk.tell({"phase": "opening the run", "done": 0, "of": 0})
    run, entry = desk.run(run_id), get(kind, name)
    works = entry.entry.works_with.get(run.task.family, False)
    if works is not True:
        why = f": {works}" if works else "."
        raise BadInput(f"{name} does not work with models of the family {run.task.family}{why}")
    params = entry.parse(raw_params)
    settings = params.model_dump(mode="json")
    stored_place = run.place(folder, name)
    if apart := not (visits.joins(run.folder) if joins is None else joins):
        place = run.folder.visits, visits.folder(run.folder, name, settings, folder)
    else:
        place = stored_place
    for where, path in ((run.folder.path, run.folder.path / folder / name), stored_place, place):
        stored = earlier.at(path)
        if stored is not None and _settings(entry, stored["params"]) == settings and stored.get("wording") == WORDING:
            return stored | {"root": str(where)}
    begun = time.monotonic()
    torch.manual_seed(run.folder.spec.seed)

    def tell(phase: str, done: int, of: int) -> None:
        desk.tell({"phase": phase, "done": done, "of": of})

    look = run.look(folder, name, tell, place)
    if reason := entry.lacks(look):
        raise BadInput(reason)
    made = entry.function(look, params)
    panels = made.panels if isinstance(made, Result) else made
    if isinstance(made, Result):
        made.attacked.save(place[1])
    findings = Found(
        what=name, wording=WORDING, params=settings, seconds=round(time.monotonic() - begun, 3), panels=panels
    ).model_dump()
    if run.folder.result is None:  # nothing of it is written again
        shutil.rmtree(place[0], ignore_errors=True)
        raise BadInput(f"Run {run.folder.id} was deleted while it was looked into.")
    files.write_json(place[1] / "found.json", findings)
    if apart:
        visits.tidy(place[1])
    return findings | {"root": str(place[0])}


def _settings(entry: Any, raw_params: Any) -> dict[str, Any]:
    """Settings that findings were made with; those that came later are at their defaults. Empty where they no longer fit."""
    try:
        settings: dict[str, Any] = entry.parse(raw_params).model_dump(mode="json")
    except BadInput:
        return {}
    return settings


def _classifying(task: Any) -> Any:
    """The task itself, where it gives images classes.

    Raises:
        BadInput: it does not.
    """
    families.require(task.family, "classes", task.id)
    return task
