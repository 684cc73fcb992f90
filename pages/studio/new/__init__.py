"""New run: choose a model, what it should forget and keep, and a method; start, and the page of the run opens.

The address fills it in: ?model=&forget=&keep=&method=, or ?clone=ID the form as that run had it. One module a part: `_model`, `_targets`, `_method`, `_sentence`; `_form` is what they share.
"""

import json
from typing import Any

import gradio as gr
from gradio.context import Context

from app import forms, job_form, markup
from app.live_html import Alive
from app.notes import error_line
from app.widgets import Raw, Updates
from backends.api import catalog, model_info, submit
from backends.api.errors import LetheError
from backends.api.languages import later, tr
from backends.api.model_info import ModelInfo
from pages.studio._shared import identity, mark_of, nav, secret_and_mark
from pages.studio.new import _address, _chosen, _method, _model, _sentence, _targets
from pages.studio.new._form import RELEASE, VISITOR, FormPage

TITLE, PATH, ORDER, IN_BAR = later("New run"), "new", 5, False

TO_RUN = """(run) => { if (!run) return;
const to = new URL('run', location.href.split('?')[0]), at = new URL(location).searchParams;
to.searchParams.set('id', run); for (const name of ['__theme', 'lang']) if (at.has(name)) to.searchParams.set(name, at.get(name)); location.assign(to); }"""
AWAY = 300_000  # milliseconds out of sight after which the settings are drawn anew; see backends/api/limits.py, `idle_seconds`
WAKE = f"""(...given) => {{ let away = 0; document.addEventListener('visibilitychange', () => {{
if (document.hidden) away = Date.now();
else if (Date.now() - away > {AWAY}) document.querySelector('#redraw')?.click(); }}); return given; }}"""
# What an address fills in waits for its answer; what stands as it was made can be pressed at once.
ARRIVING = (
    "(...given) => { const fields = new URLSearchParams(location.search);"
    f"if (document.querySelector('#chosen') || {json.dumps(sorted(_address.FIELDS))}.some(name => fields.has(name))) letheForm.hold('#model, #job, #start');"
    "return given; }"
)

Part = Any  # a component or a layout block of Gradio


def build() -> None:
    """The page."""
    nav()
    first = model_info.embedded(catalog.load().models[0].id)
    page = FormPage(identity())
    arriving = Arriving(page)
    with gr.Column(elem_id="setup"):
        _setup(page, first, arriving)
    _wire_form(page)
    arriving.wire()


def _setup(page: FormPage, first: ModelInfo, arriving: "Arriving") -> None:
    gr.HTML(markup.head(tr("New run")))
    page.add("refused", Alive(elem_id="refused"))
    with gr.Row(elem_id="form"):
        with gr.Column(elem_id="models"):
            _model.build(page, first)
        with gr.Column(elem_id="ask"):
            _model.build_own(page)
            _chosen.build(page)
            with gr.Column(elem_id="job"):
                _targets.build(page, first)
                _method.build(page, first)
                arriving.settings = gr.Column(elem_id="drawn")
                page.add("problem", Alive(elem_id="problem"))
                _seed(page)
                page.add("exact", Alive(elem_id="exact", apply_default_css=False))
    with gr.Row(elem_id="bar", elem_classes="lethe-startbar"):
        page.add("say", Alive(_sentence.alone(job_form.at_defaults(first))["say"], elem_id="say"))
        page.add("start", gr.Button(tr("Start"), variant="primary", elem_id="start", scale=0, min_width=150))
        page.add("lend", gr.Button(tr("On the GPU"), visible=False, elem_id="lend", scale=0, min_width=150))


def _seed(page: FormPage) -> None:
    with gr.Accordion(tr("Seed"), open=False, elem_id="seeding"):
        seed = forms.Number(
            0, minimum=0, maximum=2**31 - 1, step=1, label=tr("Seed"), info=tr("The same seed and settings give the same numbers again."),
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


class Arriving:
    """What the page does beside the form itself: fill it in from the address, start the job, and leave for the page of its run."""

    settings: gr.Column

    def __init__(self, page: FormPage) -> None:
        self.page = page
        self.started_run = gr.Textbox(
            "", visible="hidden", elem_id="started-run", label=tr("Started run"), interactive=True
        )

    def around(self) -> list[Part]:
        """What starting updates."""
        return [self.started_run, self.page.secret, self.page.parts["say"]]

    def wire(self) -> None:
        """Start, and arrive."""
        page = self.page
        with self.settings:
            _method.settings(page, self.start, self.started, self.around())

        def fill(raw: Raw) -> Updates:
            followed = _targets.follow(page, raw)
            return {name: followed[name] for name in ("near", "near_style")} | _sentence.alone(page.draft(raw))

        def sentences(raw: Raw) -> Updates:
            return _sentence.whole(page.draft(raw))

        assert Context.root_block is not None
        outputs = [page.secret, *page.parts.values()]
        arrived = Context.root_block.load(self.arrive, [page.secret], outputs, js=ARRIVING, **page.quiet)
        arrived.then(None, None, None, js=RELEASE).then(None, None, None, js=WAKE)
        filled = page.then(arrived, fill, ("near", "near_style", "say"))
        counted = page.then(filled, sentences, _sentence.PARTS)
        pictured = page.then(counted, lambda raw: _targets.tile_pictures(page, raw), ("tile_style",))
        page.then(pictured, sentences, _sentence.PARTS)  # to count opens the model, and somebody may have chosen since

    def start(self, raw: Raw, on_slices: bool = False) -> list[Any]:
        """Queue the job; what is wrong is said beside the button, and nothing is lost."""
        browser_secret, mark = secret_and_mark(raw[VISITOR])
        draft = self.page.draft(raw)
        try:
            run = submit.submit(
                job_form.request(draft), owner=mark, card=job_form.card(draft.known_model), on_slices=on_slices
            )
        except LetheError as error:
            return ["", browser_secret, _sentence.say(draft, error_line(str(error)))]
        return [run.id, browser_secret, gr.skip()]

    def started(self, event: Any) -> None:
        """The browser leaves for the page of the run."""
        event.then(None, [self.started_run], None, js=TO_RUN)

    def arrive(self, browser_secret: str, request: gr.Request) -> list[Any]:
        """The form as the address fills it in.

        Where it fills in nothing the form stands as it was made and nothing of it is answered: whoever has already pressed
        something is not overtaken.
        """
        mark = mark_of(browser_secret)
        updates: Updates = {}
        try:
            query = _chosen.query(_query(request), mark)
            if _address.FIELDS & dict(query).keys():
                updates = _address.filled(self.page, query, mark)
            updates |= _chosen.updates(mark)
        except LetheError as error:
            updates["refused"] = error_line(str(error))
        browser_secret, _ = secret_and_mark(browser_secret)
        return [browser_secret, *(updates.get(part, gr.skip()) for part in self.page.parts)]


def _query(request: gr.Request) -> list[tuple[str, str]]:
    items = getattr(request.query_params, "multi_items", None)
    pairs = items() if items else dict(request.query_params).items()
    return [(str(name), str(value)) for name, value in pairs if not str(name).startswith("__")]
