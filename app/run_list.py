"""The list of runs as HTML, a line a run: two thumbnails, what forgot what by which method, three marks, time, what can be done.

What waits or works stands apart from what has ended: it changes all the time, and is sent alone.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from app import marks, markup, permissions, run_card, scenes, theme, thumbnails
from app.live_html import JS, Alive
from app.run_settings import differences
from app.target_choice import targets_in_words
from app.templating import render
from backends.api import stage_words
from backends.api.errors import Unreadable
from backends.api.languages import tr
from backends.api.runs import RunFolder, State, places
from backends.api.spec import ENDED

AT_ONCE: Final = 20  # ended runs on the page, and how many more are shown when asked for
SCRIPT: Final = JS + (theme.STATIC / "runs.js").read_text("utf-8")
FORM: Final = "new"


class RunList(Alive):
    """The list; a press on a button comes as `select` with `act` ("cancel", "delete", "more") and `run`."""

    def __init__(self, value: str = "", **kwargs: Any) -> None:
        super().__init__(value, js=SCRIPT, **kwargs)


class Listed(NamedTuple):
    """The two parts of the list: what waits or works, and what has ended with a mark of what it shows."""

    open: Markup
    ended: Markup | None
    mark: str


def listed(
    runs: Sequence[RunFolder],
    secret: str,
    note: str = "",
    unreadable: Sequence[RunFolder] = (),
    *,
    most: int = AT_ONCE,
    seen: str = "",
) -> Listed:
    """Every run, newest first; those that cannot be read; and folded below, those that came with Lethe.

    Args:
        runs: those that are shown to this person.
        secret: the browser's.
        note: what keeps jobs from starting.
        unreadable: those that cannot be read.
        most: ended runs of one's own that are shown.
        seen: the mark of what the page shows already; where nothing has changed, `ended` is None.
    """
    status = {run.id: _status(run) for run in runs}
    own = [run for run in runs if not run.shipped]
    working = [run for run in own if status[run.id] not in (*ENDED, "")]
    ended = [run for run in own if status[run.id] in ENDED]
    shipped = [run for run in runs if run.shipped]
    broken = [*unreadable, *(run for run in own if not status[run.id])]
    mark = _mark([*ended, *shipped, *broken], status, most, bool(working))
    queue = places() if "queued" in (status[run.id] for run in working) else {}  # which looks at every run of the home
    rows = [_open_row(run, secret, queue) for run in working]
    open_part = render("run_list.open", note, markup.join(rows))
    return Listed(
        open_part, None if mark == seen else _ended(ended, shipped, broken, secret, most, bool(working)), mark
    )


def _status(run: RunFolder) -> str:
    """Where a run stands; empty for one that cannot be read any more."""
    try:
        return run.state.status
    except Unreadable:
        return ""


def _mark(runs: Sequence[RunFolder], status: dict[str, str], most: int, working: bool) -> str:
    """What is different once the list of ended runs is: which there are, and when what their rows are made of was written."""
    digest = hashlib.sha256(f"{most} {working}".encode())
    for run in runs:
        times = [_changed(run.path / name) for name in ("state.json", "metrics.json", "attack")]
        digest.update(f"{run.id} {status.get(run.id, '')} {times}".encode())
    return digest.hexdigest()[:16]


def _changed(path: Any) -> int:
    try:
        return int(path.stat().st_mtime_ns)
    except OSError:
        return 0


def _ended(
    own: Sequence[RunFolder],
    shipped: Sequence[RunFolder],
    unreadable: Sequence[RunFolder],
    secret: str,
    most: int,
    working: bool,
) -> Markup:
    """One's own ended runs, as many as were asked for, and the examples."""
    rows = [*_rows(own[:most], secret), *(_unreadable(run, secret) for run in unreadable[:most])]
    empty = "" if rows or working else _empty(shipped)
    return render(
        "run_list.ended",
        compare=markup.link(tr("Compare these two"), "run", button=True),
        rows=markup.join(rows),
        empty=empty,
        more=max(0, len(own) - most),
        step=AT_ONCE,
        examples=_rows(shipped, secret),
    )


def _empty(shipped: Sequence[RunFolder]) -> Markup:
    """The place of one's own runs while there are none: a finished example with its picture, those of Home first, and the button that makes
    one."""
    at_home = [front.run_id for front in scenes.prepared()]
    by_place = sorted(shipped, key=lambda run: at_home.index(run.id) if run.id in at_home else len(at_home))
    pairs = [(run, thumbnails.pair(run)) for run in by_place]
    seen = [(run, two) for run, two in pairs if two is not None]
    run, two = next(
        ((run, two) for run, two in seen if two.before.picture and not two.before.fades),
        seen[0] if seen else (None, None),
    )
    if run is None or two is None:
        body = markup.text(tr("Your runs will be listed here, also after the studio was closed."))
        return markup.card(
            tr("No run yet"), body + markup.link(tr("Make your first run"), FORM, button=True), empty=True
        )
    return render(
        "run_list.empty", run, markup.run_address(run.id), what_of(run), method_of(run), two, marks.of_run(run), FORM
    )


