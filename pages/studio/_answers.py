"""Event handlers of the page Forget: each takes the widgets' values and returns updates of widgets, by name."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app import dataset_images, forms, job_form, markup
from app.inference import LIVE
from app.job_form import OWN, Facts, Values
from app.target_choice import KINDS, concept_neighbours, in_lines, joined, neighbours, targets_in_words
from backends.api import catalog, pairs, targets
from backends.api.concepts import Concept
from backends.api.errors import BadInput, LetheError
from backends.api.pairs import Own, quoted
from backends.api.people import Person
from pages.studio import _steps, _targets
from pages.studio._shared import mark_of, quiet

Updates = dict[str, Any]
SHOWN = 100  # questions that are listed
VISITOR = "visitor"  # the secret of who asks, among the widgets' values


def note(text: str) -> str:
    """A quiet line."""
    return f'<p class="lethe lethe-quiet">{escape(text)}</p>' if text else ""


def error_line(text: str) -> str:
    """An inline error: a sign and one sentence."""
    return (
        f'<p class="lethe lethe-wrong" role="alert"><span aria-hidden="true">!</span> {escape(text)}</p>'
        if text
        else ""
    )


def _facts(values: Values) -> Facts | None:
    try:
        return job_form.facts(values)
    except LetheError:
        return None


def summary(values: Values) -> Updates:
    """The sentence over the start button, the count, the review, what exactly is forgotten, and what the settings lack."""
    method = catalog.load().get("methods", values["method"]) if values["method"] else None
    settings = [values[f"{method.id}.{name}"] for name in forms.properties(method.params)] if method else []
    lacks = forms.problem(method.title, method.params, settings) if method else ""
    try:
        spec = job_form.spec(values)
        counts = job_form.counts(spec.model, spec.forget, spec.keep, spec.data)
    except LetheError as error:
        error_html = error_line(str(error))
        return {"say": _sentence(values, error_html), "review": error_html, "exact": "", "problem": error_line(lacks)}
    count = job_form.counts_text(counts)
    question_count = (
        counts.forget if counts.questions else None
    )  # their passes are over these; others pass over what is kept too
    needs = job_form.needs(spec.model, spec.method, spec.params, question_count=question_count)
    line = f'<p class="lethe-quiet"><span id="count">{count}</span><span class="needs"> · {escape(needs)}</span></p>'
    return {
        "say": _sentence(values, line),
        "review": _review(values, count, needs),
        "exact": _author_set_line(values) + forget_set_table(counts),
        "problem": error_line(lacks),
    }


def _author_set_line(values: Values) -> str:
    """The authors of the chosen set, as a line; empty for anything else."""
    model_info = job_form.facts(values)
    names = model_info.book.sets.get(values.get("author_set") or "", []) if values["kind"] == "author_set" else []
    return note(f"In it: {joined(names)}.") if names else ""


def forget_set_table(counts: job_form.Counted) -> str:
    """The prompts to be forgotten with what is drawn instead, or the questions with their answers, folded away; empty for images."""
    if counts.questions:
        is_text = counts.passages == counts.forget
        lead = (
            "These are the passages, each by its beginning."
            if is_text
            else "These are the questions, with their answers."
        )
        lead_html, heads = (
            markup.text(lead, "quiet"),
            ["It begins", "It goes on"] if is_text else ["Question", "Answer"],
        )
        rows = [list(pair) for pair in counts.questions[:SHOWN]]
        if len(counts.questions) > SHOWN:
            lead_html += markup.text(f"The first {SHOWN} of {len(counts.questions):,}:", "quiet")
        folded = markup.fold("What exactly is forgotten", lead_html + markup.table(heads, rows))
        return f'<div class="lethe">{folded}</div>'
    if not counts.prompts:
        return ""
    rows = [[prompt, anchor or "what comes without words"] for prompt, anchor in counts.prompts]
    lead_html = markup.text(
        f"Lethe asks for it in {len(rows)} ways. Methods that draw something else instead take the words on the right."
        if len(rows) > 1
        else "Methods that draw something else instead take the words on the right.",
        "quiet",
    )
    folded = markup.fold(
        "What exactly is forgotten", lead_html + markup.table(["To be forgotten", "Stands in for it"], rows)
    )
    return f'<div class="lethe">{folded}</div>'


def sentence(values: Values) -> Updates:
    """The sentence alone, which needs no model to be opened."""
    model_info = _facts(values)
    return {"say": _sentence(values, note(f"Counting the {model_info.noun if model_info else 'images'}…"))}


def _sentence_at_defaults(model_info: Facts, values: Values) -> Updates:
    """The sentence for a model that was just chosen, at its defaults."""
    return sentence(_with_defaults(model_info, values))


def _with_defaults(model_info: Facts, values: Values) -> Values:
    """The form's values with the defaults of a model that was just chosen."""
    own = {"own": model_info.model_dump()} if model_info.own else {}
    chosen = job_form.at_defaults(model_info, values["kind"]) | {"keep_mode": "all", "keep_phrases": ""}
    return values | own | chosen | {"method": model_info.default_method}


