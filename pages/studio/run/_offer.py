"""The looks that are offered for a run, by the question that they answer; the others stand grey, with the reason."""

from contextlib import suppress
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import families, run_results
from app.inference import LIVE
from app.templating import render
from backends.api import catalog
from backends.api.catalog import Look, LookGroup
from backends.api.errors import LetheError
from backends.api.languages import later

GROUPS: Final[dict[LookGroup, str]] = {
    "change": later("Where did it change?"),
    "sees": later("What does it see and say?"),
    "there": later("Is it still there?"),
    "attacker": later("Could an attacker tell?"),
}
REMEMBERED: Final = 200  # runs of which it is known what does not fit them
LACKING: dict[str, dict[str, str]] = {}  # finished run -> looks that can say nothing of it, and why; it never changes


def name_of(entry: Look) -> str:
    """The name of a look on its button; what it does stands below."""
    return entry.title.partition(": ")[0]


def fitting(run_id: str | None) -> list[Look]:
    """The looks that work with a run's model; all of them where there is no such run."""
    run = run_results.open_run(run_id)[0] if run_id else None
    family = families.of_run(run) if run is not None else None
    return [entry for entry in catalog.load().looks if family is None or entry.works_with.get(family) is True]


def lacks(run_id: str, inspector_id: str) -> str:
    """Why a look can say nothing of a run, as far as that is known; else empty."""
    return LACKING.get(run_id, {}).get(inspector_id, "")


def first_of(run_id: str, group: str | None) -> str | None:
    """The first look of a question that fits a run, though it can say nothing of it where all are so; of any question where it has none."""
    fits = fitting(run_id)
    asked = [entry for entry in fits if entry.group == group]
    telling = [entry for entry in asked if not lacks(run_id, entry.id)]
    return next((entry.id for entry in [*telling, *asked, *fits]), None)


def choices(run_id: str | None, inspector_id: str | None) -> list[tuple[str, str]]:
    """(name, id) of the looks that answer the same question as the chosen one and fit the run; the chosen one stays."""
    fits = fitting(run_id)
    group = next((entry.group for entry in fits if entry.id == inspector_id), fits[0].group if fits else "")
    return [
        (name_of(entry), entry.id)
        for entry in fits
        if entry.group == group and (entry.id == inspector_id or not lacks(run_id or "", entry.id))
    ]


def unfit(run_id: str | None, inspector_id: str | None) -> Markup:
    """The looks of the same question that can say nothing of a run, grey, with the reason."""
    fits = fitting(run_id)
    group = next((entry.group for entry in fits if entry.id == inspector_id), "")
    reasons = [
        (name_of(entry), lacks(run_id or "", entry.id))
        for entry in fits
        if entry.group == group and lacks(run_id or "", entry.id)
    ]
    return render("pages.unfit", reasons) if reasons else Markup()


def learn(run_id: str | None) -> None:
    """Know which looks can say nothing of a finished run; asked of the process that opens runs."""
    run = run_results.open_run(run_id)[0] if run_id else None
    if run is None or run.state.status != "done" or run.id in LACKING:
        return
    with suppress(LetheError):  # all are offered then; one that does not fit says so itself
        LACKING[run.id] = LIVE.ask("lacking", run=run.id)
        while len(LACKING) > REMEMBERED:
            LACKING.pop(next(iter(LACKING)), None)


def narrow(run_id: str | None, group: str | None, inspector_id: str | None) -> tuple[Any, Any]:
    """The looks on offer without those that can say nothing of this run, and why not.

    Nothing changes where another question was chosen in the meantime, whose looks are on their way.
    """
    entry = next((entry for entry in catalog.load().looks if entry.id == inspector_id), None)
    if not run_id or run_id not in LACKING or entry is None or entry.group != group:
        return gr.skip(), gr.skip()
    return gr.Radio(choices=choices(run_id, inspector_id)), unfit(run_id, inspector_id)
