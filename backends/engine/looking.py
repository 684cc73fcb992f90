"""A look into a finished run, an inspector's or an attack's: made once for the same settings, and kept."""

import shutil
import time
from typing import Any

import torch

from ..api import files, retrained, visits
from ..api import findings as earlier
from ..api.errors import BadInput
from ..api.findings import Kind
from ..api.panels import WORDING, Found
from ..core.attack import AttackContext, Result
from ..core.registry import get
from .session import Desk


def findings_of(
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
        if stored is None or _settings(entry, stored["params"]) != settings or stored.get("wording") != WORDING:
            continue
        if folder == "inspect" or not (retrained.untried(path) and retrained.of_run(run.folder)):
            return stored | {"root": str(where)}
    begun = time.monotonic()
    torch.manual_seed(run.folder.spec.seed)

    def tell(phase: str, done: int, of: int) -> None:
        desk.tell({"phase": phase, "done": done, "of": of})

    look = run.look(folder, name, tell, place)
    if reason := entry.lacks(look):
        raise BadInput(reason)
    if isinstance(look, AttackContext):
        look.shelf = run.shelf(name, settings, look.exam)
    there = folder == "attack" and retrained.of_run(run.folder) is not None
    made = entry.function(look, params)
    panels = list(made.panels if isinstance(made, Result) else made)
    if isinstance(made, Result):
        made.attacked.save(place[1])
        retrained.note(place[1], there)
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
