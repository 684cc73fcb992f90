"""New run: choose a model, what it should forget and keep, and a method; start, and the page of the run opens.

The address fills it in: ?model=&forget=&keep=&method=, or ?clone=ID the form as that run had it. One module a step: `_model`, `_targets`, `_method`, `_sentence`; `_form` is what they share.
"""

from typing import Any

import gradio as gr
from gradio.context import Context

from app import forms, job_form, markup
from app.live_html import Alive
from app.widgets import Raw, Updates
from backends.api import catalog, model_info, submit
from backends.api.errors import BadInput, LetheError
from backends.api.model_info import ModelInfo
from pages.studio._shared import heading, identity, mark_of, nav, secret_and_mark
from pages.studio.new import _address, _method, _model, _sentence, _targets
from pages.studio.new._form import HOLD, QUIET, RELEASE, VISITOR, FormPage

TITLE, PATH, ORDER, IN_BAR = "New run", "new", 5, False

STEPS = ("Model", "Forget and keep", "Method", "Start")
STEP_IDS = ("model-step", "forget-step", "method-step", "check-step")
TO_RUN = """(run) => { if (!run) return;
const to = new URL('run', location.href.split('?')[0]), theme = new URL(location).searchParams.get('__theme');
to.searchParams.set('id', run); if (theme) to.searchParams.set('__theme', theme); location.assign(to); }"""
AWAY = 300_000  # milliseconds out of sight after which the settings are drawn anew; see backends/api/limits.py, `idle_seconds`
WAKE = f"""(...given) => {{ let away = 0; document.addEventListener('visibilitychange', () => {{
if (document.hidden) away = Date.now();
else if (Date.now() - away > {AWAY}) document.querySelector('#redraw')?.click(); }}); return given; }}"""
TO_TOP = "() => { document.querySelector('#steps')?.scrollIntoView({block: 'start'}); }"

Part = Any  # a component or a layout block of Gradio


def build() -> None:
    """The page."""
    nav()
    first = model_info.embedded(catalog.load().models[0].id)
    page = FormPage(identity())
    arriving = Arriving(page)
    with gr.Column(elem_id="setup"):
        moves = _setup(page, first, arriving)
    _wire_form(page)
    _wire_moves(moves)
    arriving.wire()


def _setup(page: FormPage, first: ModelInfo, arriving: "Arriving") -> dict[str, Part]:
    gr.HTML(markup.head("New run", "Choose what a model should no longer know, press Start, and watch it fade."))
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
    """What the page does beside the form itself: fill it in from the address, start the job, and leave for the page of its run."""

    settings: gr.Column

    def __init__(self, page: FormPage) -> None:
        self.page = page
        self.started_run = gr.Textbox(
            "", visible="hidden", elem_id="started-run", label="Started run", interactive=True
        )

    def around(self) -> list[Part]:
        """What starting updates."""
        return [self.started_run, self.page.secret]

    def wire(self) -> None:
        """Start, and arrive."""
        page = self.page
        with self.settings:
            _method.settings(page, self.start, self.started, self.around())

        def fill(raw: Raw) -> Updates:
            return {"near": _targets.follow(page, raw)["near"]} | _sentence.alone(page.draft(raw))

        def sentences(raw: Raw) -> Updates:
            return _sentence.whole(page.draft(raw))

        assert Context.root_block is not None
        outputs = [page.secret, *page.parts.values()]
        arrived = Context.root_block.load(self.arrive, [page.secret], outputs, js=HOLD, **page.quiet)
        arrived.then(None, None, None, js=RELEASE).then(None, None, None, js=WAKE)
        filled = page.then(arrived, fill, ("near", "say"))
        counted = page.then(filled, sentences, _sentence.PARTS)
        page.then(counted, lambda raw: _targets.tile_pictures(page, raw), ("tile_style",))

    def start(self, raw: Raw) -> list[Any]:
        """Queue the job; what is wrong is said, and nothing is lost."""
        browser_secret, mark = secret_and_mark(raw[VISITOR])
        try:
            draft = self.page.draft(raw)
            run = submit.submit(job_form.request(draft), owner=mark, card=job_form.card(draft.known_model))
        except LetheError as error:
            gr.Warning(str(error))
            return ["", browser_secret]
        return [run.id, browser_secret]

    def started(self, event: Any) -> None:
        """The browser leaves for the page of the run."""
        event.then(None, [self.started_run], None, js=TO_RUN)

    def arrive(self, browser_secret: str, request: gr.Request) -> list[Any]:
        """The form as the address fills it in.

        Where it fills in nothing the form stands as it was made and nothing of it is answered: whoever has already pressed
        something is not overtaken.
        """
        query = _query(request)
        updates: Updates = {}
        try:
            if _address.FIELDS & dict(query).keys():
                updates = _address.filled(self.page, query, mark_of(browser_secret))
        except LetheError as error:
            gr.Warning(str(error))
        browser_secret, _ = secret_and_mark(browser_secret)
        return [browser_secret, *(updates.get(part, gr.skip()) for part in self.page.parts)]


def _query(request: gr.Request) -> list[tuple[str, str]]:
    items = getattr(request.query_params, "multi_items", None)
    pairs = items() if items else dict(request.query_params).items()
    return [(str(name), str(value)) for name, value in pairs if not str(name).startswith("__")]
