"""Methods: by family, how much each forgets and keeps; one's own runs side by side; sweeps over a parameter."""

from collections.abc import Sequence
from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import families, markup, method_rows
from app import trials as side_by_side
from app.templating import render
from backends.api import benchmarks, catalog, runs
from backends.api.languages import later, tr
from pages.studio import _sweep
from pages.studio._shared import address, alone, identity, mark_of, nav, push_url, section

TITLE, PATH, ORDER = later("Methods"), "methods", 60
TABS = {"methods": later("Methods"), "runs": later("Your runs side by side"), "sweep": later("Sweep")}
FORMER = {"measured": "methods"}  # tabs of earlier addresses
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build() -> None:
    """The page. Its address holds its state: ?tab=...&family=...&group=...&x=...&y=..."""
    nav(tr("Methods"), tr("Ways to forget, by what each one forgets, keeps and costs."))
    secret = identity()
    with gr.Tabs(elem_id="methods-tabs") as tabs:
        with gr.Tab(tr(TABS["methods"]), id="methods"):
            section(TABS["methods"])
            with gr.Row(elem_classes="lethe-method-tools"):
                family = gr.Radio(
                    switch(), label=tr("Kind of model"), interactive=True, elem_id="methods-family", container=False,
                    show_label=False, elem_classes=["lethe-family-row"],
                )  # fmt: skip
                group = chooser("shipped")
            shown = method_rows.MethodPanels(elem_id="methods-measured", min_height=520)
        with gr.Tab(tr(TABS["runs"]), id="runs") as runs_tab:
            section(TABS["runs"])
            own = chooser("own")
            own_seen = method_rows.MethodPanels(elem_id="methods-runs", min_height=320)
        with gr.Tab(tr(TABS["sweep"]), id="sweep") as sweep_tab:
            section(TABS["sweep"])
            sweep = _sweep.build(secret)

    family.input(show_family, [secret, family], [group, shown], js=push(["", "family"]), **QUIET)
    group.input(show_methods, [secret, family, group], [group, shown], js=push(["", "family", "group"]), **QUIET)
    shown.select(pick_axes, [secret, family, group], [shown], **QUIET)
    own.input(show_runs, [secret, own], [own, own_seen], js=push(["", "group"]), **QUIET)
    own_seen.select(pick_own_axes, [secret, own], [own_seen], **QUIET)
    runs_tab.select(show_runs, [secret, own], [own, own_seen], js=tab_url("runs"), **QUIET)
    sweep_tab.select(
        _sweep.repeatable_choices, [secret, sweep.listed_in], sweep.listed_in, js=tab_url("sweep"), **QUIET
    )
    assert Context.root_block is not None
    arrived = Context.root_block.load(from_address, [secret], [tabs, family, group, shown, own, own_seen], **QUIET)
    arrived.then(_sweep.from_address, [secret], sweep.outputs, **QUIET)


def push(names: list[str]) -> str:
    """JavaScript that writes a new choice into the address, without what an earlier one chose below it."""
    below = [name for name in ("family", "group", "x", "y") if name not in names]
    forget = "".join(f"to.searchParams.delete('{name}');" for name in below)
    return push_url(names).replace("history.replaceState", f"{forget}history.replaceState")


def switch() -> list[tuple[str, str]]:
    """The families that have an embedded model, as (title, id)."""
    embedded = {entry.family for entry in catalog.load().models}
    return [(tr(family.title), family.id) for family in families.every().values() if family.id in embedded]


def chooser(name: str) -> gr.Dropdown:
    """The dropdown of what is compared; the axes are chosen in the plot itself."""
    return gr.Dropdown(
        [], label=tr("What was forgotten"), interactive=True, container=False, show_label=False, elem_id=f"{name}-group"
    )


def tab_url(tab: str) -> str:
    """JavaScript that writes the open tab into the address."""
    return (
        f"(...given) => {{const to = new URL(location); to.searchParams.set('tab', '{tab}');"
        "history.replaceState(history.state, '', to); return given;}"
    )


def from_address(secret: str, request: gr.Request) -> tuple[Any, ...]:
    """The tab, the family, the group and the axes that the address names."""
    tab = address(request, "tab")
    tab = FORMER.get(tab, tab)
    tab = tab if tab in TABS else "methods"
    query = [address(request, name) or None for name in ("group", "x", "y")]
    nothing: list[str | None] = [None, None, None]
    family = chosen_family(address(request, "family"), query[0] if tab == "methods" else None)
    measured = show_methods(secret, family, *(query if tab == "methods" else nothing))
    own = show_runs(secret, *(query if tab == "runs" else nothing))
    return gr.Tabs(selected=tab), gr.Radio(value=family), *measured, *own


def chosen_family(family: str | None, group: str | None) -> str:
    """The family that an address names, by itself or by the model of its group; else the first of the switch."""
    offered = [name for _, name in switch()]
    of_group = families.of_model((group or "").partition("/")[0])
    return next((name for name in (family, of_group) if name in offered), offered[0] if offered else "")