def what_of(run: RunFolder) -> str:
    """What a run does: "Authors forgets Ivo Pemberly", after what others before it forgot."""
    spec = run.spec
    after = tr(", after {earlier}", earlier=run_card.earlier(spec)) if spec.after else ""
    title = tr(
        stage_words.of_run(run).pattern(),
        model=run_card.title_of("models", spec.model),
        target=targets_in_words(spec.forget, spec.family),
    )
    return title + after


def method_of(run: RunFolder) -> str:
    """The title of a run's method."""
    return run_card.title_of("methods", run.spec.method)


def apart(folders: Sequence[RunFolder]) -> list[tuple[RunFolder, str]]:
    """Each run with the settings that tell it from those of the same model, method and target."""
    alike: dict[tuple[Any, ...], list[RunFolder]] = {}
    for run in folders:
        spec = run.spec
        alike.setdefault((spec.model, spec.method, spec.forget), []).append(run)
    words = {run.id: text for same in alike.values() for run, text in differences(same)}
    return [(run, words[run.id]) for run in folders]


def _rows(folders: Sequence[RunFolder], secret: str) -> list[Markup]:
    """Rows of ended runs."""
    return [_row(run, secret, settings) for run, settings in apart(folders)]


def _row(run: RunFolder, secret: str, settings: str) -> Markup:
    try:
        state, what = run.state, what_of(run)
        done = state.status == "done"
        return render(
            "run_list.row",
            run=run,
            address=markup.run_address(run.id),
            pair=thumbnails.pair(run),
            what=what,
            method=method_of(run),
            settings=settings,
            marks=marks.of_run(run) if done else [],
            state="" if done else run_card.tag(state.status),
            message="" if done else state.message,
            took=took(state),
            began=_began(state),
            acts=_acts(run, state, secret),
        )
    except Unreadable:  # since it was listed
        return _unreadable(run, secret)


def _open_row(run: RunFolder, secret: str, queue: dict[str, int]) -> Markup:
    """The row of a run that waits or works: its place in the queue, or what it does, how much of it, and the time left."""
    try:
        state = run.state
        events = [] if state.status == "queued" else run.events()
        phases = run_card.phases(events)
        name, step, of = phases[-1] if phases else ("", 0, 0)
        left = run_card.seconds_left(run, events)
        before = queue.get(run.id, 0)
        waits = tr("place {before} in the queue", before=before + 1) if before else tr("next in the queue")
        return render(
            "run_list.open_row",
            run=run,
            address=markup.run_address(run.id),
            pair=thumbnails.pair(run),
            what=what_of(run),
            method=method_of(run),
            state=run_card.tag(state.status),
            waits=waits if state.status == "queued" else "",
            share=step / of if of else 0.0,
            phase=run_card.phase_name(name) if name else tr("Starting"),
            count=tr("{step:,} of {of:,}", step=step, of=of) if of else "",
            left=tr("about {left} left in this phase", left=theme.seconds(max(left, 1))) if left is not None else "",
            acts=_acts(run, state, secret),
        )
    except Unreadable:
        return _unreadable(run, secret)


def _unreadable(run: RunFolder, secret: str) -> Markup:
    """The row of an unreadable run: only why."""
    acts = render("run_list.button", run.id, "delete", tr("Delete")) if permissions.may_change(run, secret) else ""
    return render("run_list.unreadable", run, render("run_card.tag", "failed", "!", "unreadable"), acts)


def _began(state: State) -> tuple[str, str] | None:
    """When a run started, else when it was asked for: as a page says it, and for machines."""
    started = next((moment.at for moment in state.history if moment.status == "running"), None)
    at = started if started is not None else state.history[0].at if state.history else None
    if not at:
        return None
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%-d %b, %H:%M} UTC", f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def took(state: State) -> str:
    """How long an ended run worked; empty for one that never started."""
    started = next((moment.at for moment in state.history if moment.status == "running"), None)
    return "" if started is None else theme.seconds(max(0.0, state.history[-1].at - started))


def _acts(run: RunFolder, state: State, secret: str) -> Markup:
    """The buttons and links of a run, by its state and by whose it is."""
    mine = permissions.may_change(run, secret)
    return render(
        "run_list.acts",
        id=run.id,
        clone=f"{FORM}?clone={quote(run.id)}",
        address=markup.run_address(run.id),
        cancel=mine and state.status in ("queued", "running"),
        delete=mine and state.status in ("queued", *ENDED),
    )
