"""The newest runs of who looks, as Home lists them: what works now with its true progress, then the latest, each with a picture."""

import time
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from app import job_form, markup, run_card, theme
from app.figures.training import drawing
from app.figures.watching import is_drawing
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import catalog, estimate, model_info, runs, stage_words
from backends.api.errors import DAMAGED, LetheError
from backends.api.languages import plural, tr
from backends.api.runs import RunFolder
from backends.api.spec import ENDED

MOST: Final = 3  # on Home; the page of all runs has the others


def listed(owner: str) -> Markup:
    """The list.

    Args:
        owner: `runs.owner_mark` of who looks.
    """
    own = [run for run in runs.visible(owner) if not run.shipped]
    working = [run for run in own if _works(run)]
    rows = [row for run in [*working, *(run for run in own if run not in working)][:MOST] if (row := _row(run))]
    return render("home.own", rows, first() if not own else "", max(0, len(own) - len(rows)))


def _works(run: RunFolder) -> bool:
    try:
        return run.state.status not in ENDED
    except LetheError:
        return False


def _row(run: RunFolder) -> Markup:
    """One run; empty where it can no longer be read."""
    try:
        spec, state = run.spec, run.state
        what = tr(stage_words.of_run(run).short, target=targets_in_words(spec.forget, spec.family))
        about = run_card.title_of("models", spec.model)
        when = ago(state.history[-1].at) if state.history else ""
        phase, share = "", None
        if state.status not in ENDED:
            entered = run_card.phases(run.events())
            name, step, of = entered[-1] if entered else ("", 0, 0)
            phase, share = run_card.phase_name(name) if name else "", step / of if of else 0.0
        picture = thumbnail(run)
    except DAMAGED:  # it was damaged or deleted since it was listed
        return Markup()
    tag = run_card.tag(state.status)
    return render("home.own_row", run.id, markup.run_address(run.id), picture, what, about, when, tag, phase, share)


def thumbnail(run: RunFolder) -> str:
    """A picture of what the run's model made last of something it is to forget, as a data address; empty where it makes none."""
    samples = run.samples()
    item = next((item for item in samples[-1]["items"] if item["role"] == "forget"), None) if samples else None
    if item is None:
        return ""
    return drawing(run.path, item) if is_drawing(item) else markup.data_uri(run.path, f"samples/items/{item['id']}.png")


def first() -> str:
    """What the first run takes, in words, from what was measured; without a number where nothing was."""
    entry = catalog.load().models[0]
    try:
        model, method = model_info.embedded(entry.id), catalog.load().get("methods", entry.default_method)
        settings = job_form.recommended(model, method, entry.default_forget)
        need = estimate.estimate(entry.id, method.id, settings)
    except LetheError:
        need = None
    if need is None:
        return tr("None yet.")
    where = tr("this machine") if need.here else need.where
    took = tr("{seconds}, as measured on {where}", seconds=theme.seconds(max(1, round(need.seconds))), where=where)
    if need.whole:
        return tr("None yet. The first takes about {took}.", took=took)
    return tr(
        "None yet. The method of a first one takes about {took}; opening the model and measuring come on top.",
        took=took,
    )


def ago(at: float) -> str:
    """A moment as a person says it: "just now", "12 minutes ago", "on 2026-11-22 at 14:05 UTC"."""
    passed = max(0.0, time.time() - at)
    if passed < 60:
        return tr("just now")
    if passed < 3600:
        minutes = round(passed / 60)
        return plural("{count} minute ago", "{count} minutes ago", minutes)
    if passed < 24 * 3600:
        hours = round(passed / 3600)
        return plural("{count} hour ago", "{count} hours ago", hours)
    moment = datetime.fromtimestamp(at, UTC)
    return tr("on {day} at {time} UTC", day=f"{moment:%Y-%m-%d}", time=f"{moment:%H:%M}")