def _sentence(values: Values, below: str) -> str:
    model_info = _facts(values)
    model = model_info.title if model_info else "Your own model"
    try:
        forget_text = targets_in_words(job_form.choice(values).targets())
    except BadInput:
        forget_text = "…"
    try:
        keep_text = job_form.kept_words(job_form.keep_targets(values), model_info)
    except BadInput:
        keep_text = "…"
    method = catalog.load().get("methods", values["method"]).title.split(":")[0] if values["method"] else "…"
    instead = job_form.instead(values)
    instead_text = f", and says <b>{escape(quoted(instead))}</b> instead" if instead else ""
    return (
        f'<div class="lethe lethe-say"><p><b>{escape(model)}</b> forgets <b class="forget">{escape(forget_text)}</b>'
        f'<span class="kept"> and keeps {escape(keep_text)}</span>, by <b>{escape(method)}</b>{instead_text}.</p>{below}</div>'
    )


def _review(values: Values, count: str, needs: str) -> str:
    model_info, method = job_form.facts(values), catalog.load().get("methods", values["method"])
    params = job_form.params(values)
    settings = job_form.changed_params(model_info, method, job_form.choice(values).targets(), params)
    rows = {
        "Model": f"{model_info.title}, which stays as it is",
        "Forget": targets_in_words(job_form.choice(values).targets()),
        "Keep": job_form.kept_words(job_form.keep_targets(values), model_info),
        model_info.noun.capitalize(): count,
        "Method": f"{method.title} ({method.label})",
        "Settings": f"changed: {settings}" if settings else "as recommended",
        "Needs": needs,
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    return f'<dl class="lethe lethe-review">{cells}</dl>'


def show_neighbours(values: Values) -> Updates:
    """The line that names the neighbours: by the model's own confusion, or by what is alike in its data."""
    model_info = _facts(values)
    chosen = job_form.choice(values)
    if model_info is not None and model_info.draws:
        return {"near": _near_concepts(model_info, values)}
    if model_info is not None and model_info.speaks:
        return {"near": _near_authors(model_info, values)}
    if model_info is None or chosen.kind != "classes" or not chosen.classes:
        return {"near": note("Neighbours are suggested where whole classes are to be forgotten.")}
    neighbour_shares = neighbours(chosen.classes, model_info.classes, model_info.confusion)
    if not neighbour_shares:
        return {"near": note("This model mixes them up with no other class.")}
    words = joined(
        [f"{name} ({100 * share:.1f} % of the images)".replace(".0 %", " %") for name, share in neighbour_shares]
    )
    text = f"This model confuses {joined(chosen.classes)} most with {words}: its neighbours. Look there for what else gets hurt."
    return {
        "near": f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'
    }


def _near_concepts(model_info: Facts, values: Values) -> str:
    """The neighbours of objects and styles; empty where nothing is known of the model."""
    neighbour_names = concept_neighbours(_forget_concepts(model_info, values), model_info.near)
    if not neighbour_names:
        return note("Neighbours are named where something to forget is chosen.") if model_info.near else ""
    text = f"Its neighbours, which get hurt first: {', '.join(neighbour_names)}."
    return f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'


def author_neighbours(model_info: Facts, values: Values) -> list[str]:
    """The authors or sets most alike to what is to be forgotten, nearest first; empty where nothing is chosen."""
    try:
        forget = job_form.choice(values).targets()
        forget_authors, parsed = model_info.book.authors(forget), [model_info.read(text) for text in forget]
    except BadInput:
        return []
    topics = [one.name for one in parsed if isinstance(one, Person) and one.name in model_info.book.topics]
    if forget_authors or topics:
        return (model_info.book.nearest(forget_authors) if forget_authors else []) + model_info.book.near(topics)
    own = [one for one in parsed if isinstance(one, Own)]
    return model_info.book.beside(" ".join([one.text or str(one) for one in own]))


def _near_authors(model_info: Facts, values: Values) -> str:
    neighbour_names = author_neighbours(model_info, values)
    if not neighbour_names and not (model_info.book.names or model_info.book.topics):
        return note(
            "What is near to it gets hurt first (the neighbours): give questions about that to keep, and it is watched."
        )
    if not neighbour_names:
        return note("Neighbours are named where something to forget is chosen that has some.")
    titles = dict((name, title) for title, name in _targets.keep_choices(model_info))
    listed = ", ".join(titles[name] for name in neighbour_names)
    alike = "Most alike" if model_info.book.topics else "Most alike, with the same names or facts"
    text = f"{alike}: {listed}. They get hurt first (the neighbours)."
    return f'<p class="lethe lethe-near"><span class="lethe-mark" data-role="neighbour"></span>{escape(text)}</p>'


def show_authors(values: Values) -> Updates:
    """The neighbours of the chosen authors, and the settings tuned for them."""
    return show_neighbours(values) | retuned(values)


def _forget_concepts(model_info: Facts, values: Values) -> list[Concept]:
    """The concepts to be forgotten, parsed; a text that cannot be parsed is left out, because the summary says so."""
    parsed = []
    with suppress(BadInput):
        for text in job_form.choice(values).targets():
            with suppress(BadInput):
                parsed.append(model_info.read(text))
    return [concept for concept in parsed if isinstance(concept, Concept)]


def show_concepts(values: Values) -> Updates:
    """The neighbours of the chosen objects and styles, the anchors on offer, and the tuned settings."""
    model_info = _facts(values)
    if model_info is None or not model_info.draws:
        return {}
    offered = job_form.anchors(model_info, values)
    anchor = values["anchor"] if values["anchor"] in [value for _, value in offered] else ""
    now = values | {"anchor": anchor}
    return show_neighbours(now) | {"anchor": gr.Dropdown(offered, value=anchor)} | retuned(now)


def show_keep_list(values: Values) -> Updates:
    """The keep list, with the neighbours ticked when it appears."""
    some = values["keep_mode"] == "some"
    own = values["keep_mode"] == "own"
    updates: Updates = {"on_keep": gr.Column(visible=some), "on_keep_pairs": gr.Column(visible=own)}
    model_info = _facts(values)
    if some and model_info and model_info.draws:
        if not (values["keep_objects"] or values["keep_styles"]):
            neighbour_names = concept_neighbours(_forget_concepts(model_info, values), model_info.near)
            updates["keep_objects"] = [name for name in neighbour_names if name in model_info.domains.get("object", [])]
            updates["keep_styles"] = [
                name for name in model_info.domains.get("style", []) if f"{name} style" in neighbour_names
            ]
        return updates
    if some and model_info and model_info.speaks:
        return updates if values["keep_authors"] else updates | {"keep_authors": author_neighbours(model_info, values)}
    if some and model_info and not (values["keep"] or values["keep_many"]):
        chosen = job_form.choice(values)
        updates["keep_many" if model_info.many else "keep"] = [
            name for name, _ in neighbours(chosen.classes, model_info.classes, model_info.confusion)
        ]
    return updates


def show_kind(values: Values) -> Updates:
    """The column of the chosen kind."""
    updates = columns(values["kind"])
    model_info = _facts(values)
    if values["kind"] == "found" and model_info is not None:
        updates["found"] = _hardest_set_runs(model_info, mark_of(values.get(VISITOR)), values["found"] or "")
    if values["kind"] in ("images", "like"):
        updates |= gallery(values | {"page": 0})
    return updates | retuned(values)


def retuned(values: Values) -> Updates:
    """The settings of methods that fit this model and this kind of target better; what a person changed stays."""
    model_info = _facts(values)
    try:
        return job_form.retuned(model_info, _targets_or_example(model_info, values), values) if model_info else {}
    except BadInput:  # something was written that is no target; the summary says so
        return {}


def _retuned_to(model_info: Facts, values: Values) -> Updates:
    """The tuned settings for a model that was just chosen, at its defaults."""
    now = _with_defaults(model_info, values)
    return job_form.retuned(model_info, _targets_or_example(model_info, now), values)


def _targets_or_example(model_info: Facts, values: Values) -> tuple[str, ...]:
    """The targets to be forgotten; an example of their kind where none is chosen yet."""
    try:
        return job_form.choice(values).targets()
    except BadInput:
        if not model_info.classifies:
            return tuple(model_info.default_forget) or ("anyone? => anything" if model_info.speaks else "anything",)
        return ("any class",) if values["kind"] == "classes" else ("images:0",)


def gallery(values: Values) -> Updates:
    """One page of the training images of a class."""
    single = values["kind"] != "like"
    updates: Updates = {"tick": gr.CheckboxGroup(visible=single), "one": gr.Radio(visible=not single)}
    try:
        model_info = job_form.facts(values)
        name = values["of_class"] if values["of_class"] in model_info.classes else model_info.classes[0]
        page = max(0, int(values["page"] or 0))
        ids, total = dataset_images.class_page(model_info.id, name, page, model_info.data)
        urls = dataset_images.of_items(model_info.id, [f"train-{item}" for item in ids], model_info.data)
    except LetheError as error:
        return updates | {"where": error_line(str(error))}
    first = page * dataset_images.PAGE + 1
    labels = [(str(item), str(item)) for item in ids]
    ticked = [str(item) for item in values["picked"] or []]
    updates["tick"] = gr.CheckboxGroup(labels, value=[item for _, item in labels if item in ticked], visible=single)
    liked_label = str(values["like"]) if values["like"] in ids else None
    updates["one"] = gr.Radio(labels, value=liked_label, visible=not single)
    updates["gallery_style"] = dataset_images.tile_variables("gallery", [[picture] for picture in urls])
    chosen = (
        f"{len(ticked)} picked"
        if single
        else f"image {values['like']} chosen"
        if values["like"] is not None
        else "choose one"
    )
    updates["where"] = note(f"{name}: images {first:,} to {first + len(ids) - 1:,} of {total:,} · {chosen}")
    updates |= {
        "page": page,
        "back": gr.Button(interactive=page > 0),
        "on": gr.Button(interactive=first + len(ids) <= total),
    }
    return updates


def turn_page(by: int) -> Callable[[Values], Updates]:
    """Another page of the gallery."""

    def turned(values: Values) -> Updates:
        return gallery(values | {"page": max(0, int(values["page"] or 0) + by)})

    return turned


def collect_ticks(values: Values) -> Updates:
    """All ticked images: those of this page and of the other pages of the gallery."""
    model_info = job_form.facts(values)
    page_ids, _ = dataset_images.class_page(
        model_info.id, values["of_class"], int(values["page"] or 0), model_info.data
    )
    ticked = [int(item) for item in values["tick"] or []]
    other_pages = [item for item in values["picked"] or [] if item not in page_ids]
    now = sorted({*other_pages, *ticked})
    count_text = "1 picked" if len(now) == 1 else f"{len(now)} picked"
    return {
        "picked": now,
        "where": note(f"{count_text}: {', '.join(map(str, now[:12]))}{' …' if len(now) > 12 else ''}"),
    }


def show_alike(values: Values) -> Updates:
    """The images most alike to the chosen one."""
    one = values["one"] if values["one"] is not None else values["like"]
    if one is None:
        return {"like": None, "alike": note("Choose an image above; the images most alike to it appear here.")}
    like, count = int(one), int(values["like_count"])
    try:
        model_info = job_form.facts(values)
        ids = dataset_images.alike(model_info.id, like, count, model_info.data)
        urls = dataset_images.of_items(model_info.id, [f"train-{item}" for item in ids[:24]], model_info.data)
    except LetheError as error:
        return {"like": like, "alike": error_line(str(error))}
    tags = "".join(
        f'<img src="{picture}" alt="training image {item}">' for picture, item in zip(urls, ids, strict=False)
    )
    caption = f"The {count} images most alike to image {like}" + (", the first 24 of them:" if count > 24 else ":")
    return {"like": like, "alike": f'<div class="lethe lethe-strip"><p>{caption}</p><div>{tags}</div></div>'}


def read_id_list(values: Values) -> Updates:
    """An uploaded list of ids, read at once so that a mistake is said at once."""
    if not values["file"]:
        return {
            "listed": "",
            "list_says": quiet("An id is the number of a training image, from 0. At most 2 MB."),
        }
    path = Path(values["file"])
    try:
        target = targets.expand(f"@{path}")
        ids = targets.parse(target).ids
        model_info = _facts(values)
        if model_info and model_info.train_count and max(ids) >= model_info.train_count:
            raise BadInput(
                f"{path.name} names image {max(ids)}, but the ids of {model_info.title} run from 0 to {model_info.train_count - 1}."
            )
    except LetheError as error:
        return {"listed": "", "list_says": error_line(str(error))}
    return {"listed": target, "list_says": note(f"{path.name}: {len(ids):,} {'id' if len(ids) == 1 else 'ids'}.")}


def show_model(values: Values) -> Updates:
    """All updates that follow from choosing another model."""
    own = values["model"] == OWN
    updates: Updates = {"own_column": gr.Column(visible=own)}
    model_info = _facts(values)
    if model_info is None:
        return updates | {"own_says": note("")}
    model_updates = of_model(model_info, values["kind"], mark_of(values.get(VISITOR)))
    return updates | model_updates | _retuned_to(model_info, values) | _sentence_at_defaults(model_info, values)


def open_own_model(values: Values) -> Updates:
    """Open a person's own model."""
    try:
        model_info = job_form.open_own(values["own_model"] or "", values["own_data"] or "")
    except LetheError as error:
        return {"own": None, "own_says": error_line(str(error))}
    model_updates = of_model(model_info, values["kind"], mark_of(values.get(VISITOR)))
    updates = model_updates | _retuned_to(model_info, values) | _sentence_at_defaults(model_info, values)
    return updates | {"own": model_info.model_dump(), "own_says": note(job_form.opened(model_info))}


def of_model(model_info: Facts, kind: str = "classes", owner: str = "") -> Updates:
    """Choices that a model brings to an owner, at its defaults; `kind` of target is kept where it fits."""
    tiles = not model_info.many and model_info.classifies
    chosen = job_form.at_defaults(model_info, kind)
    return {
        "kind": gr.Radio(_targets.kinds(model_info), value=chosen["kind"], visible=not model_info.draws),
        "keep_mode": gr.Radio(_targets.keep_modes(model_info), value="all", visible=not model_info.free),
        "on_keep": gr.Column(visible=False),
        "on_keep_pairs": gr.Column(visible=False),
        "keep_lines": "", "keep_table": in_table(""), "keep_known": [],
        "keep_extra": (),
        "classes": gr.CheckboxGroup(model_info.classes if tiles else [], value=model_info.default_forget if tiles else [], visible=tiles),
        "many": gr.Dropdown(model_info.classes if model_info.many else [], value=model_info.default_forget if model_info.many else None, visible=model_info.many),
        "keep": gr.CheckboxGroup(model_info.classes if tiles else [], value=[], visible=tiles),
        "keep_many": gr.Dropdown(model_info.classes if model_info.many else [], value=None, visible=model_info.many),
        "of_class": gr.Dropdown(model_info.classes, value=model_info.classes[0] if model_info.classes else None),
        "picked": [], "like": None, "page": 0,
        "found": _hardest_set_runs(model_info, owner),
        "method": gr.Radio(_steps.method_choices(model_info), value=model_info.default_method),
    } | columns(chosen["kind"]) | of_concepts(model_info, chosen) | of_authors(model_info, chosen) | show_method({"method": model_info.default_method})  # fmt: skip


def _hardest_set_runs(model_info: Facts, owner: str, run_id: str = "") -> gr.Dropdown:
    """A dropdown of an owner's runs that found a hardest forget set; the chosen one stays."""
    options = _targets.found_runs(model_info.id, owner, run_id)
    ids = [value for _, value in options]
    return gr.Dropdown(options, value=run_id if run_id in ids else next(iter(ids), None))


def columns(kind: str) -> Updates:
    """The widgets of one kind of target, and of no other."""
    return {name: gr.Column(visible=on) for name, on in _targets.visible_kind(kind).items()}


def of_concepts(model_info: Facts, chosen: Values) -> Updates:
    """Tiles and words of a model that draws, with these chosen; empty ones for a classifier."""
    updates: Updates = {}
    for domain in _targets.DOMAINS:
        names, name = model_info.domains.get(domain, []), f"{domain}s"
        updates |= {
            f"{name}_column": gr.Column(visible=bool(names)),
            f"keep_{name}_column": gr.Column(visible=bool(names)),
        }
        updates[name] = gr.CheckboxGroup(names, value=chosen.get(name, []))
        updates[f"keep_{name}"] = gr.CheckboxGroup(names, value=[])
    anchor = gr.Dropdown(
        job_form.anchors(model_info, chosen), value=chosen.get("anchor", ""), visible=not model_info.free
    )
    return updates | {
        "phrases": gr.Textbox(
            value=chosen.get("phrases", ""),
            label=_targets.written_label(model_info),
            info=_targets.written_info(model_info),
        ),
        "anchor": anchor,
        "keep_phrases": gr.Textbox(value="", visible=model_info.free),
    }


def of_authors(model_info: Facts, chosen: Values) -> Updates:
    """The lists of a language model, with these chosen; empty ones for any other."""
    return {
        "authors": gr.Dropdown(model_info.book.names, value=chosen.get("authors", []), multiselect=True),
        "author_set": gr.Radio(_targets.author_sets(model_info), value=chosen.get("author_set") or None),
        "keep_authors": gr.Dropdown(
            _targets.keep_choices(model_info), value=[], multiselect=True, visible=model_info.speaks
        ),
        **{name: chosen.get(name, "") for name in ("lines", "title", "passage", "topic")},
        "known": chosen.get("known", []),
        "table": in_table(chosen.get("lines", "")),
        "pairs_says": "",
        "passage_says": "",
        "topic_says": quiet(_targets.TOPIC_HELP),
    }


def in_table(lines: str | None) -> list[list[str]]:
    """Lines question => answer as rows of a table, with an empty one to write in; what is not finished has an empty answer."""
    rows = [[half.strip() for half in line.partition("=>")[::2]] for line in (lines or "").splitlines() if line.strip()]
    return [*rows, ["", ""]]


def from_table(rows: list[list[Any]]) -> str:
    """Rows of a table as lines question => answer; rows without a word are left out."""
    cells = [[" ".join(str("" if cell is None else cell).split()) for cell in row[:2]] for row in rows]
    return "\n".join(" => ".join(row) for row in cells if any(row))


def read_pairs_file(which: str) -> Callable[[Values], Updates]:
    """An uploaded file of questions, read at once so that a mistake is said at once."""

    def uploaded_pairs(values: Values) -> Updates:
        upload, line_name = values[f"{which}pairs_file"], f"{which}pairs_says"
        if not upload:
            return {}
        path = Path(upload)
        try:
            own = pairs.of_file(path, "keep" if which else "forget")
            if own.kind == "text":
                raise BadInput(f"{path.name} holds running text, not questions; choose “{KINDS['passage']}” for it.")
        except LetheError as error:
            return {line_name: error_line(str(error))}
        return {
            **_question_updates(which, own.pairs),
            f"{which}title": own.title,
            line_name: note(" ".join((f"{path.name}: {pairs.counted(len(own.pairs))}.", *own.notes))),
        }

    return uploaded_pairs


def _question_updates(which: str, some: Sequence[pairs.Pair]) -> Updates:
    """Updates that put questions into the lines, the table and the state beside them."""
    lines = in_lines(some)
    detailed_pairs = [pair.model_dump() for pair in some if not pair.plain]
    return {
        f"{which}lines": lines,
        f"{which}table": in_table(lines),
        f"{which}known": detailed_pairs,
        f"{which}tabs": gr.Tabs(selected="table"),
    }


def read_passage_file(values: Values) -> Updates:
    """An uploaded text."""
    if not values["passage_file"]:
        return {}
    path = Path(values["passage_file"])
    try:
        own = pairs.passage_of_file(path)
    except LetheError as error:
        return {"passage_says": error_line(str(error))}
    message = " ".join((f"{path.name}: {len(own.text.split()):,} words.", *own.notes))
    return {"passage": own.text, "passage_says": note(message)}


def announce_questions(values: Values) -> Updates:
    """The message while the model writes."""
    about = " ".join((values["topic"] or "").split()) or "the topic"
    message = note(
        f"The model writes questions about {about} and answers them; on two processor cores this can take two or three minutes…"
    )
    return {"topic_says": message, "topic_write": gr.Button("Writing…", interactive=False)}


def write_questions(values: Values) -> Updates:
    """The questions that the model wrote, to be forgotten and to be kept."""
    button = {"topic_write": gr.Button("Write questions", interactive=True)}
    try:
        model_info = job_form.facts(values)
        written = LIVE.ask("write_questions", model=model_info.id, topic=values["topic"] or "", data=model_info.data)
        forget, keep = (pairs.of_rows(written[part]).pairs if written[part] else () for part in ("forget", "keep"))
    except LetheError as error:
        return button | {"topic_says": error_line(str(error))}
    updates = button | {"topic_says": note(f"{written['says']} Change what you like.")} | _question_updates("", forget)
    if not keep:
        return updates
    return (
        updates
        | _question_updates("keep_", keep)
        | {
            "keep_mode": "own",
            "keep_title": f"what is near to {written['title']}",
            "on_keep": gr.Column(visible=False),
            "on_keep_pairs": gr.Column(visible=True),
        }
    )


def show_method(values: Values) -> Updates:
    """The paragraph and the settings of the chosen method."""
    entries = catalog.load()
    updates: Updates = {
        f"params.{entry.id}{part}": gr.Column(visible=entry.id == values["method"])
        for entry in entries.methods
        for part in ("", ".instead")
        if not part or job_form.instead_name(entry)
    }
    return updates | {"detail": _steps.method_detail(entries.get("methods", values["method"]))}


def show_class_images(values: Values) -> Updates:
    """Three example images for each class, object or style, on its tile."""
    model_info = _facts(values)
    if model_info is None or model_info.many or model_info.speaks:
        return {"class_style": ""}
    if model_info.draws:
        rows_by_domain = dataset_images.drawings(model_info.drawings, model_info.domains)
        return {
            "class_style": "".join(dataset_images.tile_variables(name, rows) for name, rows in rows_by_domain.items())
        }
    try:
        return {
            "class_style": dataset_images.tile_variables(
                "class", dataset_images.examples(model_info.id, model_info.classes, model_info.data)
            )
        }
    except LetheError:
        return {"class_style": ""}
