"""What the answering process can be asked: one small function an operation, plain JSON in and out.

Those for models that draw stand in `operations_pictures`, those for language models in `operations_answers`.
"""

import base64
import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..api import families, files, visits
from ..api import findings as earlier
from ..api.errors import BadInput
from ..api.findings import Kind
from ..api.panels import WORDING, Found
from ..core.registry import entries, get
from ..families.classifier.guards import INPUT_DELTA
from ..families.classifier.resolve import alike as most_alike
from ..families.classifier.task import Classifier
from . import operations_answers, operations_pictures, operations_topic, operations_vectors
from .export import write_model
from .recorder import png
from .session import Desk

MOST = 1000  # items in one request

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
    task = desk.task(model, data)
    return [_data_url(task, *place) for place in _item_positions(task, items)]


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
    task = desk.task(model, data)
    text = str(item).removeprefix("train-")
    (_, place), number = _item_positions(task, [f"train-{text}"])[0], int(count)
    if not 1 <= number < len(task.data.train):
        raise BadInput(f"{number} alike images were asked for; ask for 1 to {len(task.data.train) - 1}.")
    return [int(image_id) for image_id in most_alike(task, place, number)]


@operation
def predict(
    desk: Desk,
    run_or_model: str,
    path: str = "",
    items: Sequence[str] = (),
    skip_guard: bool = False,
    data: str = "",
) -> dict[str, Any]:
    """Probabilities of every class, before and (for a run) after, for one image file or for items of the data.

    `skip_guard` asks the model after with its guard switched off. Where an item's class is known, `label` is its number.
    """
    task, models = desk.models(run_or_model, data)
    if bool(path) == bool(items):
        raise BadInput("Give either one image file or items of the data, so that there is something to look at.")
    queried: list[tuple[str, Tensor, int | None]]
    if path:
        queried = [(Path(path).name, task.pixels.open(Path(path)), None)]
    else:
        queried = [_item_input(task, *place) for place in _item_positions(task, items)]
    answers = {when: _probabilities(task, model, queried, skip_guard) for when, model in models.items()}
    predictions = [
        {"id": name, "label": label} | {when: rows[number] for when, rows in answers.items()}
        for number, (name, _, label) in enumerate(queried)
    ]
    return {"classes": task.names, "guarded": hasattr(models.get("after"), INPUT_DELTA), "items": predictions}


@operation
def ask(desk: Desk, run_or_model: str, question: str, data: str = "") -> dict[str, Any]:
    """What models say to a question in a line of text, in the way of their family: `before` and, for a run, `after`, each with
    `said`. See `ask` of its family's task.

    Raises:
        BadInput: the question is not one of the family's, or its models are asked in another way.
    """
    task, models = desk.models(run_or_model, data)
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
    operations_pictures.draw,
    operations_pictures.suite,
    operations_pictures.drawn,
    operations_answers.answer,
    operations_vectors.vectors,
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
        if stored is not None and stored["params"] == settings and stored.get("wording") == WORDING:
            return stored | {"root": str(where)}
    begun = time.monotonic()
    torch.manual_seed(run.folder.spec.seed)

    def tell(phase: str, done: int, of: int) -> None:
        desk.tell({"phase": phase, "done": done, "of": of})

    look = run.look(folder, name, tell, place)
    if reason := entry.lacks(look):
        raise BadInput(reason)
    panels = entry.function(look, params)
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


def _item_positions(task: Classifier, items: Sequence[str]) -> list[tuple[str, int]]:
    """(split, position) of items.

    Raises:
        BadInput: the model draws pictures instead of looking at them, too many, no item's name, or none of the data's.
    """
    families.require(task.family, "classes", task.id)
    if not isinstance(items, (list, tuple)) or len(items) > MOST:
        raise BadInput(f"At most {MOST} items can be asked for at once, as a list of names like test-3.")
    positions = []
    for item in items:
        parts = re.fullmatch(r"(train|test)-([0-9]{1,9})", str(item))
        if not parts:
            raise BadInput(f"{str(item)[:60]!r} is no item; write train-17 or test-3.")
        split, position = parts[1], int(parts[2])
        count = len(task.data.test if split == "test" else task.data.train)
        if position >= count:
            raise BadInput(f"There is no {split} image {position}; {task.id[:80]} has 0 to {count - 1}.")
        positions.append((split, position))
    return positions


def _data_url(task: Classifier, split: str, position: int) -> str:
    picture = png(task.show(position, test=split == "test"))
    return "data:image/png;base64," + base64.b64encode(picture).decode()


def _item_input(task: Classifier, split: str, position: int) -> tuple[str, Tensor, int]:
    batch = task.batch(np.array([position]), test=split == "test")
    return f"{split}-{position}", batch.x, int(batch.y)


@torch.no_grad()
def _probabilities(
    task: Classifier, model: nn.Module, queried: list[tuple[str, Tensor, int | None]], skip_guard: bool
) -> list[list[float]]:
    delta: Tensor | None = getattr(model, INPUT_DELTA, None) if skip_guard else None
    saved_delta = None if delta is None else delta.clone()
    try:
        if delta is not None:
            delta.zero_()
        rows = task.forward(model, torch.cat([x for _, x, _ in queried])).softmax(1)
        return [[float(p) for p in row] for row in rows.cpu()]
    finally:
        if delta is not None and saved_delta is not None:
            delta.copy_(saved_delta)
