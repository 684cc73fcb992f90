"""Forget: choose a model, what it should forget and keep, and a method; start, and watch it happen.

The address says what is shown: ?run=ID a run, ?model=&forget=&keep=&method= a form filled in so, ?clone=ID the form as
that run had it. One module a step: `_model`, `_targets`, `_method`, `_sentence`; `_form` is what they share.
"""

import time
from typing import Any

import gradio as gr
from gradio.context import Context
from markupsafe import Markup

from app import forms, job_form, markup
from app.live_html import Alive
from app.notes import note
from app.target_choice import targets_in_words
from app.widgets import Raw, Updates
from backends.api import catalog, model_info, runs, submit
from backends.api.errors import BadInput, LetheError
from backends.api.model_info import ModelInfo
from backends.api.spec import ENDED
from pages.studio import _watch
from pages.studio._shared import heading, identity, mark_of, nav, secret_and_mark
from pages.studio.forget import _address, _method, _model, _sentence, _targets
from pages.studio.forget._form import HOLD, QUIET, RELEASE, VISITOR, FormPage

TITLE, PATH, ORDER = "Forget", "", 10

STEPS = ("Model", "Forget and keep", "Method", "Start")
STEP_IDS = ("model-step", "forget-step", "method-step", "check-step")
RECENT = 3600  # seconds for which an ended run is shown again when the page is opened without an address
SET_RUN = """(run) => { if (!run) return;
const to = new URL(location), theme = to.searchParams.get('__theme');
to.search = ''; to.searchParams.set('run', run); if (theme) to.searchParams.set('__theme', theme);
history.replaceState(history.state, '', to); scrollTo(0, 0);
let left = 50; const focus = () => { const head = document.getElementById('run_head');  // its heading is made anew
if (!head?.querySelector('h1')?.checkVisibility()) { if (left--) setTimeout(focus, 100); return; }
head.tabIndex = -1; head.focus({preventScroll: true}); }; focus(); }"""
AWAY = 300_000  # milliseconds out of sight after which the settings are drawn anew; see backends/api/limits.py, `idle_seconds`
WAKE = f"""(...given) => {{ let away = 0; document.addEventListener('visibilitychange', () => {{
if (document.hidden) away = Date.now();
else if (Date.now() - away > {AWAY}) document.querySelector('#redraw')?.click(); }}); return given; }}"""
TO_TOP = "() => { document.querySelector('#steps')?.scrollIntoView({block: 'start'}); }"

Part = Any  # a component or a layout block of Gradio


def build() -> None:
    """The page."""
    nav()
    gr.HTML(markup.text("Opening the run…", "quiet"), elem_classes="opening")
    first = model_info.embedded(catalog.load().models[0].id)
    run_id, last = gr.State(""), gr.BrowserState("", storage_key="lethe-run", secret="lethe")
    page = FormPage(identity())
    arriving = Arriving(page, run_id, last)
    with gr.Column(elem_id="setup") as arriving.setup:
        moves = _setup(page, first, arriving)
    with gr.Column(visible=False, elem_id="run") as arriving.run_column:
        arriving.watch = _watch.make()
    _wire_form(page)
    _wire_moves(moves)
    arriving.wire()


def _setup(page: FormPage, first: ModelInfo, arriving: "Arriving") -> dict[str, Part]:
    gr.HTML(markup.head("Make a model forget", "Choose what it should no longer know, press Start, and watch it fade."))
    with gr.Walkthrough(selected=0, elem_id="steps") as steps:
        with gr.Step(STEPS[0], id=0, elem_id=STEP_IDS[0]):
            _model.build(page, first)
        with gr.Step(STEPS[1], id=1, elem_id=STEP_IDS[1]):
            _targets.build(page, first)
        with gr.Step(STEPS[2], id=2, elem_id=STEP_IDS[2]):
            _method.build(page, first)
            settings = gr.Column()
            page.add("problem", Alive(elem_id="problem"))
        with gr.Step(STEPS[3], id=3, elem_id=STEP_IDS[3]):
            _check(page)
    page.add("examples", Alive(elem_id="examples"))
    with gr.Column(elem_id="bar", elem_classes="lethe-startbar"):
        page.add("say", Alive(elem_id="say"))
        with gr.Row(elem_classes="lethe-tools"):
            back = gr.Button("Back", elem_id="back", visible=False, scale=0, min_width=110)
            onward = gr.Button("Next", elem_id="next", scale=0, min_width=110)
            start = gr.Button("Start", variant="primary", elem_id="start", scale=0, min_width=150)
    page.add("start", start)
    arriving.settings = settings
    return {"steps": steps, "back": back, "next": onward, "step": gr.State(0)}


