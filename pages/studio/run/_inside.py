"""Inside: choose an inspector or an attack, and see what changed in the model."""

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr
from markupsafe import Markup

from app import families, forms, markup, run_results, theme, view
from app.inference import LIVE
from app.looks import LOOKS
from app.templating import render
from backends.api import catalog, params, visits
from backends.api import findings as found
from backends.api.catalog import Look
from backends.api.errors import Busy, LetheError
from backends.api.runs import RunFolder
from pages.studio._shared import Panels, choices, mark_of, secret_and_mark, section
from pages.studio.run import _asked, _looking, _vectors
from pages.studio.run._page import PRIVATE, Place, RunPage, at_place, of_run

TAB = "inside"
REMEMBERED = 200  # runs of which it is known what does not fit them
EVERY = 1.0  # seconds between two questions how the looks stand


_LACKING: dict[
    str, dict[str, str]
] = {}  # finished run -> inspectors that can say nothing of it, and why; it never changes


def build(page: RunPage) -> None:
    """The tab. The address holds which inspector: &inspector=..."""
    inspectors = catalog.load().looks
    first = inspectors[0].id if inspectors else None
    which = gr.Radio(
        [(entry.title, entry.id) for entry in inspectors],
        value=first,
        label="Look at",
        interactive=True,
        elem_id="look-inspector",
        elem_classes="chips",
    )
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            about = gr.HTML(describe(first), min_height=60, apply_default_css=False)
        with gr.Column(scale=1, min_width=220):
            go = gr.Button("Look inside", variant="primary", elem_id="look-go")
    unfit = gr.HTML(elem_id="look-unfit", apply_default_css=False)
    groups, fields = settings(inspectors)
    bar = _looking.Bar(elem_id="look-bar", apply_default_css=False)
    section("What was found")
    panels = Panels(elem_id="look-seen", min_height=480)
    mark, clock = gr.State(""), gr.Timer(EVERY, active=False)
    switch = _vectors.build(page)
    _events(Widgets(page, which, about, unfit, bar, panels, mark, clock), go, groups, fields, switch)


@dataclass(frozen=True)
class Widgets:
    """The widgets of the page that its events read and fill; `mark` says which ends of looks `panels` shows."""

    page: RunPage
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
        return event.then(of_run(narrow), tab.page.inputs(tab.which), [tab.which, tab.unfit], js=at_place(), **lookup)

    # the choice itself is no output here, so that an answer never undoes a click that came after it
    anew = at_place(["", "inspector"], _vectors.FORGET)
    vectors(tab.which.input(choose, tab.asked, outputs, js=anew, trigger_mode="always_last", **lookup))
    poll: dict[str, Any] = {"queue": False, "js": at_place(), **PRIVATE}
    go.click(
        ask, [*tab.asked, *fields], [tab.page.secret, *tab.stand], js=at_place(), trigger_mode="multiple", **lookup
    )
    tab.bar.select(cancel, [*tab.asked, tab.mark], tab.stand, trigger_mode="multiple", **poll)
    tab.clock.tick(poll_looks, [*tab.asked, tab.mark], tab.stand, **poll)
    arrived = tab.page.on_open(TAB, opened, [tab.which, tab.unfit, *outputs])
    if fields:  # what "why?" of the tab Ask brings
        arrived.then(_asked.settings, tab.page.inputs(), [*groups, *fields], js=at_place(), **PRIVATE)
    vectors(narrowed(arrived.then(**here)))


def settings(inspectors: list[Look]) -> tuple[list[gr.Accordion], list[gr.components.Component]]:
    """The parameters of every inspector as a small form each; only that of the chosen one is shown."""
    groups: list[gr.Accordion] = []
    fields: list[gr.components.Component] = []
    for at, entry in enumerate(inspectors):
        with gr.Accordion("Settings", open=False, visible=at == 0 and bool(forms.properties(entry.params))) as group:
            fields.extend(forms.widgets(entry.params).values())
        groups.append(group)
    return groups, fields