def group_and_axes(
    trials: list[side_by_side.Trial], group: str | None, x: str | None, y: str | None
) -> tuple[gr.Dropdown, tuple[str, str, str]]:
    """The dropdown, and the chosen group and axes; a choice that does not exist becomes the first."""
    groups = side_by_side.groups_of(trials)
    keys = [key for _, key in groups]
    group = group if group in keys else (keys[0] if keys else "")
    own = [trial for trial in trials if trial.key == group]
    names = [name for _, name in side_by_side.axes(own)]
    first = side_by_side.usual_axes(own)
    x, y = (chosen if chosen in names else usual for chosen, usual in zip((x, y), first, strict=True))
    return gr.Dropdown(choices=groups, value=group or None), (group, x, y)


def show_family(secret: str, family: str | None) -> tuple[Any, ...]:
    """The methods of one family, by the target that most was measured on."""
    return show_methods(secret, family, None)


def show_methods(
    secret: str, family: str | None, group: str | None, x: str | None = None, y: str | None = None
) -> tuple[Any, ...]:
    """The methods of one family: what was measured on one target of one of its models, and a row a method."""
    family = chosen_family(family, group)
    measured = [trial for trial in shipped_trials() if families.of_model(trial.key.partition("/")[0]) == family]
    dropdown, (key, x, y) = group_and_axes(measured, group, x, y)
    trials = [trial for trial in measured if trial.key == key]
    return dropdown, methods_html(family, trials, x, y, example_runs(secret))


def pick_axes(secret: str, family: str | None, group: str | None, event: gr.EventData) -> Markup:
    """The same with the axes that were chosen in the plot."""
    html: Markup = show_methods(secret, family, group, *axes_of(event))[1]
    return html


def pick_own_axes(secret: str, group: str | None, event: gr.EventData) -> Markup:
    """One's own runs with the axes that were chosen in the plot."""
    html: Markup = show_runs(secret, group, *axes_of(event))[1]
    return html


def axes_of(event: gr.EventData) -> tuple[str, str]:
    """The ids of the metrics that an event names, whatever else it holds."""
    return str(event._data.get("x", "")), str(event._data.get("y", ""))


def shipped_trials() -> list[side_by_side.Trial]:
    """Every row of every shipped table, seeds taken together."""
    return [trial for rows in benchmarks.tables().values() for trial in side_by_side.of_table(rows)]


def example_runs(secret: str) -> list[runs.RunFolder]:
    """Finished runs that this person may see, one's own first."""
    return [run for run in runs.visible(mark_of(secret)) if run.state.status == "done"]


def methods_html(
    family: str, trials: Sequence[side_by_side.Trial], x: str, y: str, folders: Sequence[runs.RunFolder]
) -> Markup:
    """Plot, rows, and all numbers folded away."""
    key = trials[0].key if trials else ""
    model = key.partition("/")[0] or next((entry.id for entry in catalog.load().models if entry.family == family), "")
    if not model:
        return markup.card(tr("No model yet"), markup.text(tr("No embedded model came with this copy.")), empty=True)
    table = method_rows.table(model, trials, folders)
    if not trials:
        note = tr(
            "No table of measured results came with this copy for these models. Your own runs stand in the next tab."
        )
        return markup.wrap(markup.text(note, "quiet"), table)
    first = next((entry.default_method for entry in catalog.load().models if entry.id == model), "")
    plot = side_by_side.plot(trials, x, y, what="method", key="shipped", first=first)
    return markup.wrap(plot, table, render("methods.numbers", side_by_side.table(trials), source_note(key)))


def source_note(key: str) -> str:
    """The file that the numbers stand in, and how to take them."""
    sources = [
        name for name, rows in benchmarks.tables().items() if any(f"{row.model}/{row.target}" == key for row in rows)
    ]
    return tr(
        "From {sources}, made by a command of this project on 2 processor cores: the mean over seeds, whiskers one "
        "standard deviation. No fair ranking: settings were tuned by hand on these same targets, for some methods "
        "longer than for others. On your target a method may do worse or better.",
        sources=", ".join(sources),
    )


def show_runs(secret: str, group: str | None, x: str | None = None, y: str | None = None) -> tuple[Any, ...]:
    """Finished runs that this person may see, those of one group drawn."""
    trials = side_by_side.of_runs(runs.visible(mark_of(secret)))
    dropdown, chosen = group_and_axes(trials, group, x, y)
    return dropdown, runs_html([trial for trial in trials if trial.key == chosen[0]], *chosen[1:])


def runs_html(trials: list[side_by_side.Trial], x: str, y: str) -> Markup:
    """Plot and table, or the empty state."""
    if not trials:
        body = markup.text(tr("No run has finished yet. Two runs that forget the same thing can be compared here."))
        return markup.card(
            tr("Nothing to compare yet"), body + markup.link(tr("Forget something"), "new", button=True), empty=True
        )
    numbers = side_by_side.table(trials) + markup.text(
        tr("Each value stands in metrics.json of its run; the method's name leads there."), "quiet"
    )
    return markup.wrap(side_by_side.plot(trials, x, y, key="own"), markup.card(tr("In numbers"), numbers))


if __name__ == "__main__":
    alone(build)
