"""Methods: what each one does, many finished runs side by side, what was measured before, and sweeps over a parameter."""

from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import families, markup
from app import trials as side_by_side
from backends.api import benchmarks, catalog, runs
from backends.api.catalog import Method
from pages.studio import _sweep
from pages.studio._shared import Panels, address, alone, identity, mark_of, nav, push_url, section

TITLE, PATH, ORDER = "Methods", "methods", 60
TABS = {
    "methods": "What there is",
    "runs": "Your runs side by side",
    "measured": "Measured with care",
    "sweep": "Sweep",
}
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build() -> None:
    """The page. Its address holds its state: ?tab=...&group=...&x=...&y=..."""
    nav("Methods", "Every way to forget in plain words, and how well each one did.")
    secret = identity()
    axes = side_by_side.axes()
    with gr.Tabs(elem_id="methods-tabs") as tabs:
        with gr.Tab(TABS["methods"], id="methods"):
            section(TABS["methods"])
            gr.HTML(cards(), apply_default_css=False)
        with gr.Tab(TABS["runs"], id="runs") as runs_tab:
            section(TABS["runs"])
            own = chooser(axes, "own")
            own_seen = Panels(elem_id="methods-runs", min_height=320)
        with gr.Tab(TABS["measured"], id="measured") as measured_tab:
            section(TABS["measured"])
            shipped = chooser(axes, "shipped")
            shipped_seen = Panels(elem_id="methods-measured", min_height=320)
        with gr.Tab(TABS["sweep"], id="sweep") as sweep_tab:
            section(TABS["sweep"])
            sweep = _sweep.build(secret)

    js = push_url(["group", "x", "y"])
    js_own = push_url(["", "group", "x", "y"])
    gr.on([part.input for part in own], show_runs, [secret, *own], [*own[1:], own_seen], js=js_own, **QUIET)
    gr.on([part.input for part in shipped], show_measured, shipped, [*shipped[1:], shipped_seen], js=js, **QUIET)
    runs_tab.select(list_runs, [secret, *own], [*own, own_seen], js=tab_url("runs"), **QUIET)
    measured_tab.select(list_measured, shipped, [*shipped, shipped_seen], js=tab_url("measured"), **QUIET)
    sweep_tab.select(
        _sweep.repeatable_choices, [secret, sweep.listed_in], sweep.listed_in, js=tab_url("sweep"), **QUIET
    )
    assert Context.root_block is not None
    arrived = Context.root_block.load(from_address, [secret], [tabs, *own, own_seen, *shipped, shipped_seen], **QUIET)
    arrived.then(_sweep.from_address, [secret], sweep.outputs, **QUIET)


def chooser(axes: list[tuple[str, str]], name: str) -> list[gr.Dropdown]:
    """The dropdowns of what is compared and of the two axes: forgetting across, keeping up."""
    across, upward = side_by_side.usual_axes()
    with gr.Row():
        group = gr.Dropdown([], label="What was forgotten", interactive=True, min_width=280, elem_id=f"{name}-group")
        x = gr.Dropdown(axes, value=across, label="Across", interactive=True, min_width=220)
        y = gr.Dropdown(axes, value=upward, label="Up", interactive=True, min_width=220)
    return [group, x, y]


def tab_url(tab: str) -> str:
    """JavaScript that writes the open tab into the address."""
    return (
        f"(...given) => {{const to = new URL(location); to.searchParams.set('tab', '{tab}');"
        "history.replaceState(history.state, '', to); return given;}"
    )


def cards() -> Markup:
    """One card a method, from the catalog."""
    return Markup('<div class="lethe lethe-methods">{}</div>').format(markup.join(map(card, catalog.load().methods)))


def card(entry: Method) -> Markup:
    """A method in plain words, then for a student, with its label, its paper and where the code departs from it."""
    fits = [family.title.lower() for family in families.every().values() if entry.works_with.get(family.id) is True]
    tags = [*map(markup.tag, fits), markup.tag(entry.label)]
    if entry.guard:
        tags.append(markup.tag("leaves the weights as they are: hidden, not erased"))
    if entry.reference:
        tags.append(markup.tag("makes the retrained reference"))
    if entry.finds:
        tags.append(markup.tag("finds a forget set for other methods"))
    source = markup.text(markup.external(entry.source.title, entry.source.url), "quiet")
    code = markup.text(markup.external("Code of the authors", entry.source.code), "quiet") if entry.source.code else ""
    departs = markup.text(f"Where ours departs: {entry.departures}", "quiet") if entry.departures else ""
    more = markup.fold("For a student", markup.text(entry.student) + departs + source + code)
    body = markup.text(entry.school, "says") + markup.text(entry.summary) + markup.row(*tags) + more
    return markup.card(
        entry.title, body + markup.link("Use this method", f"./?method={entry.id}", button=True, quiet=True)
    )


