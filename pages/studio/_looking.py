"""Looks that wait or work, as a page shows them: what is done now, how much of it, and a button that ends it."""

from typing import Any

from app import markup, run_results, theme
from app.live_html import JS, Alive
from app.looks import LOOKS, Look
from backends.api import catalog
from pages.studio._shared import choices


class Bar(Alive):
    """The looks of one browser. A press on a Cancel comes as `select` with `look`."""

    def __init__(self, value: str = "", **other: Any) -> None:
        press = "root.addEventListener('click', e => { const b = e.target.closest('button[data-look]'); if (b) trigger('select', { look: b.dataset.look }); });"
        super().__init__(value, js=JS + press, **other)


def bar(owner: str, run_id: str | None) -> str:
    """The list of an owner's looks that have not ended, or whose end nobody saw yet."""
    open_looks = LOOKS.owned(owner) if owner else []
    rows = "".join(row(one, with_run=one.run != run_id) for one in open_looks)
    return f'<ol class="lethe lethe-phases lethe-progress" aria-label="Looks asked for">{rows}</ol>' if rows else ""


def row(one: Look, *, with_run: bool) -> str:
    """One look: its name, with that of its run where `with_run`, how it stands, and what can be done about it."""
    entry = catalog.load().get("inspectors", one.inspector)
    title = entry.title + (f" · {run_name(one.run)}" if with_run else "")
    there = f"look-inside?run={one.run}&inspector={one.inspector}"
    does = markup.link("Show", there) if not one.pending else cancel_button(one, title)
    share = one.done / one.of if one.of else 0.0
    track = (
        f'<div class="track" role="progressbar" aria-label="{markup.esc(title)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><div class="done" style="width:{100 * share:.1f}%"></div></div>'
    )
    return (
        f'<li data-over="no" data-item="{one.number}"><div class="words"><span>{markup.esc(title)}</span>'
        f"<span>{markup.esc(state_text(one))} {does}</span></div>{track if one.state == 'working' else ''}</li>"
    )


def cancel_button(one: Look, title: str) -> str:
    """The button that ends a look."""
    if one.cancelled.is_set():
        return ""
    return f'<button type="button" class="lethe-button quiet" data-look="{one.number}" aria-label="Cancel {markup.esc(title)}">Cancel</button>'


def run_name(run_id: str) -> str:
    """A run's name in lists."""
    run, _ = run_results.open_run(run_id)
    return choices([run])[0][0] if run is not None else run_id[:60]


def state_text(one: Look) -> str:
    """Where a look stands, in words."""
    match one.state:
        case "waiting":
            before = LOOKS.before(one)
            return f"waiting: {before} before it" if before else "it starts in a moment"
        case "working":
            if one.cancelled.is_set():
                return "ending"
            steps = f": {one.done:,} of {one.of:,}" if one.of else ""
            return f"{one.phase or 'the process that opens models is got ready'}{steps}{_time_text(one)}"
        case "failed":
            return "it failed"
        case _:
            return one.state


def _time_text(one: Look) -> str:
    if one.left is not None:
        return f", about {theme.seconds(max(1.0, one.left))} left in this part"
    return f", {theme.seconds(one.seconds)} so far" + (f" of about {theme.seconds(one.usual)}" if one.usual else "")
