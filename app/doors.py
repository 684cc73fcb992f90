"""The doors of Home: what can be done with a model besides watching it forget. A door stands only where something is behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from urllib.parse import urlencode

from app import markup
from backends.api import catalog, families, runs
from backends.api.catalog import Catalog, Method
from backends.api.languages import tr
from backends.api.runs import RunFolder


@dataclass(frozen=True)
class Door:
    """One way in: its name, the sentence below it, where it leads, and the name of its drawing; `also` are further places, by name."""

    name: str
    text: str
    to: str
    icon: str
    also: tuple[tuple[str, str], ...] = ()


def doors(run_id: str) -> list[Door]:
    """The doors that lead somewhere.

    Args:
        run_id: a finished run whose model can be tested; empty where there is none.
    """
    entries = catalog.load()
    return [door for build in (_protect, _learn, _forget, _attack, _repair) for door in build(entries, run_id)]


def _form(entries: Catalog, method: Method) -> str:
    """The address of the form with a method chosen, and the first model that it works on."""
    model = next((entry for entry in entries.models if method.works_with.get(entry.family) is True), None)
    parts = {"model": model.id, "method": method.id} if model else {"method": method.id}
    return f"new?{urlencode(parts)}"


def _example(entries: Catalog, stage: str) -> RunFolder | None:
    """A finished run that came with Lethe, of a method of this stage."""
    ids = [method.id for method in entries.methods if method.stage == stage]
    return next((run for run in runs.visible() if run.shipped and run.spec.method in ids), None)


def _examples(entries: Catalog, stage: str) -> list[tuple[str, RunFolder]]:
    """The first finished run that came with Lethe of each method of this stage, with the method's short name; where the next has the same,
    each with what it is about: "Data poisoning: questions", "images"."""
    shipped = [run for run in runs.visible() if run.shipped]
    each = [(one, next((run for run in shipped if run.spec.method == one.id), None)) for one in entries.methods]
    found = [(one.short, run) for one, run in each if one.stage == stage and run is not None]
    said: list[tuple[str, RunFolder]] = []
    for short, group in groupby(found, key=itemgetter(0)):
        first, *others = [run for _, run in group]
        said.append((f"{short}: {_noun(first)}" if others else short, first))
        said += [(_noun(run), run) for run in others]
    return said


def _noun(run: RunFolder) -> str:
    """What a run's model is about: images, questions."""
    return tr(families.get(families.of_run(run)).noun)


def _protect(entries: Catalog, run_id: str) -> Iterator[Door]:
    example = _example(entries, "protect")
    if example is not None:
        asked = (entry.id for entry in entries.inspectors if entry.group == "attacker")
        look = next((name for name in asked if (example.path / "inspect" / name).is_dir()), "")
        to = markup.run_address(example.id, "inside" if look else "", inspector=look)
        yield Door(tr("Protect"), tr("Pictures that are hard to learn from: look"), to, "shield")
        return
    guards = [method for method in entries.methods if method.guard]
    if guards:
        count = (
            tr("{guards_count} guards filter", guards_count=len(guards)) if len(guards) > 1 else tr("A guard filters")
        )
        yield Door(
            tr("Protect"), tr("{count} its answers; the weights stay", count=count), _form(entries, guards[0]), "shield"
        )


def _learn(entries: Catalog, run_id: str) -> Iterator[Door]:
    shown = _examples(entries, "learn")
    if shown:
        (first, to), *others = [(short, markup.run_address(run.id)) for short, run in shown]
        yield Door(tr("Learn"), first, to, "book", tuple(others))
        return
    method = next((method for method in entries.methods if method.reference), None)
    if method is not None:
        yield Door(tr("Learn"), tr("Retrain without it: the reference to measure by"), _form(entries, method), "book")


def _forget(entries: Catalog, run_id: str) -> Iterator[Door]:
    methods = [one for one in entries.methods if one.stage == "forget" and not one.reference and not one.finds]
    yield Door(tr("Forget"), tr("{methods_count} methods, one form", methods_count=len(methods)), "new", "eraser")


def _attack(entries: Catalog, run_id: str) -> Iterator[Door]:
    if run_id and entries.attacks:
        yield Door(tr("Attack"), tr("Does it come back? Test it"), markup.run_address(run_id, "back"), "target")
    elif run_id and entries.inspectors:
        yield Door(
            tr("Attack"), tr("Is it erased or only hidden? Look inside"), markup.run_address(run_id, "inside"), "target"
        )


def _repair(entries: Catalog, run_id: str) -> Iterator[Door]:
    example = _example(entries, "repair")
    if example is not None:
        yield Door(
            tr("Repair"), tr("A hidden trigger, found and closed: look"), markup.run_address(example.id), "wrench"
        )
