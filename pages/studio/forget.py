"""Forget: choose a model, what it should forget and keep, and a method; start, and watch it happen.

The address says what is shown: ?run=ID a run, ?model=&forget=&keep=&method= a form filled in so, ?clone=ID the form as
that run had it.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr
from gradio.context import Context

from app import job_form, markup, uploads
from app.job_form import Values
from app.live_html import Alive
from app.target_choice import targets_in_words
from backends.api import catalog, runs, submit
from backends.api.errors import LetheError
from backends.api.spec import ENDED
from pages.studio import _answers, _preset, _steps, _targets, _watch
from pages.studio._shared import identity, mark_of, nav, secret_and_mark

TITLE, PATH, ORDER = "Forget", "", 10

FOUR = len(_steps.STEPS)
STEP_IDS = ("model-step", "forget-step", "method-step", "check-step")
RECENT = 3600  # seconds for which an ended run is shown again when the page is opened without an address
SET_RUN = """(run) => { if (!run) return;
const to = new URL(location), theme = to.searchParams.get('__theme');
to.search = ''; to.searchParams.set('run', run); if (theme) to.searchParams.set('__theme', theme);
history.replaceState(history.state, '', to); scrollTo(0, 0);
let left = 50; const focus = () => { const head = document.getElementById('run_head');  // its heading is made anew
if (!head?.querySelector('h1')?.checkVisibility()) { if (left--) setTimeout(focus, 100); return; }
head.tabIndex = -1; head.focus({preventScroll: true}); }; focus(); }"""
# A click must not be undone by an answer that comes after it: what hangs on the model waits until the model's answer is there.
AFTER_MODEL = "#next, #start, #forget-step-button, #method-step-button, #check-step-button"
HOLD = f"""(...given) => {{ const held = document.querySelectorAll('{AFTER_MODEL}');
held.forEach(part => {{ part.inert = true; part.setAttribute('aria-busy', 'true'); }});
clearTimeout(window.letheHeld); window.letheHeld = setTimeout(() => held.forEach(part => {{ part.inert = false;
part.removeAttribute('aria-busy'); }}), 20000); return given; }}"""
RELEASE = f"""() => {{ clearTimeout(window.letheHeld); document.documentElement.classList.remove('to-form');
document.querySelectorAll('{AFTER_MODEL}').forEach(part => {{ part.inert = false; part.removeAttribute('aria-busy'); }}); }}"""
TO_TOP = "() => { document.querySelector('#steps')?.scrollIntoView({block: 'start'}); }"

QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
SENTENCES = ("say", "review", "exact", "problem")

CONCEPTS = (
    "objects", "objects_column", "styles", "styles_column", "phrases", "anchor", "keep_objects", "keep_objects_column",
    "keep_styles", "keep_styles_column", "keep_phrases", "authors", "author_set", "keep_authors", "lines", "title", "known",
    "table", "passage", "topic", "pairs_says", "passage_says", "topic_says", "on_keep_pairs", "keep_lines", "keep_table",
    "keep_known",
)  # fmt: skip

Part = Any  # a component or a layout block of Gradio


class FormPage:
    """The page's parts by name, and how they are wired: every handler takes all values, and the secret of who asks as `VISITOR`,
    and answers some."""

    def __init__(self, values: dict[str, Part], others: dict[str, Part], secret: gr.BrowserState) -> None:
        self.values, self.parts, self.secret = values, values | others, secret
        # Gradio tells every part that waits for an answer, at each step of each event; of hundreds of parts that takes half a
        # second a step. Progress is not shown here, so one part waits for all.
        self.quiet: dict[str, Any] = QUIET | {"show_progress_on": self.parts["say"]}

    def answering(self, handler: Callable[[Values], dict[str, Any]], names: Iterable[str]) -> dict[str, Any]:
        """The arguments of an event listener with which `handler` gets every value and may update the parts in `names`."""
        output_names, inputs = list(names), self.values | {_answers.VISITOR: self.secret}

        def answer(*input_values: Any) -> list[Any]:
            updates = handler(dict(zip(inputs, input_values, strict=True)))
            return [updates.get(name, gr.skip()) for name in output_names]

        outputs = [self.parts[name] for name in output_names]
        return self.quiet | {"fn": answer, "inputs": list(inputs.values()), "outputs": outputs}

    def on(self, triggers: Iterable[Any], handler: Callable[[Values], dict[str, Any]], names: Iterable[str]) -> Any:
        """Run `handler` at any of the triggers."""
        return gr.on(list(triggers), trigger_mode="always_last", **self.answering(handler, names))

    def on_held(
        self, triggers: Iterable[Any], handler: Callable[[Values], dict[str, Any]], names: Iterable[str]
    ) -> Any:
        """Run `handler` at any of the triggers, where the answer puts other parts in place: until it came, these cannot be pressed."""
        event = gr.on(list(triggers), trigger_mode="always_last", js=HOLD, **self.answering(handler, names))
        return event.then(None, None, None, js=RELEASE)

    def then(self, event: Any, handler: Callable[[Values], dict[str, Any]], names: Iterable[str]) -> Any:
        """Run `handler` after the event; when events come faster than answers, the last one counts."""
        return event.then(trigger_mode="always_last", **self.answering(handler, names))


def build() -> None:
    """The page."""
    nav()
    gr.HTML(markup.text("Opening the run…", "quiet"), elem_classes="opening")
    first = job_form.embedded(catalog.load().models[0].id)
    run_id = gr.State("")
    secret = identity()
    last = gr.BrowserState("", storage_key="lethe-run", secret="lethe")
    with gr.Column(elem_id="setup") as setup:
        page, moves = _setup(first, secret)
    with gr.Column(visible=False, elem_id="run") as run_column:
        watch = _watch.make()
    _wire_form(page, moves)
    _wire_run(page, moves["start"], watch, run_id, secret, last, setup, run_column)


def _setup(first: job_form.Facts, secret: gr.BrowserState) -> tuple[FormPage, dict[str, Part]]:
    gr.HTML(
        markup.head(
            "Make a model forget",
            "Choose what it should no longer know, press Start, and watch it fade.",
        )
    )
    values: dict[str, Part] = {}
    others: dict[str, Part] = {name: gr.HTML("", elem_classes="no-room") for name in ("class_style", "gallery_style")}
    with gr.Walkthrough(selected=0, elem_id="steps") as steps:
        makers: tuple[Callable[[], tuple[dict[str, Part], dict[str, Part]]], ...] = (
            lambda: _steps.model_step(first),
            lambda: _targets.target_step(first),
            lambda: _steps.method_step(first),
            _steps.check_step,
        )
        for number, (title, make) in enumerate(zip(_steps.STEPS, makers, strict=True)):
            with gr.Step(title, id=number, elem_id=STEP_IDS[number]):
                widgets, more = make()
                values |= widgets
                others |= more
    others["examples"] = Alive(elem_id="examples")
    with gr.Column(elem_id="bar", elem_classes="lethe-startbar"):
        others["say"] = Alive(elem_id="say")
        with gr.Row(elem_classes="lethe-tools"):
            back = gr.Button("Back", elem_id="back", visible=False, scale=0, min_width=110)
            onward = gr.Button("Next", elem_id="next", scale=0, min_width=110)
            start = gr.Button("Start", variant="primary", elem_id="start", scale=0, min_width=150)
    inputs = ("tick", "one", "file", "of_class", "page", "pairs_file", "keep_pairs_file", "passage_file")
    values |= {name: others.pop(name) for name in inputs}
    moves = {"steps": steps, "back": back, "next": onward, "start": start, "step": gr.State(0)}
    return FormPage(values, others, secret), moves


def _wire_form(page: FormPage, moves: dict[str, Part]) -> None:
    p = page.parts

    def after(event: Any, *names: str) -> None:
        """After the event, update the parts in `names`, then the sentences that hang on everything."""
        handlers = {"near": _answers.show_neighbours, "class_style": _answers.show_class_images}
        for name in names:
            event = page.then(event, handlers[name], (name,))
        page.then(event, _answers.summary, SENTENCES)

    model_names = [
        "own_column",
        "own_says",
        "kind",
        "classes",
        "many",
        *CONCEPTS,
        "keep_mode",
        "on_keep",
        "keep",
        "keep_many",
        "keep_extra",
        "of_class",
        "picked",
        "like",
        "page",
        "found",
        "method",
        "detail",
    ]
    tuned = job_form.tuned_names()
    model_names += ["say", *(name for name in p if name.startswith("params.")), *tuned]
    gallery = ("tick", "one", "where", "gallery_style", "page", "back", "on")
    kinds = tuple(_targets.visible_kind("classes"))
    model_names += kinds
    after(page.on_held([p["model"].input], _answers.show_model, model_names), "near", "class_style")
    after(page.on_held([p["own_open"].click], _answers.open_own_model, [*model_names, "own"]), "near", "class_style")
    after(page.on([p["kind"].input], _answers.show_kind, [*kinds, *gallery, *tuned, "found"]), "near")
    after(page.on([p["classes"].input, p["many"].input], _answers.show_neighbours, ("near",)))
    written = [p[name].input for name in ("objects", "styles", "phrases", "anchor")]
    written.append(p["phrases"].blur)
    after(page.on(written, _answers.show_concepts, ("near", "anchor", *tuned)))
    author_inputs = [p["authors"].input, p["author_set"].input]
    after(page.on(author_inputs, _answers.show_authors, ("near", *tuned)))
    _wire_own(page, after)
    keeping = ("on_keep", "on_keep_pairs", "keep", "keep_many", "keep_objects", "keep_styles", "keep_authors")
    after(page.on([p["keep_mode"].input], _answers.show_keep_list, keeping))
    page.on([p["of_class"].input], lambda values: _answers.gallery(values | {"page": 0}), gallery)
    page.on([p["back"].click], _answers.turn_page(-1), gallery)
    page.on([p["on"].click], _answers.turn_page(1), gallery)
    after(page.on([p["tick"].input], _answers.collect_ticks, ("picked", "where")))
    after(page.on([p["one"].input, p["like_count"].release], _answers.show_alike, ("like", "alike", "where")))
    after(
        page.on([p["file"].upload], uploads.read_once("file", _answers.read_id_list), ("listed", "list_says", "file"))
    )
    after(
        page.on(
            [p["method"].input], _answers.show_method, ["detail", *(name for name in p if name.startswith("params."))]
        )
    )
    plain = [
        "share",
        "draw",
        "found",
        "written",
        "keep",
        "keep_many",
        "keep_objects",
        "keep_styles",
        "keep_phrases",
        "keep_authors",
        "seed",
        *(name for name in p if "." in name and name in page.values),
    ]
    page.on([p[name].input for name in plain], _answers.summary, SENTENCES)
    _wire_moves(moves)


def _wire_own(page: FormPage, after: Callable[..., None]) -> None:
    """Own questions, which are lines and, when it is looked at, a table; a text; and a topic.

    Of text boxes `change` is listened to: what is pasted is no `input` to Gradio. It also comes while the answer to another
    event is put in place, part by part; so nothing is read before the next round.
    """
    p = page.parts

    def changed(*names: str) -> Any:
        fields = [p[name].change for name in names]
        return gr.on(fields, fn=lambda: None, trigger_mode="always_last", **QUIET)

    for which in ("", "keep_"):
        lines, table = p[f"{which}lines"], p[f"{which}table"]
        names = tuple(f"{which}{name}" for name in ("lines", "table", "known", "title", "pairs_says", "tabs"))
        after(changed(f"{which}lines"), "near")
        p[f"{which}table_tab"].select(_answers.in_table, lines, table, **QUIET)
        table.input(_answers.from_table, table, lines, **QUIET)
        file = f"{which}pairs_file"
        page.on([p[file].upload], uploads.read_once(file, _answers.read_pairs_file(which)), (*names, file))
    after(changed("passage"), "near")
    passage = uploads.read_once("passage_file", _answers.read_passage_file)
    page.on([p["passage_file"].upload], passage, ("passage", "passage_says", "passage_file"))
    instead = [name for entry in catalog.load().methods if (name := job_form.instead_name(entry))]
    after(changed("title", "topic", *instead))
    begun = page.on(
        [p["topic_write"].click, p["topic"].submit], _answers.announce_questions, ("topic_says", "topic_write")
    )
    both = (f"{which}{name}" for which in ("", "keep_") for name in ("lines", "table", "known", "tabs"))
    wrote = ("topic_says", "topic_write", "keep_mode", "keep_title", "on_keep", "on_keep_pairs", *both)
    after(page.then(begun, _answers.write_questions, wrote), "near")


def _wire_moves(moves: dict[str, Part]) -> None:
    """Back and Next; a step can also be chosen at the top."""

    def show(step: int) -> list[Any]:
        return [gr.Walkthrough(selected=step), step, gr.Button(visible=step > 0), gr.Button(visible=step < FOUR - 1)]

    def back(step: int) -> list[Any]:
        return show(max(0, step - 1))

    def onward(step: int) -> list[Any]:
        return show(min(FOUR - 1, step + 1))

    def chosen(event: gr.SelectData) -> list[Any]:
        return show(int(event.index))[1:]

    outs = [moves["steps"], moves["step"], moves["back"], moves["next"]]
    moves["back"].click(back, moves["step"], outs, **QUIET).then(None, None, None, js=TO_TOP)
    moves["next"].click(onward, moves["step"], outs, **QUIET).then(None, None, None, js=TO_TOP)
    moves["steps"].select(chosen, None, outs[1:], **QUIET)


def _wire_run(
    page: FormPage,
    start_button: gr.Button,
    watch: _watch.Watch,
    run_id: gr.State,
    secret: gr.BrowserState,
    last: gr.BrowserState,
    setup: gr.Column,
    run_column: gr.Column,
) -> None:
    """Start, arrive, watch, cancel."""
    names = list(page.parts)
    around = [run_id, last, secret, setup, run_column]

    def start(browser_secret: str, *form_values: Any) -> list[Any]:
        """Queue the job; what is wrong is said, and nothing is lost."""
        browser_secret, mark = secret_and_mark(browser_secret)
        try:
            values = dict(zip(page.values, form_values, strict=True))
            run = submit.submit(job_form.spec(values), owner=mark, card=job_form.card(job_form.facts(values)))
        except LetheError as error:
            gr.Warning(str(error))
            return [gr.skip(), gr.skip(), browser_secret] + [gr.skip()] * (len(around) - 3)
        head = [run.id, run.id, browser_secret, gr.Column(visible=False), gr.Column(visible=True)]
        return head + _watch.look(run.id, browser_secret)

    def arrive(before: str, browser_secret: str, request: gr.Request) -> list[Any]:
        """Show the run that the address names; else the form, and that as the address fills it in.

        Where it fills in nothing the form stands as it was made and nothing of it is answered: whoever has already pressed
        something is not overtaken.
        """
        query = _query(request)
        name = dict(query).get("run", "")
        updates: dict[str, Any] = {}
        if not name:
            try:
                updates = _preset.preset(query, mark_of(browser_secret)) if _preset.FIELDS & dict(query).keys() else {}
            except LetheError as error:
                gr.Warning(str(error))
            updates["examples"] = _last(before) + _examples()
        browser_secret, _ = secret_and_mark(browser_secret)
        head = [name, name or before, browser_secret, gr.Column(visible=not name), gr.Column(visible=bool(name))]
        return head + _watch.look(name, browser_secret) + [updates.get(part, gr.skip()) for part in names]

    def fill(values: Values) -> dict[str, Any]:
        return _answers.show_neighbours(values) | _answers.sentence(values)

    assert Context.root_block is not None
    around += watch.outputs()
    arrived = Context.root_block.load(arrive, [last, secret], around + list(page.parts.values()), **page.quiet)
    arrived.then(None, None, None, js=RELEASE)
    filled = page.then(arrived, fill, ("near", "say"))
    counted = page.then(filled, _answers.summary, SENTENCES)
    page.then(counted, _answers.show_class_images, ("class_style",))
    started = start_button.click(start, [secret, *page.values.values()], around, **page.quiet)
    started.then(None, [last], None, js=SET_RUN)  # a State is not known to the browser; a BrowserState is
    _watch.wire(watch, run_id, secret, **QUIET)


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
    link = markup.link(f"forget {targets_in_words(run.spec.forget)}", f"?run={run.id}")
    return f'<p class="lethe lethe-quiet">{words}: {link}.</p>'


def _examples() -> str:
    """Finished runs to look at first: for each model and what it forgot, one by each method."""
    entries = catalog.load()
    titles = {entry.id: entry.title.split(":")[0] for entry in [*entries.methods, *entries.models]}
    groups: dict[str, dict[str, str]] = {}
    for run in runs.visible():
        if run.shipped and run.result:
            forget_text = (
                f"{targets_in_words(run.spec.forget)} forgotten ({titles.get(run.spec.model, run.spec.model)})"
            )
            way = titles.get(run.spec.method, run.spec.method)
            groups.setdefault(forget_text, {}).setdefault(way, markup.link(way, f"?run={run.id}"))
    examples = "; ".join(
        f"{markup.esc(forget_text)} by {' or '.join(links.values())}" for forget_text, links in groups.items()
    )
    return f'<p class="lethe lethe-quiet">Or look at a finished example first: {examples}.</p>' if examples else ""
