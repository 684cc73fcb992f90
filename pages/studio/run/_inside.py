"""Inside: choose an inspector or an attack, and see what changed in the model."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from markupsafe import Markup

from app import forms, markup, permissions, run_results
from app.looks import LOOKS
from app.templating import render
from backends.api import catalog
from backends.api.catalog import Look
from backends.api.errors import Busy, LetheError
from backends.api.languages import tr
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, choices, mark_of, secret_and_mark, section
from pages.studio.run import _asked, _experts, _found, _looking, _offer, _vectors
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run, without

TAB = "inside"
EVERY = 1.0  # seconds between two questions how the looks stand


def build(page: RunPage) -> None:
    """The tab: four questions, the looks that answer one of them, and what was found. The address holds which look: &inspector=..."""
    inspectors = catalog.load().looks
    first = inspectors[0].id if inspectors else None
    group = gr.Radio(
        [(tr(title), name) for name, title in _offer.GROUPS.items()], value="change", label=tr("Question"), show_label=False, container=False,
        interactive=True, elem_id="look-group", elem_classes=["segments"],
    )  # fmt: skip
    with gr.Row(elem_classes="lethe-look-ways"):
        which = gr.Radio(
            [(_offer.name_of(entry), entry.id) for entry in inspectors if entry.group == "change"], value=first, label=tr("Look at"),
            show_label=False, container=False, interactive=True, elem_id="look-inspector", elem_classes="chips", scale=4,
        )  # fmt: skip
        go = gr.Button(tr("Look inside"), variant="primary", elem_id="look-go", scale=0, min_width=170)
    unfit = gr.HTML(elem_id="look-unfit", apply_default_css=False)
    about = gr.HTML(_found.describe(first), apply_default_css=False, elem_id="look-about")
    groups, fields = settings(inspectors)
    bar = _looking.Bar(elem_id="look-bar", apply_default_css=False)
    section(tr("What was found"))
    panels = Panels(elem_id="look-seen", min_height=420)
    _experts.build(panels)
    mark, clock = gr.State(""), gr.Timer(EVERY, active=False)
    switch = _vectors.build(page)
    _events(Widgets(page, group, which, about, unfit, bar, panels, mark, clock), go, groups, fields, switch)


# While the looks of a question are on their way, none of the old ones can be pressed; see run.css.
WAIT: Final = "document.documentElement.dataset.looks = 'coming';"
GO_ON: Final = "delete document.documentElement.dataset.looks;"


@dataclass(frozen=True)
class Widgets:
    """The widgets of the page that its events read and fill; `mark` says which ends of looks `panels` shows."""

    page: RunPage
    group: gr.Radio
    which: gr.Radio
    about: gr.HTML
    unfit: gr.HTML
    bar: _looking.Bar
    panels: Panels
    mark: gr.State
    clock: gr.Timer

    @property
    def asked(self) -> list[Any]:
        """The address, the browser's secret and the inspector."""
        return self.page.inputs(self.page.secret, self.which)

    @property
    def stand(self) -> list[Any]:
        """The widgets that `standing` fills, in its order."""
        return [self.bar, self.panels, self.mark, self.clock]


def _events(
    tab: Widgets,
    go: gr.Button,
    groups: list[gr.Accordion],
    fields: list[gr.components.Component],
    switch: _vectors.Switch,
) -> None:
    outputs = [tab.about, *tab.stand, *groups, *switch.outputs]
    lookup: dict[str, Any] = {"concurrency_limit": 4, **PRIVATE}
    here: dict[str, Any] = {
        "fn": None,
        "inputs": tab.asked,
        "js": at_place(["", "inspector"]),
        "api_visibility": "private",
    }

    def vectors(event: Any) -> Any:
        inputs = tab.page.inputs(tab.which, switch.filled, switch.vector_keys, *switch.inputs)
        return event.then(of_run(_vectors.arrive), inputs, switch.search, js=at_place(), **lookup)

    def narrowed(event: Any) -> Any:
        """What can say nothing of the run goes, once that is known: which question is open is read then, so that no click is undone."""
        known = event.then(of_run(_offer.learn), tab.page.inputs(), None, js=at_place(), **lookup)
        return known.then(
            of_run(_offer.narrow), tab.page.inputs(tab.group, tab.which), [tab.which, tab.unfit], js=at_place(),
            queue=False, **PRIVATE,
        )  # fmt: skip

    def quickly(event: Any) -> Any:
        """What takes next to nothing is looked at without being asked for."""
        stand = [tab.page.secret, *tab.stand]
        return event.then(ask_quick, tab.asked, stand, js=at_place(), **lookup)

    # the choice itself is no output here, so that an answer never undoes a click that came after it
    anew = at_place(["", "inspector"], without(*_vectors.STATE))
    latest: dict[str, Any] = {"trigger_mode": "always_last", "show_progress_on": tab.about, **lookup}
    vectors(quickly(tab.which.input(choose, tab.asked, outputs, js=anew, **latest)))
    grouped = tab.group.input(
        choose_group, tab.page.inputs(tab.page.secret, tab.group), [tab.which, tab.unfit, *outputs],
        js=at_place(before=WAIT + without("inspector", *_vectors.STATE)), **latest,  # the answer says which look; panels.js drops others
    )  # fmt: skip
    come = here | {"js": at_place(["", "inspector"], GO_ON)}
    vectors(narrowed(quickly(grouped.then(**come))))
    poll: dict[str, Any] = {"queue": False, "js": at_place(), **PRIVATE}
    go.click(
        ask, [*tab.asked, *fields], [tab.page.secret, *tab.stand], js=at_place(), trigger_mode="multiple", **lookup
    )
    tab.bar.select(cancel, [*tab.asked, tab.mark], tab.stand, trigger_mode="multiple", **poll)
    tab.clock.tick(poll_looks, [*tab.asked, tab.mark], tab.stand, **poll)
    arriving = tab.page.on_open(
        TAB, opened, [tab.group, tab.which, tab.unfit, *outputs], before=WAIT, show_progress_on=tab.about
    )
    if fields:  # what "why?" of the tab Ask brings
        filled = [*groups, *fields]
        arriving.then(_asked.settings, tab.page.inputs(), filled, js=at_place(), show_progress_on=tab.about, **PRIVATE)
    tab.page.status.change(ask_all_quick, tab.page.inputs(tab.page.secret), None, **poll)
    vectors(narrowed(quickly(arriving.then(**come))))