def _check(page: FormPage) -> None:
    """Step 4: the review of the job, and its seed."""
    heading("Ready?", "This is what will happen. You can close the page while it runs; it goes on without you.")
    page.add("review", Alive(elem_id="review"))
    with gr.Accordion("Seed", open=False):
        seed = forms.Number(
            0, minimum=0, maximum=2**31 - 1, step=1, label="Seed", info="The same seed and settings give the same numbers again.",
            interactive=True, elem_id="seed",
        )  # fmt: skip
    page.add("seed", seed, sent=True)


def _wire_form(page: FormPage) -> None:
    """After every event: what hangs on the forget set, the pictures of the tiles, and the sentences that hang on everything."""

    def follow(raw: Raw) -> Updates:
        return _targets.follow(page, raw)

    def pictures(raw: Raw) -> Updates:
        return _targets.tile_pictures(page, raw)

    def sentences(raw: Raw) -> Updates:
        return _sentence.whole(page.draft(raw))

    for event in _model.wire(page):
        event = page.then(event, follow, _targets.following(page))
        event = page.then(event, pictures, ("tile_style",))
        page.then(event, sentences, _sentence.PARTS)
    forget, keep = _targets.wire(page)
    method = page.on([page.parts["method"].input], lambda raw: _method.chosen(page, raw), ("detail", "plan"))
    followed = [page.on(forget.triggers, follow, _targets.following(page))]
    followed += [page.then(event, follow, _targets.following(page)) for event in forget.events]
    for event in (*followed, *keep.events, method):
        page.then(event, sentences, _sentence.PARTS)
    page.on([*keep.triggers, page.parts["seed"].input], sentences, _sentence.PARTS)


def _wire_moves(moves: dict[str, Part]) -> None:
    """Back and Next; a step can also be chosen at the top."""

    def show(step: int) -> list[Any]:
        last = len(STEPS) - 1
        return [gr.Walkthrough(selected=step), step, gr.Button(visible=step > 0), gr.Button(visible=step < last)]

    def back(step: int) -> list[Any]:
        return show(max(0, step - 1))

    def onward(step: int) -> list[Any]:
        return show(min(len(STEPS) - 1, step + 1))

    def chosen(event: gr.SelectData) -> list[Any]:
        if not isinstance(event.index, int) or event.index >= len(STEPS):
            raise BadInput(f"A step is chosen by its number, from 0 to {len(STEPS) - 1}.")
        return show(event.index)[1:]

    outs = [moves["steps"], moves["step"], moves["back"], moves["next"]]
    moves["back"].click(back, moves["step"], outs, **QUIET).then(None, None, None, js=TO_TOP)
    moves["next"].click(onward, moves["step"], outs, **QUIET).then(None, None, None, js=TO_TOP)
    moves["steps"].select(chosen, None, outs[1:], **QUIET)