def describe(inspector_id: str | None) -> Markup:
    """The summary of an inspector, and its source."""
    if not inspector_id:
        return Markup()
    entry = catalog.load().look(inspector_id)
    return markup.styled(markup.text(entry.summary) + markup.text(source(entry), "quiet"))


def source(entry: Look) -> Markup:
    """The source of an inspector, as a link."""
    return markup.external(entry.source.title, entry.source.url)


def opened(at: str, secret: str) -> tuple[Any, ...]:
    """All that the page's address asks for; without an inspector in it, the first."""
    place = Place.read(at)
    inspector_id = place.query.get("inspector", "")
    inspectors = catalog.load().looks
    ids = [entry.id for entry in inspectors]
    note = ""
    if inspector_id and inspector_id not in ids:
        there = ", ".join(entry.title for entry in inspectors)
        note = markup.card(
            "", markup.verdict(f"There is no way to look called {inspector_id[:60]!r}; there are {there}.", "unknown")
        )
    chosen = inspector_id if inspector_id in ids else (ids[0] if ids else None)
    radio, unfit, about, bar, panels_html, *others = page_updates(secret, place.run, chosen, place.beside, place)
    return radio, unfit, about, bar, markup.wrap(note, panels_html) if note else panels_html, *others


def choose(at: str, secret: str, inspector_id: str | None) -> tuple[Any, ...]:
    """Another look: findings kept in the run folder are shown at once."""
    place = Place.read(at)
    return page_updates(secret, place.run, inspector_id, place.beside)[2:]


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
    ways = _offered(run_id, inspector_id)
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
        _unfit(run_id),
        describe(inspector_id),
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
        body = _columns({one: look_html(one, inspector_id, owner) for one in both})
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


def fitting(run_id: str | None) -> list[tuple[str, str]]:
    """(title, id) of the inspectors that work with a run's model; all of them where there is no such run."""
    inspectors = catalog.load().looks
    run = run_results.open_run(run_id)[0] if run_id else None
    family = families.of_run(run) if run is not None else None
    return [(entry.title, entry.id) for entry in inspectors if family is None or entry.works_with.get(family) is True]


def narrow(run_id: str | None, inspector_id: str | None) -> tuple[Any, Any]:
    """The inspectors on offer without those that can say nothing of this run, and why not; asked of the process that opens runs."""
    run = run_results.open_run(run_id)[0] if run_id else None
    if run is None or run.state.status != "done":
        return gr.skip(), gr.skip()
    if run.id not in _LACKING:
        try:
            _LACKING[run.id] = LIVE.ask("lacking", run=run.id)
        except LetheError:
            return gr.skip(), gr.skip()  # all are offered; one that does not fit says so itself
        while len(_LACKING) > REMEMBERED:
            _LACKING.pop(next(iter(_LACKING)), None)
    return gr.Radio(choices=_offered(run.id, inspector_id)), _unfit(run.id)


def _offered(run_id: str | None, inspector_id: str | None) -> list[tuple[str, str]]:
    """The inspectors that fit a run, as far as that is known; the chosen one stays."""
    lacking = _LACKING.get(run_id or "", {})
    return [(title, way) for title, way in fitting(run_id) if way not in lacking or way == inspector_id]


def _unfit(run_id: str | None) -> Markup:
    """The inspectors that are not offered for a run, and why."""
    lacking = _LACKING.get(run_id or "", {})
    reasons = [f"{title}: {lacking[way]}" for title, way in fitting(run_id) if way in lacking]
    return markup.styled(markup.text(" ".join(["Not for this run.", *reasons]), "quiet")) if reasons else Markup()