def settings(inspectors: list[Look]) -> tuple[list[gr.Accordion], list[gr.components.Component]]:
    """The parameters of every inspector as a small form each; only that of the chosen one is shown."""
    groups: list[gr.Accordion] = []
    fields: list[gr.components.Component] = []
    for at, entry in enumerate(inspectors):
        with gr.Accordion(
            tr("Settings"),
            open=False,
            visible=at == 0 and bool(forms.properties(entry.params)),
            elem_classes="lethe-settings",
        ) as group:
            fields.extend(forms.widgets(entry.params).values())
        groups.append(group)
    return groups, fields


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """All that the page's address asks for; without a look in it, the first that fits."""
    place = Place.read(at)
    inspector_id = place.query.get("inspector", "")
    ids = [entry.id for entry in catalog.load().looks]
    note = ""
    if inspector_id and inspector_id not in ids:
        there = ", ".join(entry.title for entry in catalog.load().looks)
        note = markup.card(
            "",
            markup.verdict(
                tr(
                    "There is no way to look called {inspector_id!r}; there are {there}.",
                    inspector_id=inspector_id[:60],
                    there=there,
                ),
                "unknown",
            ),
        )
    chosen = inspector_id if inspector_id in ids else _offer.first_of(place.run, "change")
    radio, unfit, about, bar, panels_html, *others = page_updates(secret, place.run, chosen, place.beside, place)
    group = catalog.load().look(chosen).group if chosen else "change"
    panels_html = markup.wrap(note, panels_html) if note else panels_html
    return gr.Radio(value=group), radio, unfit, about, bar, panels_html, *others


def choose(at: str, secret: str, inspector_id: str | None) -> tuple[Any, ...]:
    """Another look: findings kept in the run folder are shown at once."""
    place = Place.read(at)
    return page_updates(secret, place.run, inspector_id, place.beside)[2:]


def choose_group(at: str, secret: str, group: str | None) -> tuple[Any, ...]:
    """Another question: its first look that fits the run."""
    place = Place.read(at)
    return page_updates(secret, place.run, _offer.first_of(place.run, group), place.beside, place)


def ask_quick(at: str, secret: str, inspector_id: str | None) -> tuple[Any, ...]:
    """Ask for a look that takes next to nothing where nobody has looked yet; of others, and of runs that are not done, nothing is asked."""
    place, nothing = Place.read(at), tuple(gr.skip() for _ in range(5))
    entry = next((entry for entry in _offer.fitting(place.run) if entry.id == inspector_id), None)
    run = run_results.open_run(place.run)[0] if entry is not None else None
    if entry is None or run is None or not entry.quick or run.state.status != "done":
        return nothing
    looked = _looked(run, entry, mark_of(secret))
    return nothing if looked or _offer.lacks(run.id, entry.id) else ask(at, secret, inspector_id)


def _looked(run: RunFolder, entry: Look, owner: str) -> bool:
    """Whether a look was asked for, or was found, by or for this owner."""
    return LOOKS.of(run.id, entry.id, owner) is not None or _found.stored(run, entry, owner) is not None


def ask_all_quick(at: str, secret: str) -> None:
    """Ask for every quick look at a run of one's own that has just been done, so that the tab is not empty when it is opened."""
    run = run_results.open_run(Place.read(at).run)[0]
    if run is None or run.shipped or run.state.status != "done" or not permissions.may_change(run, secret):
        return
    owner = mark_of(secret)
    for entry in _offer.fitting(run.id):
        if entry.quick and not _looked(run, entry, owner):
            with suppress(Busy):  # the tab asks again
                LOOKS.ask(run.id, entry.id, chosen_params(entry.id, ()), owner, announced=False)


