"""Looks that wait or work, as a page shows them: what is done now, how much of it, and a button that ends it."""

from typing import Any

from markupsafe import Markup

from app import markup, run_results, theme
from app.live_html import JS, Alive
from app.looks import LOOKS, Look
from app.templating import render
from backends.api import catalog
from backends.api.languages import tr
from pages.studio._shared import choices


class Bar(Alive):
    """The looks of one browser. A press on a Cancel comes as `select` with `look`."""

    def __init__(self, value: str = "", **other: Any) -> None:
        press = "root.addEventListener('click', e => { const b = e.target.closest('button[data-look]'); if (b) trigger('select', { look: b.dataset.look }); });"
        super().__init__(value, js=JS + press, **other)


def bar(owner: str, run_id: str | None, *, pressed: bool = False) -> Markup:
    """The list of an owner's looks that have not ended, or whose end nobody saw yet; with `pressed` only those that were asked for by a press."""
    open_looks = [one for one in LOOKS.owned(owner) if one.announced or not pressed] if owner else []
    rows = markup.join(row(one, with_run=one.run != run_id) for one in open_looks)
    return render("pages.looks", rows) if rows else Markup()


def row(one: Look, *, with_run: bool) -> Markup:
    """One look: its name, with that of its run where `with_run`, how it stands, and what can be done about it."""
    entry = catalog.load().look(one.inspector)
    title = entry.title + (f" · {run_name(one.run)}" if with_run else "")
    inside = entry.kind == "inspect"
    there = (
        markup.run_address(one.run, "inside", inspector=one.inspector)
        if inside
        else markup.run_address(one.run, "back")
    )
    action = markup.link(tr("Show"), there) if not one.pending else cancel_button(one, title)
    share = one.done / one.of if one.of else 0.0
    return render(
        "pages.look",
        number=one.number,
        title=title,
        state=state_text(one),
        action=action,
        share=share if one.state == "working" else None,
    )


def cancel_button(one: Look, title: str) -> Markup:
    """The button that ends a look."""
    return Markup() if one.cancelled.is_set() else render("pages.cancel_look", one.number, title)


def run_name(run_id: str) -> str:
    """A run's name in lists."""
    run, _ = run_results.open_run(run_id)
    return choices([run])[0][0] if run is not None else run_id[:60]


def state_text(one: Look) -> str:
    """Where a look stands, in words."""
    match one.state:
        case "waiting":
            before = LOOKS.before(one)
            return tr("waiting: {before} before it", before=before) if before else tr("it starts in a moment")
        case "working":
            if one.cancelled.is_set():
                return "ending"
            steps = tr(": {done:,} of {of:,}", done=one.done, of=one.of) if one.of else ""
            return f"{one.phase or tr('the process that opens models is got ready')}{steps}{_time_text(one)}"
        case "failed":
            return tr("it failed")
        case _:
            return one.state


def _time_text(one: Look) -> str:
    if one.left is not None:
        return tr(", about {left} left in this part", left=theme.seconds(max(1.0, one.left)))
    return tr(", {seconds} so far", seconds=theme.seconds(one.seconds)) + (
        tr(" of about {usual}", usual=theme.seconds(one.usual)) if one.usual else ""
    )