def look_html(run_id: str, inspector_id: str | None, owner: str = "") -> Markup:
    """The state of one look into one run, as HTML: its findings, why it failed, that it is on its way, or how to start it."""
    look = LOOKS.of(run_id, inspector_id or "", owner)
    if look is None or look.state == "done":
        return findings_or_hint(run_id, inspector_id, owner)
    entry = catalog.load().look(look.inspector)
    if look.pending:
        words = "The model before and the model after are opened and compared; above stands how far that is. You may leave this page: what is found is kept."
        return markup.card(f"Looking: {entry.title}", render("pages.looking", words), empty=True)
    if look.state == "failed":
        untouched, now = (
            "The run and everything else that was found in it are untouched.",
            "Choose other settings, or look at something else.",
        )
        ended = markup.failed(look.error, untouched, now)
    else:
        ended = markup.card("", markup.verdict(f"“{entry.title}” was cancelled; press the button to look again."))
    return markup.wrap(ended, findings_or_hint(run_id, inspector_id, owner))


def findings_or_hint(run_id: str | None, inspector_id: str | None, owner: str = "") -> Markup:
    """Stored findings, as far as they concern an owner, or how to get them."""
    if not run_id or not inspector_id:
        body = markup.text("No run has finished yet. Forget something first, then its model can be opened here.")
        return markup.card(
            "Nothing to look into yet", body + markup.link("Forget something", "new", button=True), empty=True
        )
    run, wrong = run_results.open_run(run_id)
    if run is None:
        return wrong
    if run.state.status != "done":
        words = f"This run is {run.state.status}, so it has no model to look into."
        return markup.card(
            "", markup.verdict(words, "unknown") + markup.link("Go to the run", markup.run_address(run.id), button=True)
        )
    entry = catalog.load().look(inspector_id)
    findings = LOOKS.findings(run, inspector_id, owner) or visits.read(
        run, inspector_id, params.checked(entry.id, entry.params, {}), entry.kind
    )
    if findings is not None:
        return answer(run, entry, findings)
    if reason := _LACKING.get(run.id, {}).get(inspector_id):
        return markup.card(entry.title, markup.verdict(reason, "unknown"))
    usual = found.usual_seconds(inspector_id, entry.kind, run.spec.model)
    takes = f" In runs of this model it took about {theme.seconds(usual)}." if usual else ""
    return markup.card(
        entry.title,
        markup.text(f"Nobody has looked at this in this run yet. Press the button to do it.{takes}"),
        empty=True,
    )


def answer(run: RunFolder, entry: Look, result: dict[str, Any]) -> Markup:
    """Findings as HTML under the name of what looked, with where that comes from and with what settings they were made."""
    settings_text = ", ".join(
        f"{forms.label(name).lower()} {value}" for name, value in (result.get("params") or {}).items() if value != ""
    )
    place = "kept in the run folder"
    if result.get("root") == str(run.visits):
        place = "kept beside the run, which is not yours to change, until newer looks need the room"
    origin = (
        f"Computed in {theme.seconds(result.get('seconds'))}{f', {settings_text}' if settings_text else ''}; {place}."
    )
    head = render("pages.findings", entry.title, source(entry))
    return markup.wrap(
        head, view.findings_html(result, run.path, f"{run.id}-{entry.id}-"), markup.text(origin, "quiet")
    )


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
                    LOOKS.ask(run.id, inspector_id, checked_params, owner)
        except Busy as error:
            wrong = markup.failed(str(error))
        except LetheError as error:
            wrong = markup.failed(str(error), now="Change the setting it names and press the button again.")
    bar, panels_html, mark, clock = standing(secret, run_id, inspector_id, beside)
    return secret, bar, markup.wrap(wrong, panels_html) if wrong else panels_html, mark, clock


def chosen_params(inspector_id: str, values: tuple[Any, ...]) -> dict[str, Any]:
    """The values of the chosen inspector's own widgets, checked."""
    at = 0
    for entry in catalog.load().looks:
        count = len(forms.properties(entry.params))
        if entry.id == inspector_id:
            return forms.from_widgets(entry.title, entry.params, values[at : at + count])
        at += count
    return {}