def page_updates(
    secret: str, run_id: str | None, inspector_id: str | None, beside: str | None, place: Place | None = None
) -> tuple[Any, ...]:
    """Updates of every part of the page.

    Args:
        secret: the browser's.
        run_id: the run that is looked into.
        inspector_id: the chosen inspector.
        beside: the run beside it.
        place: the page's address, where it says which vectors to switch off.
    """
    ways = _offer.choices(run_id, inspector_id)
    fits = inspector_id in [way for _, way in ways]
    if not fits:
        inspector_id = ways[0][1] if ways else None
    groups = [
        gr.Accordion(visible=entry.id == inspector_id and bool(forms.properties(entry.params)))
        for entry in catalog.load().looks
    ]
    radio = gr.Radio(choices=ways) if fits and place is None else gr.Radio(choices=ways, value=inspector_id)
    switches = _vectors.fits(run_id, inspector_id)
    switch = _vectors.for_run(run_id, inspector_id, place) if switches else _vectors.hidden()
    return (
        radio,
        _offer.unfit(run_id, inspector_id),
        _found.describe(inspector_id),
        *standing(secret, run_id, inspector_id, beside),
        *groups,
        *switch,
    )


def standing(
    secret: str, run_id: str | None, inspector_id: str | None, beside: str | None, mark: str | None = None
) -> tuple[Any, ...]:
    """The bar of this browser's looks, their findings, the mark of these, and the clock; findings that `mark` names are not sent again."""
    owner = mark_of(secret)
    both = _chosen_runs(run_id, beside)
    looks_asked = [LOOKS.of(one, inspector_id or "", owner) for one in both]
    now = json.dumps([one and (one.number, one.state) for one in looks_asked])
    panels_html: Any = gr.skip()
    if now != mark:
        body = _columns({one: _found.look_html(one, inspector_id, owner) for one in both})
        of = {"run": run_id or "", "inspector": inspector_id or "", "with": beside if len(both) > 1 else ""}
        panels_html = Markup('<div data-of="{}">{}</div>').format(json.dumps(of), body)
        for look in looks_asked:
            if look is not None and not look.pending:
                look.viewed = True
    goes_on = any(one is not None and one.pending for one in [*looks_asked, *(LOOKS.owned(owner) if owner else [])])
    return _looking.bar(owner, run_id), panels_html, now, gr.Timer(active=goes_on)


def poll_looks(at: str, secret: str, inspector_id: str | None, mark: str) -> tuple[Any, ...]:
    """The parts of `standing` that changed since `mark`."""
    place = Place.read(at)
    return standing(secret, place.run, inspector_id, place.beside, mark)


def cancel(event: gr.EventData, at: str, secret: str, inspector_id: str | None, mark: str) -> tuple[Any, ...]:
    """End a look that was asked for from this browser."""
    number, place = str(event._data.get("look", "")), Place.read(at)
    if secret and number.isdigit():
        LOOKS.cancel(int(number), mark_of(secret))
    return standing(secret, place.run, inspector_id, place.beside, mark)


def _chosen_runs(run_id: str | None, beside: str | None) -> list[str]:
    """The run, and the one beside it where that is another."""
    return list(dict.fromkeys([run_id or "", *([beside] if beside and run_id else [])]))


def _columns(html_by_run: dict[str, Markup]) -> Markup:
    """The findings in one run, or in two side by side, each under its name."""
    if len(html_by_run) == 1:
        return next(iter(html_by_run.values()))
    return render("pages.columns", [(_name(one), body) for one, body in html_by_run.items()])


def _name(run_id: str) -> str:
    run, _ = run_results.open_run(run_id)
    return choices([run])[0][0] if run is not None else run_id[:60]


def ask(at: str, secret: str, inspector_id: str | None, *values: Any) -> tuple[Any, ...]:
    """Ask for a look into a run, or into two. It waits for those before it; whoever comes back finds it."""
    place = Place.read(at)
    run_id, beside = place.run, place.beside
    secret, owner = secret_and_mark(secret)
    wrong = ""
    if run_id and inspector_id:
        try:
            checked_params = chosen_params(inspector_id, values)
            for one in _chosen_runs(run_id, beside):
                run, _ = run_results.open_run(one)
                if run is not None and run.state.status == "done":
                    LOOKS.ask(run.id, inspector_id, checked_params, owner, announced=bool(values))
        except Busy as error:
            wrong = markup.failed(str(error))
        except LetheError as error:
            wrong = markup.failed(str(error), now=tr("Change the setting it names and press the button again."))
    bar, panels_html, mark, clock = standing(secret, run_id, inspector_id, beside)
    return secret, bar, markup.wrap(wrong, panels_html) if wrong else panels_html, mark, clock


def chosen_params(inspector_id: str, values: tuple[Any, ...]) -> dict[str, Any]:
    """The values of the chosen inspector's own widgets, checked; without any, those it comes with."""
    at = 0
    if not values:
        return {}
    for entry in catalog.load().looks:
        count = len(forms.properties(entry.params))
        if entry.id == inspector_id:
            return forms.from_widgets(entry.title, entry.params, values[at : at + count])
        at += count
    return {}