class Arriving:
    """What the page shows: the form, or a run that is started, named by the address, or was the last."""

    setup: gr.Column
    run_column: gr.Column
    settings: gr.Column
    watch: _watch.Watch

    def __init__(self, page: FormPage, run_id: gr.State, last: gr.BrowserState) -> None:
        self.page, self.run_id, self.last = page, run_id, last

    def around(self) -> list[Part]:
        """What starting or opening a run updates."""
        head = [self.run_id, self.last, self.page.secret, self.setup, self.run_column]
        return head + self.watch.outputs()

    def wire(self) -> None:
        """Start, arrive, watch, cancel."""
        page = self.page
        with self.settings:
            _method.settings(page, self.start, self.started, self.around())

        def fill(raw: Raw) -> Updates:
            return {"near": _targets.follow(page, raw)["near"]} | _sentence.alone(page.draft(raw))

        def sentences(raw: Raw) -> Updates:
            return _sentence.whole(page.draft(raw))

        assert Context.root_block is not None
        outputs = self.around() + list(page.parts.values())
        arrived = Context.root_block.load(self.arrive, [self.last, page.secret], outputs, js=HOLD, **page.quiet)
        arrived.then(None, None, None, js=RELEASE).then(None, None, None, js=WAKE)
        filled = page.then(arrived, fill, ("near", "say"))
        counted = page.then(filled, sentences, _sentence.PARTS)
        page.then(counted, lambda raw: _targets.tile_pictures(page, raw), ("tile_style",))
        _watch.wire(self.watch, self.run_id, page.secret, **QUIET)

    def start(self, raw: Raw) -> list[Any]:
        """Queue the job; what is wrong is said, and nothing is lost."""
        browser_secret, mark = secret_and_mark(raw[VISITOR])
        try:
            draft = self.page.draft(raw)
            run = submit.submit(job_form.request(draft), owner=mark, card=job_form.card(draft.known_model))
        except LetheError as error:
            gr.Warning(str(error))
            return [gr.skip(), gr.skip(), browser_secret] + [gr.skip()] * (len(self.around()) - 3)
        head = [run.id, run.id, browser_secret, gr.Column(visible=False), gr.Column(visible=True)]
        return head + _watch.look(run.id, browser_secret)

    def started(self, event: Any) -> None:
        """The address names the run; a State is not known to the browser, a BrowserState is."""
        event.then(None, [self.last], None, js=SET_RUN)

    def arrive(self, before: str, browser_secret: str, request: gr.Request) -> list[Any]:
        """Show the run that the address names; else the form, and that as the address fills it in.

        Where it fills in nothing the form stands as it was made and nothing of it is answered: whoever has already pressed
        something is not overtaken.
        """
        query = _query(request)
        name = dict(query).get("run", "")
        updates: Updates = {}
        if not name:
            try:
                if _address.FIELDS & dict(query).keys():
                    updates = _address.filled(self.page, query, mark_of(browser_secret))
            except LetheError as error:
                gr.Warning(str(error))
            updates["examples"] = _last(before) + _examples()
        browser_secret, _ = secret_and_mark(browser_secret)
        head = [name, name or before, browser_secret, gr.Column(visible=not name), gr.Column(visible=bool(name))]
        parts = [updates.get(part, gr.skip()) for part in self.page.parts]
        return head + _watch.look(name, browser_secret) + parts


def _query(request: gr.Request) -> list[tuple[str, str]]:
    items = getattr(request.query_params, "multi_items", None)
    pairs = items() if items else dict(request.query_params).items()
    return [(str(name), str(value)) for name, value in pairs if not str(name).startswith("__")]


def _last(run_id: str) -> str:
    """The way back to the job that this browser started last, while it works or shortly after it ended."""
    try:
        run = runs.find(run_id) if run_id else None
        state = run.state if run is not None else None
    except LetheError:
        return ""
    if run is None or state is None:
        return ""
    ended_at = state.history[-1].at if state.history else 0.0
    if state.status in ENDED and time.time() - ended_at >= RECENT:
        return ""
    words = "Your job is still working" if state.status not in ENDED else "Your last job has ended"
    link = markup.link(f"forget {targets_in_words(run.spec.forget, run.spec.family)}", f"?run={run.id}")
    return note(Markup("{}: {}.").format(words, link))


def _examples() -> str:
    """Finished runs to look at first: for each model and what it forgot, one by each method."""
    entries = catalog.load()
    titles = {entry.id: entry.title.split(":")[0] for entry in [*entries.methods, *entries.models]}
    groups: dict[str, dict[str, Markup]] = {}
    for run in runs.visible():
        if run.shipped and run.result:
            forget_text = f"{targets_in_words(run.spec.forget, run.spec.family)} forgotten ({titles.get(run.spec.model, run.spec.model)})"
            way = titles.get(run.spec.method, run.spec.method)
            groups.setdefault(forget_text, {}).setdefault(way, markup.link(way, f"?run={run.id}"))
    examples = Markup("; ").join(
        Markup("{} by {}").format(forget_text, Markup(" or ").join(links.values()))
        for forget_text, links in groups.items()
    )
    return note(Markup("Or look at a finished example first: {}.").format(examples)) if examples else ""
