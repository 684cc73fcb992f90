"""The list of runs as HTML: state, progress, place, when and how long, and what can be done with each."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from app import markup, permissions, run_card, theme
from app.live_html import JS, Alive
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import verdict
from backends.api.errors import Unreadable
from backends.api.runs import RunFolder, State, places
from backends.api.spec import ENDED

MOST = 60  # runs on the page
SCRIPT = JS + (theme.STATIC / "runs.js").read_text("utf-8")


class RunList(Alive):
    """The list; a press on a button comes as `select` with `act` ("cancel", "delete") and `run`."""

    def __init__(self, value: str = "", **kwargs: Any) -> None:
        super().__init__(value, js=SCRIPT, **kwargs)


def listed(runs: Sequence[RunFolder], secret: str, note: str = "", unreadable: Sequence[RunFolder] = ()) -> Markup:
    """Every run, newest first; below those that cannot be read, and those that came with Lethe, as examples."""
    own = [run for run in runs if not run.shipped]
    waits = any(run.state.status == "queued" for run in own[:MOST])
    queue = places() if waits else {}  # which looks at every run of the home
    shipped = [run for run in runs if run.shipped]
    more = len(own) - MOST
    rows = [_row(run, secret, queue) for run in own[:MOST]] + [_unreadable(run, secret) for run in unreadable[:MOST]]
    return render(
        "run_list.listed",
        note=note,
        compare=markup.link("Compare these two", "compare", button=True),
        rows=markup.join(rows) or _empty(shipped),
        older=markup.text(f"{more} older runs are listed by the command lethe runs.", "quiet") if more > 0 else "",
        examples=markup.join(_row(run, secret, queue) for run in shipped),
    )


def _empty(shipped: Sequence[RunFolder]) -> Markup:
    look = "Below are finished examples to look at. " if shipped else ""
    body = markup.text(f"{look}Your own runs will be listed here, also after the studio was closed.")
    return markup.card("No run yet", body + markup.link("Forget something", "./", button=True), empty=True)


def _unreadable(run: RunFolder, secret: str) -> Markup:
    """The row of an unreadable run: only why."""
    acts = render("run_list.button", run.id, "delete", "Delete") if permissions.may_change(run, secret) else ""
    return render("run_list.unreadable", run, render("run_card.tag", "failed", "!", "unreadable"), acts)


def _row(run: RunFolder, secret: str, queue: Mapping[str, int]) -> Markup:
    try:
        spec, state = run.spec, run.state
    except Unreadable:  # since it was listed
        return _unreadable(run, secret)
    after = f", after {targets_in_words(spec.earlier, spec.family)}" if spec.after else ""
    return render(
        "run_list.row",
        run=run,
        address=f"./?run={quote(run.id)}",
        state=run_card.tag(state.status),
        what=f"Forget {targets_in_words(spec.forget, spec.family)}{after}",
        about=f"{run_card.title_of('models', spec.model)} · {run_card.title_of('methods', spec.method)}",
        when=_when(run, state, queue),
        result=_result(run, state),
        acts=_acts(run, state, secret),
        progress=_bar(run, state),
    )


def _when(run: RunFolder, state: State, queue: Mapping[str, int]) -> str:
    """When it started and how long it took, or its place in the queue."""
    if state.status == "queued":
        before = queue.get(run.id, 0)
        return f"place {before + 1} in the queue" if before else "next in the queue"
    began = next((moment.at for moment in state.history if moment.status == "running"), None)
    if began is None:
        return f"never started, {ago(state.history[-1].at)}" if state.history else ""
    last = state.history[-1].at if state.status in ENDED else time.time()
    took = f"took {theme.seconds(last - began)}" if state.status in ENDED else f"for {theme.seconds(last - began)}"
    return f"started {ago(began)}, {took}"


def ago(at: float) -> str:
    """A moment as a person says it: "just now", "12 minutes ago", "on 2026-11-22 at 14:05 UTC"."""
    passed = max(0.0, time.time() - at)
    if passed < 60:
        return "just now"
    if passed < 3600:
        minutes = round(passed / 60)
        return f"{minutes} minute{'' if minutes == 1 else 's'} ago"
    if passed < 24 * 3600:
        hours = round(passed / 3600)
        return f"{hours} hour{'' if hours == 1 else 's'} ago"
    return f"on {datetime.fromtimestamp(at, UTC):%Y-%m-%d at %H:%M} UTC"


def _result(run: RunFolder, state: State) -> str:
    if state.status == "done":
        return verdict.of_run(run)
    return state.message if state.status in ("failed", "cancelled") else ""


def _bar(run: RunFolder, state: State) -> Markup:
    if state.status not in ("running", "cancelling"):
        return Markup()
    last: dict[str, Any] = {}
    for event in run.events():
        last = event if event.get("phase") else last
    of, step = int(last.get("of") or 0), int(last.get("step") or 0)
    name = run_card.phase_name(str(last["phase"])) if last else "Starting"
    return markup.progress(step / of if of else 0.0, name, f"{step:,} of {of:,}" if of else "")


def _acts(run: RunFolder, state: State, secret: str) -> Markup:
    """The buttons and links of a run, by its state and by whose it is."""
    mine = permissions.may_change(run, secret)
    return render(
        "run_list.acts",
        id=run.id,
        address=quote(run.id),
        done=state.status == "done",
        cancel=mine and state.status in ("queued", "running"),
        delete=mine and state.status in ("queued", *ENDED),
    )