def from_address(secret: str, request: gr.Request) -> tuple[Any, ...]:
    """The tab, the group and the axes that the address names."""
    tab = address(request, "tab")
    tab = tab if tab in TABS else "methods"
    query = [address(request, name) or None for name in ("group", "x", "y")]
    own = list_runs(secret, *(query if tab == "runs" else (None, None, None)))
    shipped = list_measured(*(query if tab == "measured" else (None, None, None)))
    return gr.Tabs(selected=tab), *own, *shipped


def group_and_axes(
    trials: list[side_by_side.Trial], group: str | None, x: str | None, y: str | None
) -> tuple[list[gr.Dropdown], tuple[str, str, str]]:
    """The three dropdowns and the chosen group and axes; a choice that does not exist becomes the first."""
    groups = side_by_side.groups_of(trials)
    keys = [key for _, key in groups]
    group = group if group in keys else (keys[0] if keys else "")
    own = [trial for trial in trials if trial.key == group]
    axes, first = side_by_side.axes(own), side_by_side.usual_axes(own)
    names = [name for _, name in axes]
    x, y = (chosen if chosen in names else usual for chosen, usual in zip((x, y), first, strict=True))
    both = [gr.Dropdown(choices=axes, value=value) for value in (x, y)]
    return [gr.Dropdown(choices=groups, value=group or None), *both], (group, x, y)


def list_runs(secret: str, group: str | None, x: str | None, y: str | None) -> tuple[Any, ...]:
    """Finished runs that this person may see."""
    trials = side_by_side.of_runs(runs.visible(mark_of(secret)))
    widgets, chosen = group_and_axes(trials, group, x, y)
    return *widgets, runs_html([trial for trial in trials if trial.key == chosen[0]], *chosen[1:])


def show_runs(secret: str, group: str | None, x: str, y: str) -> tuple[Any, ...]:
    """The axes and the runs of one group that this person may see."""
    every = side_by_side.of_runs(runs.visible(mark_of(secret)))
    trials = [trial for trial in every if trial.key == group]
    widgets, chosen = group_and_axes(trials, group, x, y)
    return *widgets[1:], runs_html(trials, *chosen[1:])


def runs_html(trials: list[side_by_side.Trial], x: str, y: str) -> Markup:
    """Plot and table, or the empty state."""
    if not trials:
        body = markup.text("No run has finished yet. Two runs that forget the same thing can be compared here.")
        return markup.card(
            "Nothing to compare yet", body + markup.link("Forget something", "./", button=True), empty=True
        )
    numbers = side_by_side.table(trials) + markup.text(
        "Each value stands in metrics.json of its run; the method's name leads there.", "quiet"
    )
    return markup.wrap(side_by_side.plot(trials, x, y, key="own"), markup.card("In numbers", numbers))


def list_measured(group: str | None, x: str | None, y: str | None) -> tuple[Any, ...]:
    """The tables that came with Lethe."""
    trials = shipped_trials()
    widgets, chosen = group_and_axes(trials, group, x, y)
    return *widgets, measured_html(trials, *chosen)


def shipped_trials() -> list[side_by_side.Trial]:
    """Every row of every shipped table, seeds taken together."""
    return [trial for rows in benchmarks.tables().values() for trial in side_by_side.of_table(rows)]


def show_measured(group: str | None, x: str, y: str) -> tuple[Any, ...]:
    """The axes, plot and table of one group of the shipped tables."""
    return list_measured(group, x, y)[1:]


def measured_html(trials: list[side_by_side.Trial], group: str, x: str, y: str) -> Markup:
    """Plot and table of one group, with the file they stand in and how to take them."""
    trials = [trial for trial in trials if trial.key == group]
    if not trials:
        body = markup.text(
            "No table of measured results came with this copy; your own finished runs stand under the tab beside this one."
        )
        return markup.card("Nothing measured came with this copy", body, empty=True)
    sources = [
        name for name, rows in benchmarks.tables().items() if any(f"{row.model}/{row.target}" == group for row in rows)
    ]
    note = markup.text(
        f"From {', '.join(sources)}, made by a command of this project on 2 processor cores; the mean over seeds, whiskers one "
        "standard deviation. No fair ranking: settings were tuned by hand on these same targets, and for some methods longer "
        "than for others, so a method may do worse, or better, on yours. Where the tables in docs/results average over other models "
        "trained again, its gaps differ a little from these.",
        "quiet",
    )
    return markup.wrap(
        side_by_side.plot(trials, x, y, what="method", key="shipped"),
        markup.card("In numbers", side_by_side.table(trials) + note),
    )


if __name__ == "__main__":
    alone(build)
